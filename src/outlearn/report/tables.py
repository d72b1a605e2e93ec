"""Plain tables from the results of a run: numbers in, numbers out. Formatting is in `cells`, words are in `findings`.

`results` is the content of results.json (schema 1). Rows keep one order everywhere: majority, teachers, ensembles,
students by loss in the order of the run, ceiling.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Literal

from outlearn.report.cells import Cell, Column, Estimate, Table, estimate_of

__all__ = [
    "OTHERS",
    "Against",
    "bias_variance_table",
    "blind_spot_table",
    "difference_table",
    "gap_table",
    "loss_kind",
    "loss_names",
    "main_table",
    "path_table",
    "risk_metric",
    "risk_unit",
    "score_rows",
    "scores_table",
    "student_estimate",
]

Results = Mapping[str, Any]
Against = Literal["everyone", "references", "combinations", "losses"]

# What students are compared with, and how a reader calls it.
REFERENCES = {
    "teacher": "own teacher",
    "best_teacher": "best teacher on validation",
    "ceiling": "ceiling",
    "majority": "majority class",
}
COMBINATIONS = {
    "ensemble_mean": "ensemble, mean",
    "ensemble_dual_mean": "ensemble, geometric mean",
    "ensemble_weighted": "ensemble, weighted mean",
    "ensemble_dawid_skene": "ensemble, Dawid-Skene",
    "student_of_mean": "student of the mean",
}
OTHERS = REFERENCES | COMBINATIONS


def loss_names(results: Results) -> tuple[str, ...]:
    """Return the names of the students' losses in the order of the run."""
    return tuple(results.get("students") or {})


def loss_kind(results: Results, loss: str) -> str:
    """Return the kind of a loss: its name without parameters, such as cace for cace(threshold=0.6)."""
    spec = results["students"][loss].get("loss")
    if isinstance(spec, Mapping) and isinstance(spec.get("kind"), str):
        return str(spec["kind"])
    return loss.split("(", 1)[0]


def risk_unit(results: Results) -> str:
    """Return the unit of risks, gaps and misfits: nats for the entropies, squared error for the Euclidean generator."""
    generator = str((results.get("measure") or {}).get("generator") or "negative_entropy")
    return "nats" if "entropy" in generator else "squared error" if generator == "squared_euclidean" else generator


def risk_metric(results: Results) -> str | None:
    """Return which metric of a single model is its risk: the log loss for one-hot labels and negative entropy.

    None where no metric is: then the risk of an ensemble, which has no bias and variance, is not in the results.
    """
    how = results.get("measure") or {}
    plain = how.get("target", "labels") == "labels" and not how.get("smoothing")
    names = {"negative_entropy": "log_loss", "squared_euclidean": "brier"}
    in_order = how.get("order", "target_first") == "target_first" or how.get("generator") == "squared_euclidean"
    return names.get(how.get("generator") or "negative_entropy") if plain and in_order else None


def student_estimate(results: Results, loss: str, *path: str) -> Estimate:
    """Return an estimate of the students of `loss`, such as `"gap"` or `"differences", "teacher"`; empty if absent."""
    value: Any = results["students"][loss]
    for key in path:
        value = value.get(key) if isinstance(value, Mapping) else None
    return estimate_of(value)


def score_rows(results: Results) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    """Yield (role, label, metrics) of everything that was scored on the test points."""
    n_teachers = results["teacher"].get("models")
    yield "majority", OTHERS["majority"], results.get("majority") or {}
    yield "teacher", f"teacher, mean of {n_teachers}" if n_teachers != 1 else "teacher", results["teacher"]
    best = (results.get("controls") or {}).get("best_teacher")
    if best and n_teachers != 1:
        yield "best_teacher", OTHERS["best_teacher"], best
    for key, ensemble in (results.get("ensembles") or {}).items():
        if n_teachers != 1:
            yield f"ensemble_{key}", OTHERS[f"ensemble_{key}"], ensemble
    for loss in loss_names(results):
        yield "student", f"student, {loss}", results["students"][loss]
    yield "ceiling", "ceiling, true labels", results.get("ceiling") or {}


