"""Train any number of heads on the same frozen features in one computation.

Each step reads a minibatch once for every head of an order group, takes all their gradients in closed form, and
updates all parameters by one AdamW call. Convention: models first and classes last outside; heads innermost inside.
Formulas are in `head_gradients`, products in `blocks`, randomness in `head_randomness`; its speed: docs/heads.md.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from jaxtyping import Float

from outlearn.core.feature_matrix import FeatureMatrix
from outlearn.core.ranges import Range
from outlearn.errors import ConfigError, DomainError
from outlearn.lazy_torch import Tensor, no_grad, torch
from outlearn.learners.blocks import Block, HiddenBlock, LinearBlock, computed_logits, padded
from outlearn.learners.checked_inputs import Inputs, check_inputs
from outlearn.learners.collected import Collected
from outlearn.learners.fitted import FitResult
from outlearn.learners.head_gradients import Rule, arrange, build_rules, table_columns
from outlearn.learners.head_randomness import initial_layers, minibatch_order, steps_per_epoch
from outlearn.learners.jobs import HeadJob, HeadSettings, through_links
from outlearn.learners.memory import allowed_memory
from outlearn.learners.optimiser import FlatAdamW, Parameters
from outlearn.parallel import equal_parts, one_thread_an_operation, run_chunks

__all__ = ["fit_predict"]

NARROW = 64  # columns of a product, below which splitting them over threads saves little
WIDEST = 256  # heads of a chunk: wide enough for the products to run at speed
SIDE_BY_SIDE = 4  # chunks that fit the memory together


@dataclass(frozen=True)
class Group:
    """Hold the heads that share a minibatch order."""

    order: int
    members: list[int]  # indices of the jobs, in the order of the columns
    block: Block
    rules: list[Rule]


@no_grad()
def fit_predict(
    features: FeatureMatrix,
    targets: Float[np.ndarray, "labelings examples classes"],
    jobs: Sequence[HeadJob],
    points: Mapping[str, FeatureMatrix],
    *,
    settings: HeadSettings | None = None,
    weights: Float[np.ndarray, "weightings examples"] | None = None,
    checkpoints: Sequence[float] = (),
    progress: Callable[[int, int], None] | None = None,
    memory_bytes: int | None = None,
    predict_path: bool = True,
) -> FitResult:
    """Train one head for each job and predict the points with all of them.

    The loss of a minibatch is the mean over its examples of weight x loss, each weighting scaled to mean 1 over the
    training set: a weight of 2 is an example that is there twice, 0 one that is not there. Results depend on a job's
    own fields only, not on the other jobs (up to rounding), and are the same for the same seed.

    Args:
        features: of the training examples.
        targets: teacher distributions, one labeling for each teacher, soft or one-hot; for losses of numbers, numbers
            `[labelings, examples, 1]`, which each head learns in units of its own labels (`units`).
        jobs: the heads to train, all of classes or all of numbers.
        points: named sets of features to predict.
        settings: shared by all heads; the defaults are those of `HeadSettings`.
        weights: sample weights that jobs may refer to, at least 0.
        checkpoints: epochs at which to predict too, in [0, epochs]; rounded to whole minibatches.
        progress: called with (steps done, all steps) after each epoch.
        memory_bytes: train the heads in chunks so that working memory stays near this; by default 512 MiB. The
            result is the same, to the last bit unless a thousand heads need more than this. Features, points and
            predictions are not counted: they must exist anyway.
        predict_path: False to predict at the end only; the heads of the other checkpoints are in `path` all the same.

    Returns:
        Predictions at each checkpoint and at the end, or at the end only, and the heads, which give numbers before the
        link.

    Raises:
        ShapeError, DataError: an argument has the wrong shape or cannot be learned from.
        DomainError: a value is not finite or not a probability, or a head diverged: the message names its job.
        ConfigError: a job, checkpoint or setting is not allowed; aux_conf with a weighting is refused.

    Examples:
        >>> from outlearn.losses import get_loss
        >>> x = np.array([[-2.0], [-1.0], [1.0], [2.0]], dtype=np.float32)
        >>> labels = np.array([[[0.9, 0.1], [0.8, 0.2], [0.2, 0.8], [0.1, 0.9]]])
        >>> jobs = [HeadJob(0, get_loss("forward_ce"), seed=s) for s in range(3)]
        >>> result = fit_predict(x, labels, jobs, {"test": x}, settings=HeadSettings(epochs=500, batch_size=4))
        >>> result.logits["test"].shape
        (1, 3, 4, 2)
        >>> result.logits["test"][0, 0].argmax(-1)
        array([0, 0, 1, 1])
    """
    settings = settings or HeadSettings()
    dtype = torch.float32 if settings.dtype == "float32" else torch.float64
    with one_thread_an_operation() as threads:
        data = check_inputs(
            features, targets, jobs, points, weights, bias=settings.bias, standardise=settings.standardise, dtype=dtype
        )
        per_epoch = steps_per_epoch(data.n_examples, settings.batch_size)
        n_steps = max(1, round(settings.epochs * per_epoch))
        stops = _checkpoint_steps(checkpoints, settings.epochs, per_epoch, n_steps)
        results = Collected(data, len(jobs), len(stops), hidden=settings.hidden, dtype=dtype, predict_path=predict_path)
        memory = allowed_memory() if memory_bytes is None else memory_bytes
        of_head = _bytes_of_head(data, settings)
        chunks = _chunks(jobs, settings, memory, of_head, n_logits=computed_logits(data.n_outputs))
        at_once = max(1, memory // (of_head * max(map(len, chunks))))

        def train(chunk: list[int], report: Callable[[int], None]) -> None:
            groups, optimiser = _build(jobs, chunk, data, settings)
            _train(jobs, groups, optimiser, data, settings, n_steps, stops, results, report)

        run_chunks(
            [partial(train, chunk) for chunk in chunks],
            threads=min(threads, at_once),
            progress=lambda done: None if progress is None else progress(done, len(chunks) * n_steps),
        )
    epochs = tuple(min(step / per_epoch, settings.epochs) for step in stops[:-1])
    found = results.finish((*epochs, float(settings.epochs)))
    through_links(found.logits.values(), jobs)
    return found


def _train(
    jobs: Sequence[HeadJob],
    groups: list[Group],
    optimiser: FlatAdamW,
    data: Inputs,
    settings: HeadSettings,
    n_steps: int,
    stops: list[int],
    results: Collected,
    report: Callable[[int], None],
) -> None:
    """Run all steps of the groups in lockstep, recording predictions at the stops."""
    size = settings.batch_size
    per_epoch = steps_per_epoch(data.n_examples, size)
    minibatch = data.targets.new_empty(min(size, data.n_examples), data.features.shape[1])
    orders: list[Tensor] = []
    recorded = {step: i for i, step in enumerate(stops)}
    for step in range(n_steps + 1):
        if step in recorded:
            _require_finite(jobs, groups, step / per_epoch)
            for group in groups:
                results.record(recorded[step], group.block, group.members)
                results.keep(recorded[step], group.block, group.members)
        if step == n_steps:
            break
        epoch, position = divmod(step, per_epoch)
        if position == 0:
            if step:
                _require_finite(jobs, groups, float(epoch))
                report(step)
            orders = [minibatch_order(group.order, epoch, data.n_examples) for group in groups]
        done = step / n_steps
        start, stop = position * size, min((position + 1) * size, data.n_examples)
        x = minibatch[: stop - start]
        for group, order in zip(groups, orders, strict=True):
            rows = order[start:stop]
            data.features.take(rows, x)
            group.block.forward(x)
            for rule in group.rules:
                rule.write(rows, done)
            group.block.backward(x)
        optimiser.step(settings.rate(done))
    report(n_steps)


def _build(
    jobs: Sequence[HeadJob], chunk: Sequence[int], data: Inputs, settings: HeadSettings
) -> tuple[list[Group], FlatAdamW]:
    """Lay out the parameters of a chunk of heads, group after group, in flat buffers."""
    n_outputs, n_logits = data.n_outputs, computed_logits(data.n_outputs)
    inputs, hidden = data.features.shape[1], settings.hidden
    batch_size = min(settings.batch_size, data.n_examples)
    by_order: dict[int, list[int]] = {}
    for job in chunk:
        by_order.setdefault(jobs[job].seed % settings.order_groups, []).append(job)
    spans = {order: arrange(jobs, members) for order, members in sorted(by_order.items())}
    shapes: list[list[tuple[int, ...]]] = []
    for order in spans:
        n_heads = len(by_order[order])
        if hidden is None:
            shapes.append([(inputs, padded(n_heads, n_logits) * n_logits)])
        else:
            shapes.append([(inputs, n_heads * hidden), (n_heads, hidden + 1, n_logits)])
    buffers = [
        Parameters(
            data.targets.new_zeros(sum(math.prod(group[layer]) for group in shapes)),
            differences=n_outputs == 2 and layer == len(shapes[0]) - 1,
        )
        for layer in range(len(shapes[0]))
    ]
    groups, start = [], [0] * len(buffers)
    for (order, group_spans), group_shapes in zip(spans.items(), shapes, strict=True):
        views = []
        for layer, shape in enumerate(group_shapes):
            part = slice(start[layer], start[layer] + math.prod(shape))
            start[layer] = part.stop
            views += [buffers[layer].values[part].view(shape), buffers[layer].gradient[part].view(shape)]
        members = [job for span in group_spans for job in span.jobs]
        block: Block
        if hidden is None:
            block = LinearBlock(
                *views, n_heads=len(members), n_outputs=n_outputs, batch_size=batch_size, bias=settings.bias
            )
        else:
            block = HiddenBlock(*views, n_outputs=n_outputs, batch_size=batch_size, bias=settings.bias)
        sizes = [inputs - settings.bias, *([] if hidden is None else [hidden]), data.n_outputs]
        block.load([initial_layers(jobs[job].seed, sizes, bias=settings.bias) for job in members])
        groups.append(Group(order, members, block, build_rules(jobs, group_spans, data, block)))
    return groups, FlatAdamW(buffers, settings.weight_decay)


def _checkpoint_steps(checkpoints: Sequence[float], epochs: float, per_epoch: int, n_steps: int) -> list[int]:
    """Return the steps after which to predict, increasing; the last is the end."""
    for value in checkpoints:
        if not isinstance(value, int | float | np.number) or not 0 <= value <= epochs:
            raise ConfigError(f"checkpoints contain {value!r}; expected epochs between 0 and {epochs:g}, the length.")
    steps = {min(round(value * per_epoch), n_steps) for value in checkpoints}
    return sorted(steps | {n_steps})


def _bytes_of_head(data: Inputs, settings: HeadSettings) -> int:
    """Estimate the working memory of one head."""
    k, inputs = data.n_outputs, data.features.shape[1]
    logits = computed_logits(k)
    batch = min(settings.batch_size, data.n_examples)
    parameters = inputs * logits if settings.hidden is None else (inputs + logits) * settings.hidden
    # The table of coefficients, what one loss needs to build its share, the optimiser's four buffers, a step's buffers.
    numbers = data.n_examples * (table_columns(k) + 3 * k) + 4 * parameters
    numbers += batch * (2 * (settings.hidden or 0) + 3 * table_columns(k))
    return int(numbers * data.targets.element_size())


def _chunks(
    jobs: Sequence[HeadJob], settings: HeadSettings, memory_bytes: int, of_head: int, *, n_logits: int
) -> list[list[int]]:
    """Split the jobs into chunks, neighbours in order and loss together.

    Rounding depends a little on which heads lie beside each other, so chunks follow from the jobs alone, never from the
    threads, and from the memory only where it could not hold a few chunks of the usual width.
    """
    Range(1, whole=True).check("memory_bytes", memory_bytes)
    widest = min(WIDEST, max(1, memory_bytes // (SIDE_BY_SIDE * of_head)))
    narrow = -(-NARROW // (settings.hidden or n_logits))
    by_order: dict[int, list[int]] = {}
    for i in sorted(range(len(jobs)), key=lambda i: (jobs[i].seed % settings.order_groups, repr(jobs[i].loss), i)):
        by_order.setdefault(jobs[i].seed % settings.order_groups, []).append(i)
    chunks: list[list[int]] = []
    for members in by_order.values():
        for part in equal_parts(members, -(-len(members) // widest)):
            # Few heads of one order wait for those of the next.
            if chunks and len(chunks[-1]) < narrow and len(chunks[-1]) + len(part) <= widest:
                chunks[-1] += part
            else:
                chunks.append(part)
    return chunks


def _require_finite(jobs: Sequence[HeadJob], groups: list[Group], epoch: float) -> None:
    """Raise if a head diverged, naming the first."""
    for group in groups:
        finite = group.block.finite()
        if not finite.all():
            index = group.members[int(finite.argmin())]
            raise DomainError(
                f"jobs[{index}] ({jobs[index]}) diverged: its weights are not finite at epoch {epoch:g}, and so are "
                f"those of {int((~finite).sum()) - 1} others beside it. Lower learning_rate, or standardise features."
            )
