"""Train convex heads to their optimum: logistic regression, many at once, each with a certificate.

Forward losses only (forward_ce, hard_ce, forward_kl), whose objective with a ridge has one minimum. All heads are
minimised together (`minimise`), then checked in float64 (`certificate`). A head that the common run does not bring
there, and one that sees too few examples for the common Hessian to be any guide, is minimised alone, on its own
examples and with its own Hessian; with fewer examples than features, in the space that they span (`span`). How fast
this is: docs/heads.md.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Literal

import numpy as np
from jaxtyping import Float

from outlearn.blas_threads import LARGE
from outlearn.core.feature_matrix import FeatureMatrix
from outlearn.core.ranges import Range
from outlearn.errors import ConfigError, DataError, DomainError, suggest
from outlearn.lazy_torch import Tensor, no_grad, torch
from outlearn.learners.blocks import LinearBlock, computed_logits
from outlearn.learners.certificate import certify
from outlearn.learners.checked_inputs import Inputs, check_inputs
from outlearn.learners.collected import Collected
from outlearn.learners.convex_problems import Labels, Problem, cross_entropy_of, labels_of, problem_of
from outlearn.learners.fitted import FitResult
from outlearn.learners.jobs import HeadJob
from outlearn.learners.memory import allowed_memory
from outlearn.learners.minimise import MEMORY, minimise
from outlearn.learners.newton import newton
from outlearn.learners.objective import Objective
from outlearn.learners.rows import Rows
from outlearn.learners.span import LARGEST, Span
from outlearn.losses import LOSSES, Loss, loss_name
from outlearn.losses.registry import default_loss
from outlearn.parallel import equal_parts, one_thread_an_operation, run_chunks

__all__ = ["fit_convex"]

WIDEST = 128  # heads of a chunk: wide enough for the products to run at speed, and for a common Hessian to pay
SIDE_BY_SIDE = 4  # chunks that fit the memory together
MARGIN = 0.25  # aim for this part of the tolerance, so that the check in float64 passes
TOGETHER = 30  # steps of the common run
REFRESHED = (4, 8)  # steps of it after which the common Hessian is renewed
ALONE = 200  # steps of a head's own run
ATTEMPTS = 3
MIN_EXAMPLES = 2  # for each feature; with fewer a head's Hessian is unlike the average one


@no_grad()
def fit_convex(
    features: FeatureMatrix,
    targets: Float[np.ndarray, "labelings examples classes"],
    jobs: Sequence[HeadJob],
    points: Mapping[str, FeatureMatrix],
    *,
    C: float = 1.0,
    tolerance: float = 1e-5,
    weights: Float[np.ndarray, "weightings examples"] | None = None,
    bias: bool = True,
    standardise: bool = True,
    dtype: Literal["float32", "float64"] = "float32",
    progress: Callable[[int, int], None] | None = None,
    memory_bytes: int | None = None,
) -> FitResult:
    """Minimise sum_i w_i CE(t_i, s_i) + |W|^2 / (2 C) for each job, the intercept not penalised.

    This is scikit-learn's LogisticRegression; two classes share one weight vector, as there. Targets may be soft. The
    seed of a job plays no part: the minimum is unique.

    Args:
        features: of the training examples.
        targets: teacher distributions, one labeling for each teacher.
        jobs: the heads; their losses forward_ce, hard_ce or forward_kl (the same minimum as forward_ce).
        points: named sets of features to predict.
        C: inverse strength of the ridge.
        tolerance: the largest gap allowed between a head's objective and its minimum, the objective divided by the
            total weight: nats per example. The bound on it is proved for each head (`FitResult.gaps`).
        weights: sample weights that jobs may refer to, at least 0; not rescaled: they compete with the ridge.
        bias: whether there is an intercept.
        standardise: standardise by the training features' moments first; the ridge acts on standardised features.
        dtype: in which the common run computes; checks are in float64 always.
        progress: called with (heads done, all heads); jobs that differ in seed only count once.
        memory_bytes: work on chunks of heads so that working memory stays near this; 512 MiB by default.

    Returns:
        Predictions at the optimum, with one checkpoint: the largest number of passes over the data that a head took.

    Raises:
        ConfigError: a loss is not convex in the weights, or C or tolerance is not a number above 0.
        DataError: with an intercept, a class has no weight in some labeling, so that no finite intercept is best.
        DomainError: the tolerance was not reached: the message names the job and the bound that was.
        ShapeError: see `fit_predict`, also for other errors of the arguments.

    Examples:
        >>> from outlearn.losses import get_loss
        >>> x = np.array([[-1.0], [0.0], [1.0]], dtype=np.float32)
        >>> labels = np.array([[[0.9, 0.1], [0.5, 0.5], [0.1, 0.9]]])
        >>> fit = fit_convex(x, labels, [HeadJob(0, get_loss("forward_ce"))], {"train": x}, C=1e6)
        >>> np.exp(fit.logits["train"][0, 0, 0] - np.logaddexp(*fit.logits["train"][0, 0, 0])).round(2)
        array([0.9, 0.1], dtype=float32)
    """
    for name, value in (("C", C), ("tolerance", tolerance)):
        Range(0.0, open_low=True).check(name, value)
    if dtype not in ("float32", "float64"):
        raise ConfigError(f"dtype is {dtype!r}; {suggest(dtype, ('float32', 'float64'))}")
    if memory_bytes is not None:
        Range(1, whole=True).check("memory_bytes", memory_bytes)
    for index, job in enumerate(jobs):
        loss = getattr(job, "loss", None)  # what is no job at all is named by check_inputs
        if isinstance(loss, Loss) and cross_entropy_of(loss) is None:
            defaults = {name: default_loss(kind) for name, kind in LOSSES.items()}
            convex = [name for name, known in defaults.items() if known is not None and cross_entropy_of(known)]
            raise ConfigError(
                f"jobs[{index}] has the loss {loss_name(loss)}, which is not convex in the weights; fit_convex "
                f"takes {', '.join(convex)}. Train {', '.join(sorted(LOSSES.keys() - set(convex)))} "
                "by minibatches with fit_predict."
            )
    torch_dtype = torch.float32 if dtype == "float32" else torch.float64
    with one_thread_an_operation() as threads:
        data = check_inputs(
            features, targets, jobs, points, weights, bias=bias, standardise=standardise, dtype=torch_dtype
        )
        problems: dict[Problem, int] = {}
        which = [problems.setdefault(problem_of(job), len(problems)) for job in jobs]
        names = [f"jobs[{which.index(i)}] ({jobs[which.index(i)]})" for i in range(len(problems))]
        solver = _Solver(data, list(problems), names, C=C, tolerance=tolerance, bias=bias)
        # A Hessian of this many products is worth the barriers of a product split over threads.
        large = len(data.features) * data.features.shape[1] ** 2 > LARGE
        memory = memory_bytes or allowed_memory()
        chunks = solver.chunks(memory)
        run_chunks(
            [partial(solver.solve, chunk) for chunk in chunks],
            threads=min(threads, max(1, memory // (solver.bytes_of_head * max(map(len, chunks))))),
            threads_each=max(1, threads // len(chunks)) if large else 1,
            progress=lambda done: None if progress is None else progress(done, len(problems)),
        )
        results = Collected(data, len(jobs), 1, hidden=None, dtype=torch.float64)
        wide = solver.parameters[:, which].contiguous().view(data.features.shape[1], -1)
        members = list(range(len(jobs)))
        results.record(0, _block(wide.to(torch_dtype), len(jobs), bias=bias), members)
        results.keep(0, _block(wide, len(jobs), bias=bias), members)
    return results.finish((float(solver.passes),), gaps=solver.gaps[which].numpy())


def _block(weight: Tensor, n_heads: int, *, bias: bool) -> LinearBlock:
    """Present parameters `[inputs, logits x heads]` as heads."""
    n_logits = weight.shape[1] // n_heads
    n_classes = 2 if n_logits == 1 else n_logits
    return LinearBlock(weight, weight, n_heads=n_heads, n_outputs=n_classes, batch_size=0, bias=bias)


class _Solver:
    """Solve problems chunk by chunk, each chunk writing its own columns of the results.

    Attributes:
        parameters: `[inputs x logits, problems]`, float64.
        gaps: the certified bounds, `[problems]`.
        passes: the largest number of passes over the data so far.
    """

    def __init__(
        self, data: Inputs, problems: list[Problem], names: list[str], *, C: float, tolerance: float, bias: bool
    ) -> None:
        self.data, self.problems, self.names = data, problems, names
        self.C, self.tolerance, self.bias = C, tolerance, bias
        self.n_logits = computed_logits(data.n_outputs)
        self.parameters = torch.zeros(data.features.shape[1] * self.n_logits, len(problems), dtype=torch.float64)
        self.gaps = self.parameters.new_full((len(problems),), torch.inf)
        self.passes = 0
        if bias:
            self._check_classes()

    @property
    def bytes_of_head(self) -> int:
        """Return what a head needs while it is trained."""
        n, inputs = self.data.features.shape
        numbers = n * (2 * self.n_logits + 2) + (2 * MEMORY + 8) * inputs * self.n_logits
        return numbers * self.data.targets.element_size()

    def chunks(self, memory_bytes: int) -> list[list[int]]:
        """Split the problems.

        The heads of a chunk share a Hessian, so chunks follow from the problems alone, never from the threads, and from
        the memory only where it could not hold a few chunks of the usual width.
        """
        widest = min(WIDEST, max(1, memory_bytes // (SIDE_BY_SIDE * self.bytes_of_head)))
        return equal_parts(range(len(self.problems)), -(-len(self.problems) // widest))

    def solve(self, chunk: list[int], report: Callable[[int], None]) -> None:
        """Minimise and certify these problems."""
        together = [i for i in chunk if self._n_seen(self.problems[i]) > self._few]
        if together:
            self._together(together, report)
        left = [i for i in chunk if not self.gaps[i] <= self.tolerance]
        for done, i in enumerate(left):
            report(len(chunk) - len(left) + done)
            self._alone(i)
        report(len(chunk))

    @property
    def _few(self) -> int:
        """Return how many examples are too few to share a Hessian; more than a span can hold are never too few."""
        return min(MIN_EXAMPLES * self.data.features.shape[1] - 1, LARGEST)

    def _check_classes(self) -> None:
        """Raise if a class without weight would send an intercept to minus infinity."""
        for name_of_labels in dict.fromkeys(problem.labels for problem in self.problems):
            labels = labels_of(self.data, name_of_labels)
            everywhere = labels.sum(0)
            for problem, name in zip(self.problems, self.names, strict=True):
                if problem.labels != name_of_labels:
                    continue
                absent = everywhere <= 0.0 if problem.weighting is None else self._weights(problem) @ labels <= 0.0
                if bool(absent.any()):
                    raise DataError(
                        f"{name}: no example with weight has a label in class {int(absent.nonzero()[0])}, so the "
                        "intercept of that class has no finite optimum. Give each class an example, soften the "
                        "labels, or use bias=False."
                    )

    def _together(self, chunk: list[int], report: Callable[[int], None]) -> None:
        """Minimise in one batch, from 0."""
        objective = self._objective([self.problems[i] for i in chunk], self.data.features)
        start = objective.pulls.new_zeros(len(self.parameters), len(chunk))
        found, steps = minimise(
            objective,
            start,
            target=MARGIN * self.tolerance,
            max_iterations=TOGETHER,
            refresh=lambda step: step in REFRESHED,
            report=report,
        )
        self.passes = max(self.passes, steps)
        self.parameters[:, chunk], self.gaps[chunk] = certify(objective, found.double())

    def _alone(self, index: int) -> None:
        """Minimise one head in float64 on the examples it sees, with its own Hessian."""
        objective = self._objective([self.problems[index]], self.data.features)
        seen = objective.weights[:, 0, 0] > 0.0
        x = objective.rows if bool(seen.all()) else objective.rows.select(seen.nonzero().squeeze(1))
        pulls, weights, ridge = objective.pulls[seen].double(), objective.weights[seen].double(), objective.ridge
        whole = Objective(x, pulls, weights, ridge.double(), self.bias)
        span = Span.of(x)
        objective = replace(whole, x=x.double() if span is None else span.rows)
        found, gap = newton(objective, target=self.tolerance), math.inf
        for attempt in range(1, ATTEMPTS + 1):
            found, steps = minimise(
                objective,
                found,
                target=self.tolerance * MARGIN**attempt,
                max_iterations=ALONE,
                refresh=lambda step: step <= 8 or step % 8 == 0,
            )
            self.passes = max(self.passes, steps)
            found, gaps = certify(objective, found)
            parameters = found
            if span is not None:  # what rounding took from the span is checked in all features
                parameters, gaps = certify(whole, span.to_features(found.view(-1, self.n_logits)).view(-1, 1))
            gap = float(gaps[0])
            if gap <= self.tolerance:
                self.parameters[:, index], self.gaps[index] = parameters[:, 0], gap
                return
        raise DomainError(
            f"{self.names[index]}: the gap is known to be at most {gap:.2g}, not the tolerance {self.tolerance:g}. "
            "Use a smaller C, features of one scale (standardise), or allow a larger tolerance."
        )

    def _n_seen(self, problem: Problem) -> int:
        """Count the examples with weight above 0."""
        return self.data.n_examples if problem.weighting is None else int((self._weights(problem) > 0.0).sum())

    def _weights(self, problem: Problem) -> Tensor:
        """Return the weights of the examples, with mean 1."""
        if problem.weighting is None or self.data.weights is None:
            return self.data.targets.new_ones(self.data.n_examples)
        return self.data.weights[problem.weighting]

    def _objective(self, problems: list[Problem], x: Rows) -> Objective:
        """Lay out the tables of these heads, in the dtype of x."""
        n, k = self.data.n_examples, self.data.n_outputs
        first = k - self.n_logits  # two classes: the margin pulls towards class 1
        weights = torch.stack([self._weights(problem) for problem in problems], dim=1).to(x.dtype)[:, None] / n
        pulls = weights.new_empty(n, self.n_logits, len(problems))
        by_labels: dict[Labels, list[int]] = {}
        for head, problem in enumerate(problems):
            by_labels.setdefault(problem.labels, []).append(head)
        for name_of_labels, heads in by_labels.items():
            labels = labels_of(self.data, name_of_labels)[:, first:].to(x.dtype)
            pulls[:, :, heads] = labels[:, :, None] * weights[:, :, heads]
        totals = np.array([n if w is None else self.data.totals[w] for _, w in problems], dtype=np.float64)
        ridge = torch.from_numpy(1.0 / (self.C * totals)).to(x.dtype)
        return Objective(x, pulls, weights, ridge, self.bias)