def main_table(results: Results) -> Table:
    """Return who scored what: accuracy, log loss, AUROC, calibration, PGR, agreement, gap = misfit + residual."""
    rows: list[tuple[Cell, ...]] = []
    notes: list[str] = []
    for role, label, metrics in score_rows(results):
        scores = [estimate_of(metrics.get(key)) for key in ("accuracy", "log_loss", "auroc", "ece")]
        rest: list[Cell] = [None] * 5
        if role == "student":
            rest = [estimate_of(metrics.get(key)) for key in ("pgr", "agreement", "gap", "misfit", "residual")]
        rows.append((label, *scores, *rest))
        for column, estimate in zip(_MAIN[1:], [*scores, *rest], strict=True):
            if isinstance(estimate, Estimate) and estimate.reason:
                missing = "withheld" if estimate.mean is None else "without an interval"
                notes.append(f"{column.name} {missing}: {estimate.reason}.")
    return Table("Scores on the test points", _MAIN, tuple(rows), tuple(dict.fromkeys(notes)))


def scores_table(results: Results) -> Table:
    """Return the main table without the decomposition, which has a table of its own: narrow enough for a page."""
    table = main_table(results)
    return Table(table.title, table.columns[:-3], tuple(row[:-3] for row in table.rows), table.footnotes)


_MAIN = (
    Column("", "text"),
    Column("accuracy", "percent", "share of test points that are right, in %"),
    Column("log loss", "nats", "mean of -log(probability of the true label), in nats"),
    Column("AUROC", "percent", "area under the ROC curve, in %"),
    Column("ECE", "percent", "expected calibration error, in %"),
    Column("PGR", "ratio", "(student - teacher) / (ceiling - teacher), on accuracy"),
    Column("agreement", "percent", "share of test points where a student repeats its own teacher's class, in %"),
    Column("gap", "signed", "risk of the teacher minus risk of its student, in nats"),
    Column("misfit", "nats", "divergence between student and teacher, in nats"),
    Column("residual", "signed", "gap - misfit, in nats"),
)


def gap_table(results: Results) -> Table:
    """Return the decomposition of each loss's gain: gap = misfit + residual, crossed misfit, overfit covariance."""
    keys = ("gap", "misfit", "residual", "crossed_misfit", "overfit_covariance", "entropy_excess")
    columns: tuple[Column, ...] = (
        Column("loss"),
        Column("gap", "signed", "risk of the teacher minus risk of its student"),
        Column("misfit", "nats", "divergence between a student and its own teacher"),
        Column("residual", "signed", "gap - misfit; 0 where the student is the posterior mean of its teacher"),
        Column("crossed misfit", "nats", "divergence between a student and the teachers that did not label it"),
        Column("overfit covariance", "signed", "crossed misfit - misfit: what the student copies of its own teacher"),
        Column("entropy excess", "signed", "H(s) - CE(y, s): above 0 the student is under-confident"),
    )
    rows: tuple[tuple[Cell, ...], ...] = tuple(
        (loss, *(student_estimate(results, loss, key) for key in keys)) for loss in loss_names(results)
    )
    far = [student_estimate(results, loss, "posterior_mean", "distance") for loss in loss_names(results)]
    if any(estimate.mean is not None for estimate in far):
        note = "divergence between a student and its posterior-mean teacher, by regression"
        columns = (*columns, Column("distance to posterior mean", "nats", note))
        rows = tuple((*row, estimate) for row, estimate in zip(rows, far, strict=True))
    return Table(f"Gap = misfit + residual, in {risk_unit(results)}", columns, rows)


def difference_table(results: Results, *, metric: str = "accuracy", against: Against = "everyone") -> Table:
    """Return paired differences, student minus other: a row for each loss, a column for each other.

    Args:
        results: the content of results.json.
        metric: "accuracy" or "log_loss".
        against: everyone, or only the references (teachers, ceiling), the combinations of teachers and the students
            of one, or the other losses: a page is not wide enough for all.
    """
    key, kind = {"accuracy": ("differences", "points"), "log_loss": ("log_loss_differences", "signed")}[metric]
    losses = loss_names(results)
    found = {other for loss in losses for other in results["students"][loss].get(key) or {}}
    parts = {"references": tuple(REFERENCES), "combinations": tuple(COMBINATIONS), "losses": losses}
    asked = (*OTHERS, *losses) if against == "everyone" else parts[against]
    others = [other for other in asked if other in found]
    columns = (Column("student minus"), *(Column(OTHERS.get(other, other), kind) for other in others))  # type: ignore[arg-type]
    rows = tuple(
        (loss, *(None if other == loss else student_estimate(results, loss, key, other) for other in others))
        for loss in losses
    )
    what, unit = {"accuracy": ("accuracy", "percentage points"), "log_loss": ("log-loss", "nats")}[metric]
    to = {
        "everyone": "",
        "references": " to teachers and ceiling",
        "combinations": " to combinations of teachers",
        "losses": " between losses",
    }[against]
    return Table(f"Paired {what} differences{to}, {unit}", columns, rows)


