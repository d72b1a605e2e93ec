"""An explanation on disk: `results.json`, `summary.txt` and `ledger.csv`, and the record that results.json holds."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from outlearn.core.blind_spots import MEANS as BLIND_SPOT_MEANS
from outlearn.core.blind_spots import BlindSpotSummary
from outlearn.core.denoising import COLUMNS
from outlearn.core.entropy import Sharpening
from outlearn.core.risk_gap import TERMS, SliceTable
from outlearn.explanation.parts import Control, Refused
from outlearn.explanation.result import Explanation
from outlearn.results.estimates import estimate, number
from outlearn.results.writing import claim_report_folder, write_file

__all__ = ["claim_explanation_folder", "explanation_record", "write_explanation"]

SCHEMA = 1
FILES = ("results.json", "summary.txt", "ledger.csv")
POINTS_KEPT = 20


def claim_explanation_folder(folder: Path) -> None:
    """Make the folder, before anything is computed; refuse one that holds anything but an earlier explanation.

    Raises:
        StoreError: if it holds something else, is a file, or cannot be written to.
    """
    claim_report_folder(folder, files=FILES, kind="explanation", called="explanation")


def write_explanation(folder: Path, found: Explanation, text: str, inputs: Mapping[str, Any]) -> None:
    """Write the three files into a claimed folder.

    Args:
        folder: see `claim_explanation_folder`.
        found: the explanation.
        text: what was printed.
        inputs: where the arrays came from.
    """
    ledger = io.StringIO(newline="")
    writer = csv.writer(ledger, lineterminator="\n")
    columns = found.ledger.columns()
    writer.writerow(["id" if name == "point_ids" else name for name in columns])
    writer.writerows(zip(*(column.tolist() for column in columns.values()), strict=True))
    record = {"inputs": dict(inputs), **explanation_record(found)}
    write_file(folder / "ledger.csv", ledger.getvalue().encode())
    write_file(folder / "summary.txt", (text + "\n").encode())
    write_file(
        folder / "results.json", (json.dumps(record, indent=1, allow_nan=False, ensure_ascii=False) + "\n").encode()
    )


def explanation_record(found: Explanation) -> dict[str, Any]:
    """Turn an explanation into plain values for JSON: estimates as in results.json of a run, `reason` where refused."""
    rows = found.by_gap
    return {
        "schema": SCHEMA,
        "kind": "explanation",
        "outlearn": version("outlearn"),
        "measure": {
            "generator": found.gap.generator.name,
            "order": found.gap.order,
            "level": found.level,
            "risk": found.directions.risk,
            "misfit": found.directions.misfit,
            "posterior_mean": found.directions.posterior_mean,
            "identity_error": found.gap.identity_error,
        },
        **_estimates(found.summary, (*TERMS, "crossed_misfit", "overfit_covariance")),
        "gain": _estimates(found.gain, ("bias_removed", "variance_removed")),
        "bias_variance": [
            {"models": kind.name, "size": kind.size, **_estimates(kind.summary, ("total", "noise", "bias", "variance"))}
            for kind in found.decompositions
        ],
        "ensembles": {ensemble.name: _estimates(ensemble, ("risk",)) for ensemble in found.ensembles},
        "posterior_mean": {
            method.method: {
                "assumption": method.assumption,
                **({"reason": method.refused} if method.refused else {k: estimate(v) for k, v in method.terms.items()}),
            }
            for method in found.posterior
        },
        "denoising": _control(found.control),
        "sharpening": {name: _sharpening(result) for name, result in found.sharpening.items()},
        "blind_spots": _blind_spots(found.blind_spots),
        "slices": {table.by: _slices(table) for table in found.slices},
        "points": {
            "best": [_point(found, int(row)) for row in rows[:POINTS_KEPT]],
            "worst": [_point(found, int(row)) for row in rows[::-1][:POINTS_KEPT]],
        },
        "notes": list(found.notes),
    }


def _estimates(part: object, names: Sequence[str]) -> dict[str, Any]:
    """Record the named intervals of a part, or why there are none."""
    if isinstance(part, Refused):
        return {"reason": part.reason}
    values = {name: getattr(part, name) for name in names}
    return {
        name: {"reason": value.reason} if isinstance(value, Refused) else estimate(value)
        for name, value in values.items()
    }


def _control(control: Control | Refused) -> dict[str, Any]:
    if isinstance(control, Refused):
        return {"reason": control.reason}
    table = control.table
    return {
        "answer": table.answer,
        "labels": control.labels,
        "best_teacher": {"model": table.best_teacher, "how": control.best_teacher},
        "rows": {row.name: _estimates(row, COLUMNS) for row in table.rows},
        "accuracy_over": {name: estimate(value) for name, value in table.accuracy_over.items()},
        "log_loss_below": {name: estimate(value) for name, value in table.log_loss_below.items()},
    }


def _sharpening(result: Sharpening | Refused) -> dict[str, Any]:
    if isinstance(result, Refused):
        return {"reason": result.reason}
    return {
        "excess": estimate(result.interval),
        "entropy": number(result.entropy.mean()),
        "cross_entropy": number(result.cross_entropy.mean()),
        "direction": result.direction,
        "best_power": [number(power) for power in result.best_power],
    }


def _blind_spots(part: BlindSpotSummary | Refused) -> dict[str, Any]:
    threshold = {} if isinstance(part, Refused) else {"threshold": part.threshold}
    return {**threshold, **_estimates(part, BLIND_SPOT_MEANS)}


def _slices(table: SliceTable) -> list[dict[str, Any]]:
    return [
        {"name": name, "n_points": size, **{term: estimate(getattr(table, term)[k]) for term in TERMS}}
        for k, (name, size) in enumerate(zip(table.names, table.n_points, strict=True))
    ]


def _point(found: Explanation, row: int) -> dict[str, Any]:
    values = {name: column[row].item() for name, column in found.ledger.columns().items()}
    return {"id": values.pop("point_ids"), **values}
