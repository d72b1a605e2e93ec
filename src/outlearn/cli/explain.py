"""`outlearn explain`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from outlearn.cli.thresholds import exit_by

__all__ = ["explain"]


def explain(
    teacher: Annotated[
        list[str],
        typer.Option(
            "--teacher", metavar="FILE", help="Predictions [models, points, classes], or numbers [models, points]."
        ),
    ],
    student: Annotated[
        list[str] | None,
        typer.Option("--student", metavar="FILE", help="The same for the students [none: the teachers' variance]."),
    ] = None,
    target: Annotated[
        str | None,
        typer.Option("--target", metavar="FILE", help="Labels [points], distributions [points, classes], or numbers."),
    ] = None,
    teacher_of: Annotated[
        str | None,
        typer.Option("--teacher-of", metavar="FILE", help="Teacher index of each student [student m: teacher m]."),
    ] = None,
    kind: Annotated[
        str,
        typer.Option(
            "--kind",
            metavar="KIND",
            help="logits, log_probs, probs or unnormalised_probs; or numbers, of a regression.",
        ),
    ] = "logits",
    teacher_kind: Annotated[
        str | None,
        typer.Option("--teacher-kind", metavar="KIND", help="The same for the teacher's, if something else."),
    ] = None,
    draws: Annotated[bool, typer.Option("--draws", help="The target's first axis is draws (raters).")] = False,
    order: Annotated[
        str,
        typer.Option(
            "--order", metavar="ORDER", help="target_first: D(target, prediction); prediction_first: the other way."
        ),
    ] = "target_first",
    generator: Annotated[
        str | None,
        typer.Option(
            "--generator",
            metavar="NAME",
            help="Of the divergence D [negative_entropy: KL; numbers: squared_euclidean].",
        ),
    ] = None,
    level: Annotated[float, typer.Option("--level", metavar="LEVEL", help="Of the intervals.")] = 0.95,
    smooth_predictions: Annotated[
        float, typer.Option("--smooth-predictions", metavar="SHARE", help="Of the uniform distribution to mix in.")
    ] = 0.0,
    smooth_target: Annotated[float, typer.Option("--smooth-target", metavar="SHARE", help="The same, target.")] = 0.0,
    validation_teacher: Annotated[
        list[str] | None,
        typer.Option("--validation-teacher", metavar="FILE", help="Teachers on other points, to choose the best on."),
    ] = None,
    validation_target: Annotated[
        str | None, typer.Option("--validation-target", metavar="FILE", help="Labels of those points.")
    ] = None,
    fail_below: Annotated[
        list[str],
        typer.Option(
            "--fail-below",
            metavar="[FIGURE=]X",
            help="Exit 1 if the lower end of gap, ensemble (gain over it) or accuracy (the student's) is below.",
        ),
    ] = [],  # noqa: B006
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="FOLDER", help="Folder for report.html, results.json and ledger.csv [none]."),
    ] = None,
) -> None:
    """Say where students' gain over their teachers comes from, from saved predictions (.npy, .npz, .safetensors, CSV).

    Nothing is trained.

    Exit code 0: done. 1: a figure of --fail-below is below, or not known. 2: the input cannot be used.

    Examples:

    \b
        outlearn explain --teacher T.npy --student S.npy --target y.npy
        outlearn explain --teacher t.csv --student s.csv --target y.csv --kind probs --out explained
        outlearn explain --kind numbers --teacher T.npy --student S.npy --target y.npy
        outlearn explain --teacher T.npy --student S.npy --target y.npy --fail-below 0 --fail-below accuracy=0.8
    """
    from outlearn.explanation.explain_files import explain_files
    from outlearn.progress_bars import Bars
    from outlearn.results.explanation_gate import EXPLANATION_FIGURES, USUAL_EXPLANATION_FIGURE
    from outlearn.results.gates import parse_gates

    gates = parse_gates(fail_below, EXPLANATION_FIGURES, usual=USUAL_EXPLANATION_FIGURE)
    with Bars() as bars:
        explained = explain_files(
            teacher=teacher,
            student=student or (),
            target=target,
            teacher_of=teacher_of,
            kind=kind,
            teacher_kind=teacher_kind,
            draws=draws,
            generator=generator,
            order=order,
            level=level,
            smooth_predictions=smooth_predictions,
            smooth_target=smooth_target,
            validation_teacher=validation_teacher or (),
            validation_target=validation_target,
            gates=gates,
            out=out,
            progress=bars,
        )
    print(explained.text)
    if out is not None:
        from outlearn.report.html import write_report

        print(f"\nResults: {out}/, to look at: {write_report([out])}")
    exit_by(explained.outcomes)