def bias_variance_table(results: Results) -> Table:
    """Return noise, bias and variance of the teachers and of each loss's students; for one ensemble only their sum."""
    metric = risk_metric(results)
    columns = (
        Column(""),
        Column("noise", "nats"),
        Column("bias", "nats", "what averaging over teachers cannot remove"),
        Column("variance", "nats", "what averaging over teachers removes"),
        *([Column("risk", "nats", "of one model, with its interval")] if metric else []),
    )
    parts = results.get("teacher_bias_variance") or {}
    noise = estimate_of(parts.get("noise"))
    rows: list[tuple[Cell, ...]] = []
    for role, label, metrics in score_rows(results):
        risk = [estimate_of(metrics.get(metric))] if metric else []
        if role == "teacher":
            rows.append((label, noise, estimate_of(parts.get("bias")), estimate_of(parts.get("variance")), *risk))
        elif role == "student":
            rows.append((label, noise, estimate_of(metrics.get("bias")), estimate_of(metrics.get("variance")), *risk))
        elif role.startswith("ensemble") and metric:
            rows.append((label, noise, None, None, *risk))
    note = "One ensemble is one model: its bias and its variance cannot be told apart."
    has_ensemble = bool(metric) and any(role.startswith("ensemble") for role, _, _ in score_rows(results))
    return Table(f"Bias and variance, in {risk_unit(results)}", columns, tuple(rows), (note,) if has_ensemble else ())


def blind_spot_table(results: Results) -> Table:
    """Return, for each loss, where students are surely wrong and their teachers unsure, and what they repeat."""
    found = [results["students"][loss].get("blind_spots") or {} for loss in loss_names(results)]
    sure = next((f" (a probability of at least {of['threshold']:.3g})" for of in found if of.get("threshold")), "")
    columns = (
        Column("loss"),
        Column("blind spot", "percent", f"student wrong and sure{sure}, its teacher unsure, in % of all points"),
        Column(
            "wrong where blind", "percent", "wrong students, in % of those that are sure where their teacher is not"
        ),
        Column(
            "blind-spot index", "ratio", "without a threshold: above 1, errors gather where only the student is sure"
        ),
        Column(
            "confident disagreement", "percent", "student sure of another class than its teacher, in % of all points"
        ),
        Column("right when disagreeing", "percent", "right students, in % of those"),
        Column(
            "repeats a wrong teacher", "percent", "share of its teacher's wrong answers that a student gives too, in %"
        ),
    )
    keys = ("blind_spot", "error_where_blind", "index", "confident_disagreement", "right_when_disagreeing")
    rows: tuple[tuple[Cell, ...], ...] = tuple(
        (
            loss,
            *(student_estimate(results, loss, "blind_spots", key) for key in keys),
            student_estimate(results, loss, "agreement_when_teacher_wrong"),
        )
        for loss in loss_names(results)
    )
    return Table("Blind spots", columns, rows if any(found) else ())


def path_table(results: Results) -> Table:
    """Return the measures of each loss along training, one row for each recorded epoch."""
    keys = ("accuracy", "log_loss", "misfit", "overfit_covariance", "entropy")
    kinds = ("percent", "nats", "nats", "signed", "nats")
    names = ("accuracy", "log loss", "misfit", "overfit covariance", "entropy")
    columns = (Column("loss"), Column("epoch", "ratio"), *(Column(n, k) for n, k in zip(names, kinds, strict=True)))  # type: ignore[arg-type]
    rows = tuple(
        (loss, estimate_of(entry.get("epoch")).mean, *(estimate_of(entry.get(key)) for key in keys))
        for loss in loss_names(results)
        for entry in results["students"][loss].get("path") or ()
    )
    return Table("Along training", columns, rows)
