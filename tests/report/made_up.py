"""Run folders made up from seeded random models, so that the report is tested without training anything.

Teachers see the truth through noise that all of them share (bias) and noise of their own (variance). Students keep some
of their teacher's own noise: a lot with forward_ce, little with reverse_ce. Every number of the results is computed
from the arrays that are written beside it, with formulas written out here and not with the package's own.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save_file
from scipy.special import log_softmax, logsumexp

from outlearn.core.intervals import Interval
from outlearn.core.mean_intervals import point_interval, two_way_interval
from outlearn.results import run as records
from outlearn.results.measurement import Withheld
from outlearn.results.run import SCHEMA, RunResults
from outlearn.results.scored import Scored
from outlearn.results.true_labels import CurvePoint, Tuning, Worth

# How each loss turns its teacher into a student: (sharpness, share of the teacher's own noise that it keeps).
CHARACTERS = {
    "forward_ce": (0.9, 0.6),
    "reverse_ce": (1.5, 0.25),
    "mae": (2.2, 0.4),
    "cace(threshold=0.6)": (1.1, 0.45),
    "symmetric_ce": (1.2, 0.4),
    "aux_conf": (1.6, 0.5),
    "hard_ce": (1.4, 0.6),
    "reverse_kl": (1.3, 0.3),
}
HOSTILE = (
    "<script>window.hacked=1</script>",
    "</script><script>window.hacked=1</script>",
    "</title></style><img src=x onerror='window.hacked=1'>",
    '"\' onmouseover="window.hacked=1" x=\'',
    "<!-- ]]> {{ 7*7 }} {% raw %} ${window.hacked=1}",
    "\u202eשלום עולם العربية\u202c",
    "a|b `c` *d* [e](javascript:window.hacked=1) \\",
    "line\nbreak\ttab\u2028separator\x00",
    "very long " + "abc" * 1200,
    '=HYPERLINK("http://example.org") & &amp; &lt;b&gt; \ud83d\ude00'.encode("utf-16", "surrogatepass").decode(
        "utf-16"
    ),
)

NAN = float("nan")


@dataclass(frozen=True)
class MadeUp:
    """A run before it is written: results, points, arrays and configuration."""

    results: RunResults
    points: list[dict[str, Any]]
    arrays: dict[str, dict[str, np.ndarray]]
    metadata: dict[str, dict[str, str]]
    config: dict[str, Any]

    def write(self, path: Path) -> Path:
        """Write the run folder and return its path."""
        (path / "predictions").mkdir(parents=True)
        (path / "results.json").write_text(json.dumps(self.results.to_json(), allow_nan=False), encoding="utf-8")
        (path / "config.yaml").write_text(json.dumps(self.config), encoding="utf-8")  # JSON is YAML
        lines = "".join(json.dumps(point) + "\n" for point in self.points)
        (path / "predictions" / "points.jsonl").write_text(lines, encoding="utf-8")
        for name, arrays in self.arrays.items():
            save_file(arrays, path / "predictions" / f"{name}.safetensors", metadata=self.metadata[name])
        return path


def make_up(
    *,
    n_classes: int = 2,
    n_teachers: int = 4,
    n_seeds: int = 2,
    n_points: int = 160,
    losses: Sequence[str] = ("forward_ce", "reverse_ce", "mae", "cace(threshold=0.6)"),
    kind: str = "classification",
    skill: float = 1.0,
    shared_noise: float = 0.8,
    own_noise: float = 1.4,
    hostile: bool = False,
    name: str = "made-up",
    seed: int = 0,
) -> MadeUp:
    """Make up a run; `hostile` puts markup, quotes, bidirectional and very long text into every field of text."""
    rng = np.random.default_rng(seed)
    if hostile:
        losses = [f"{loss}{HOSTILE[i % len(HOSTILE)]}" for i, loss in enumerate(losses)]
    sizes = {"validation": max(n_points // 3, 12), "test": n_points}
    models: dict[str, dict[str, np.ndarray]] = {}
    labels: dict[str, np.ndarray] = {}
    for split, n in sizes.items():
        truth = rng.normal(size=(n, n_classes)) * 1.5
        gumbel = -np.log(-np.log(rng.uniform(size=(n, n_classes))))
        labels[split] = (2.0 * truth + gumbel).argmax(axis=1)
        shared = rng.normal(size=(n, n_classes)) * shared_noise
        own = rng.normal(size=(n_teachers, n, n_classes)) * own_noise
        logits = {"teachers": skill * truth + shared + own}
        for loss in losses:
            sharpness, kept = _character(loss)
            wobble = rng.normal(size=(n_teachers, n_seeds, n, n_classes)) * 0.15
            base = skill * truth + 0.6 * shared + kept * own
            logits[loss] = (sharpness * (base[:, None] + wobble)).reshape(-1, n, n_classes)
        logits["ceilings"] = 2.0 * truth + rng.normal(size=(3, n, n_classes)) * 0.4
        models[split] = {key: log_softmax(value, axis=-1) for key, value in logits.items()}
    teacher_of = np.tile(np.repeat(np.arange(n_teachers), n_seeds), len(losses))
    students = {split: np.concatenate([models[split][loss] for loss in losses]) for split in sizes}
    arrays = {
        "teachers": _by_split(models, "teachers"),
        "ceilings": _by_split(models, "ceilings"),
        "students": {
            **{f"{split}.log_probs": value for split, value in students.items()},
            "teacher_of": teacher_of,
            "loss_of": np.repeat(np.arange(len(losses)), n_teachers * n_seeds),
            "seed_of": np.tile(np.arange(n_seeds), n_teachers * len(losses)),
        },
    }
    metadata = {
        "teachers": {"models": json.dumps([f"teacher {m}" for m in range(n_teachers)])},
        "ceilings": {"models": json.dumps([f"ceiling {m}" for m in range(3)])},
        "students": {"losses": json.dumps(list(losses)), "sources": json.dumps(["each"] * len(losses))},
    }
    class_names = [HOSTILE[k % len(HOSTILE)] + str(k) if hostile else f"class {k}" for k in range(n_classes)]
    config = {
        "seed": seed,
        "data": {"name": name},
        "teacher": {"models": n_teachers, "encoder": {"kind": "tfidf"}, "labels": 200},
        "student": {"encoder": {"kind": "minilm"}, "loss": list(losses), "seeds": n_seeds},
        "measure": {"generator": "negative_entropy", "order": "target_first", "level": 0.95},
    }
    return MadeUp(
        results=_results(
            models, labels, losses, n_seeds, kind=kind, class_names=class_names, name=name, hostile=hostile
        ),
        points=[p for split in sizes for p in _points(split, labels[split], kind=kind, hostile=hostile, rng=rng)],
        arrays=arrays,
        metadata=metadata,
        config=config,
    )


def made_up_run(path: Path, **choices: Any) -> Path:
    """Write a made-up run folder at `path`."""
    return make_up(**choices).write(path)


def changed(results: RunResults, loss: str | None = None, **fields: Any) -> RunResults:
    """Return the results with fields of the students replaced: of one loss, or of all."""
    students = {
        name: student.model_copy(update=fields) if loss in (None, name) else student
        for name, student in results.students.items()
    }
    return results.model_copy(update={"students": students})


def about(mean: float, half: float = NAN, *, reason: str | None = None) -> Interval:
    """Return an interval around a mean; without `half` there is none, for the reason given."""
    return Interval(mean, mean - half, mean + half, half / 2, 4, 100, reason=reason)


def recovered(value: float | None, half: float = NAN, *, reason: str | None = None) -> records.Recovery:
    """Return a PGR with its interval, or withheld."""
    low, high = (None, None) if value is None else (value - half, value + half)
    return records.Recovery(
        value=value,
        low=low,
        high=high,
        reason=reason,
        over="models and points",
        gain=about(0.1, 0.1),
        room=about(0.5, 0.1),
    )


def interval(values: np.ndarray, clusters: np.ndarray | None = None) -> Interval:
    """Measure values `[models, points]`: over points alone for one model or teacher."""
    n_models = len(values) if clusters is None else len(np.unique(clusters))
    return two_way_interval(values, clusters=clusters) if n_models > 1 else point_interval(values)


def _pgr(gain: Interval, room: Interval) -> records.Recovery:
    known = room.low > 0
    ends = [gain.mean, gain.low, gain.high]
    value, low, high = [end / room.mean for end in ends] if known else [None] * 3
    reason = None if known else "the interval of ceiling - teacher includes 0: there is nothing to recover"
    return records.Recovery(value=value, low=low, high=high, reason=reason, over=gain.over, gain=gain, room=room)


def _character(loss: str) -> tuple[float, float]:
    return next((value for key, value in CHARACTERS.items() if loss.startswith(key)), (1.0, 0.5))


def _by_split(models: Mapping[str, Mapping[str, np.ndarray]], key: str) -> dict[str, np.ndarray]:
    return {f"{split}.log_probs": value[key] for split, value in models.items()}


def _points(
    split: str, labels: np.ndarray, *, kind: str, hostile: bool, rng: np.random.Generator
) -> list[dict[str, Any]]:
    words = ("fine", "dull", "splendid", "grim", "warm", "stale", "bright", "hollow")
    found = []
    for i, label in enumerate(labels):
        text = " ".join(rng.choice(words, size=4)) + f" {i}"
        if hostile:
            text = HOSTILE[i % len(HOSTILE)] + f" {i}"
        pair = [text, text[::-1]] if kind == "preference" else None
        found.append(
            {
                "split": split,
                "id": f"{split}-{i}" + (HOSTILE[i % len(HOSTILE)] if hostile else ""),
                "label": int(label),
                "target": None,
                "text": None if pair else text,
                "pair": pair,
                "group": HOSTILE[i % len(HOSTILE)] if hostile else None,
            }
        )
    return found


def _at_label(log_probs: np.ndarray, labels: np.ndarray) -> np.ndarray:
    return -np.take_along_axis(log_probs, labels[None, :, None], axis=-1)[..., 0]


def _scores(log_probs: np.ndarray, labels: np.ndarray, clusters: np.ndarray | None = None) -> dict[str, Any]:
    """Score models as the fields `scores` and `each` of a record."""
    probs = np.exp(log_probs)
    one_hot = np.eye(log_probs.shape[-1])[labels]
    confidence = probs.max(axis=-1)
    right = (probs.argmax(axis=-1) == labels).astype(float)
    values = {
        "accuracy": right,
        "log_loss": _at_label(log_probs, labels),
        "brier": ((probs - one_hot) ** 2).sum(axis=-1),
        "auroc": _auroc(probs[..., -1], labels),
        "entropy": -(probs * log_probs).sum(axis=-1),
        "ece": _ece(confidence, right),
    }
    scores = {}
    for name, value in values.items():
        if value.ndim == 2:
            scores[name] = interval(value, clusters)
        else:
            spread = 2 * float(value.std()) + 0.01
            over, mean = scores["accuracy"].over, float(value.mean())
            scores[name] = Interval(mean, mean - spread, mean + spread, spread / 2, len(value), len(labels), over=over)
    each = {name: tuple(value.reshape(len(probs), -1).mean(axis=1).tolist()) for name, value in values.items()}
    return {"scores": scores, "each": each}


def _ece(confidence: np.ndarray, right: np.ndarray, bins: int = 10) -> np.ndarray:
    place = np.minimum((confidence * bins).astype(int), bins - 1)
    total = np.zeros(len(confidence))
    for b in range(bins):
        inside = place == b
        total += np.abs((inside * (confidence - right)).sum(axis=1)) / confidence.shape[1]
    return total


def _auroc(scores: np.ndarray, labels: np.ndarray) -> np.ndarray:
    positive = labels == labels.max()
    return np.array([np.mean(np.sign(row[positive][:, None] - row[~positive][None]) / 2 + 0.5) for row in scores])


def _kl(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return (np.exp(a) * (a - b)).sum(axis=-1)


def _decomposition(log_probs: np.ndarray, labels: np.ndarray) -> records.BiasVariance:
    noise = Interval(0.0, 0.0, 0.0, 0.0, len(log_probs), len(labels))
    total = interval(_at_label(log_probs, labels))
    if len(log_probs) < 2:
        none = Withheld("one model has no variance that can be seen")
        return records.BiasVariance(total=total, noise=noise, bias=none, variance=none, correction="jackknife")
    dual = log_softmax(log_probs.mean(axis=0), axis=-1)
    variance = _kl(dual[None], log_probs).mean(axis=0) * len(log_probs) / (len(log_probs) - 1)
    bias = _at_label(log_probs, labels).mean(axis=0) - variance
    return records.BiasVariance(
        total=total,
        noise=noise,
        bias=interval(np.stack([bias, bias])),
        variance=interval(np.stack([variance, variance])),
        correction="jackknife",
    )


def _results(
    models: Mapping[str, Mapping[str, np.ndarray]],
    all_labels: Mapping[str, np.ndarray],
    losses: Sequence[str],
    n_seeds: int,
    *,
    kind: str,
    class_names: Sequence[str],
    name: str,
    hostile: bool,
) -> RunResults:
    test, labels = models["test"], all_labels["test"]
    teachers, ceilings = test["teachers"], test["ceilings"]
    n_teachers, n_classes = len(teachers), teachers.shape[-1]
    teacher_of = np.repeat(np.arange(n_teachers), n_seeds)
    best = int(_at_label(models["validation"]["teachers"], all_labels["validation"]).mean(axis=1).argmin())
    majority = int(np.bincount(all_labels["validation"], minlength=n_classes).argmax())
    mean = (logsumexp(teachers, axis=0) - np.log(n_teachers))[None]
    dual = log_softmax(teachers.mean(axis=0), axis=-1)[None]
    falling = np.arange(n_teachers, 0, -1)[:, None, None] / (n_teachers * (n_teachers + 1) / 2)
    weighted = logsumexp(teachers, axis=0, b=falling)[None]
    votes = np.eye(n_classes)[teachers.argmax(axis=-1)].sum(axis=0)
    dawid_skene = log_softmax(2.0 * votes, axis=-1)[None]
    combined = {"mean": mean, "dual_mean": dual, "weighted": weighted, "dawid_skene": dawid_skene}
    right = {key: (value.argmax(-1) == labels).astype(float) for key, value in test.items()}
    others = {
        "teacher": right["teachers"][teacher_of],
        "own_labels": right["teachers"][teacher_of],  # strong models no better than teachers: no story of their own
        "all_labels": np.broadcast_to(right["teachers"][0], (len(teacher_of), len(labels))),
        "best_teacher": np.broadcast_to(right["teachers"][best], (len(teacher_of), len(labels))),
        **{
            f"ensemble_{key}": np.broadcast_to(p[0].argmax(-1) == labels, (len(teacher_of), len(labels))).astype(float)
            for key, p in combined.items()
        },
        "ceiling": np.broadcast_to(right["ceilings"].mean(0), (len(teacher_of), len(labels))),
        "majority": np.broadcast_to(labels == majority, (len(teacher_of), len(labels))).astype(float),
    }
    students = {}
    for loss in losses:
        s, t = test[loss], teachers[teacher_of]
        misfit = _kl(s, t)
        gap = _at_label(t, labels) - _at_label(s, labels)
        crossed = np.stack(
            [_kl(s, np.roll(teachers, -shift, axis=0)[teacher_of]) for shift in range(1, n_teachers)] or [misfit]
        )
        paired = {key: interval(right[loss] - value, teacher_of) for key, value in others.items()}
        if n_teachers > 1:
            paired["student_of_mean"] = interval(right[loss] - right[loss].mean(axis=0), teacher_of)
        paired |= {other: interval(right[loss] - right[other], teacher_of) for other in losses if other != loss}
        room = interval(right["ceilings"].mean(0)[None] - right["teachers"])
        scored = _scores(s, labels, teacher_of)
        split = _decomposition(s[::n_seeds], labels)
        students[loss] = records.Student(
            **scored,
            source="each",
            loss={"kind": loss.split("(")[0]},
            models=len(s),
            epoch=20.0,
            recovery=_pgr(paired["teacher"], room),
            agreement=interval((s.argmax(-1) == t.argmax(-1)).astype(float), teacher_of),
            agreement_when_teacher_wrong=about(0.4, 0.05),
            blind_spots=records.BlindSpots(
                threshold=(1 + 1 / n_classes) / 2,
                blind_spot=interval(1.0 * ((s.max(-1) > -0.1) & (s.argmax(-1) != labels)), teacher_of),
                error_where_blind=Withheld("there is no such point"),
                index=interval(np.full(s.shape[:2], 0.8) + 0.1 * s[..., 0], teacher_of),
                confident_disagreement=interval(1.0 * (s.argmax(-1) != t.argmax(-1)), teacher_of),
                right_when_disagreeing=interval(1.0 * (s.argmax(-1) == labels), teacher_of),
            ),
            gap=interval(gap, teacher_of),
            misfit=interval(misfit, teacher_of),
            residual=interval(gap - misfit, teacher_of),
            crossed_misfit=interval(crossed.mean(axis=0), teacher_of),
            overfit_covariance=interval(crossed.mean(axis=0) - misfit, teacher_of)
            if n_teachers > 1
            else Withheld("one teacher cannot be crossed with another"),
            entropy_excess=interval(-(np.exp(s) * s).sum(-1) - _at_label(s, labels), teacher_of),
            identity_error=1e-15,
            bias=split.bias,
            variance=split.variance,
            variance_between_teachers=None,
            posterior_mean=records.PosteriorMean(method="regression", reason="it was made up"),
            differences=paired,
            log_loss_differences={"teacher": interval(-gap, teacher_of)}
            | {o: interval(_at_label(s, labels) - _at_label(test[o], labels), teacher_of) for o in losses if o != loss},
            path=_path(scored["scores"], float(misfit.mean()), n_teachers),
        )
    best_teacher = _scores(teachers[[best]], labels)
    return RunResults(
        schema_version=SCHEMA,
        outlearn="0.1.0",
        config_key="0123456789abcdef",
        task=records.TaskFacts(
            name=name + (HOSTILE[0] if hostile else ""),
            kind=kind,
            n_teacher=1600,
            n_student=2700,
            n_validation=len(all_labels["validation"]),
            n_test=len(labels),
            n_unlabeled=0,
            n_classes=n_classes,
            class_names=tuple(class_names),
            source=HOSTILE[1] if hostile else "made up for a test",
            licence=HOSTILE[2] if hostile else "none needed",
            splits=HOSTILE[3] if hostile else "Random, no groups.",
            notes=(HOSTILE[4], HOSTILE[8]) if hostile else ("Three texts stood in two splits and were removed.",),
        ),
        measure=records.Measures(
            generator="negative_entropy",
            order="target_first",
            target="labels",
            smoothing=0.0,
            level=0.95,
            misfit="KL(student || teacher)",
            posterior_mean="geometric",
            identity_error=1e-15,
            unit="nats",
            risk_metric="log_loss",
        ),
        teacher=records.Teachers(models=n_teachers, **_scores(teachers, labels)),
        controls=records.Controls(
            best_teacher=records.BestTeacher(model=best, chosen_on="validation", scores=best_teacher["scores"]),
            student_of_mean={loss: Scored(scores=_scores(test[loss][:1], labels)["scores"]) for loss in losses},
            own_labels=true_label_models(teachers, labels, n_labels=200),
            all_labels=true_label_models(teachers[:1], labels, n_labels=200 * n_teachers),
        ),
        labeler=records.Labeler(source="each", scores=_scores(teachers, labels)["scores"]),
        ensembles={key: Scored(scores=_scores(p, labels)["scores"]) for key, p in combined.items()},
        ceiling=records.Ceiling(**dict(true_label_models(ceilings, labels, n_labels=2700)), exceeded_by={}),
        ceiling_untuned=records.TrueLabelModels(models=3, labels=2700, scores=_scores(ceilings, labels)["scores"]),
        equivalents=_equivalents(losses),
        majority=records.Majority(name=class_names[majority], accuracy=float(np.mean(labels == majority))),
        students=students,
        teacher_bias_variance=_decomposition(teachers, labels),
        seconds={"features": 1.2, "teachers": 0.4, "students": 3.1, "total": 5.0},
        stages={"teachers": records.StageUse(key="aa", cached=False)},
    )


def true_label_models(log_probs: np.ndarray, labels: np.ndarray, *, n_labels: int) -> records.TrueLabelModels:
    """Score models of true labels, chosen among nine."""
    n_models = len(log_probs)
    tuning = Tuning(members=9, chosen=("logistic regression, C 0.1",) * n_models, accuracy=(0.8,) * n_models)
    scored = _scores(log_probs, labels)["scores"]
    return records.TrueLabelModels(models=n_models, labels=n_labels, scores=scored, tuning=tuning)


def _equivalents(losses: Sequence[str]) -> records.Equivalents:
    curve = tuple(
        CurvePoint(labels=n, draws=5 if n < 2700 else 1, accuracy=about(value, 0.03), smoothed=value)
        for n, value in ((25, 0.6), (200, 0.7), (800, 0.8), (2700, 0.85))
    )
    worth = {loss: Worth(labels=150.0 + 10 * k, low=90.0, high=310.0) for k, loss in enumerate(losses)}
    return records.Equivalents(curve=curve, worth=worth, teacher_labels=200)


def _path(scores: Mapping[str, Interval], misfit: float, n_teachers: int) -> tuple[records.PathPoint, ...]:
    path = []
    for epoch in (1.0, 3.0, 10.0, 20.0):
        shift = (20 - epoch) / 200
        crossed = n_teachers > 1
        path.append(
            records.PathPoint(
                epoch=epoch,
                accuracy=scores["accuracy"].mean + shift,
                log_loss=scores["log_loss"].mean - shift,
                entropy=scores["entropy"].mean + shift,
                gap=NAN,
                misfit=misfit - shift,
                residual=NAN,
                crossed_misfit=misfit if crossed else NAN,
                overfit_covariance=0.1 - shift if crossed else NAN,
                crossed_kappa=NAN,
                consensus_kappa=NAN,
            )
        )
    return tuple(path)
