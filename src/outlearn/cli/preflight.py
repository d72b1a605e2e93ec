"""`outlearn preflight`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from outlearn.cli.options import IdColumn, Labelers, TextColumn, TrueColumn, label_columns, names_in
from outlearn.cli.thresholds import exit_by
from outlearn.errors import ConfigError

if TYPE_CHECKING:
    from outlearn.data.label_columns import LabelColumns
    from outlearn.results.gates import Gate
    from outlearn.results.number_preflight import NumberPreflight
    from outlearn.results.preflight import Preflight

__all__ = ["preflight"]


def preflight(
    labels: Annotated[
        str, typer.Argument(metavar="TABLE", help="Table (CSV, JSON lines, Parquet) with a column a labeler.")
    ],
    texts: Annotated[
        str | None,
        typer.Argument(
            metavar="TEXTS", help="Table with a column text, or features of the points (.npy) [column text]."
        ),
    ] = None,
    labelers: Labelers = None,
    asked_twice: Annotated[
        bool, typer.Option("--asked-twice", help="The columns are one labeler, asked again independently.")
    ] = False,
    numbers: Annotated[
        bool, typer.Option("--numbers", help="Labels are numbers, of a regression: variance and shared bias.")
    ] = False,
    true: Annotated[
        str | None, typer.Option("--true", metavar="FILE", help="True labels (id, label) of points drawn at random.")
    ] = None,
    true_column: TrueColumn = None,
    id_column: IdColumn = None,
    text_column: TextColumn = None,
    classes: Annotated[str | None, typer.Option("--classes", metavar="A,B", help="Classes [those that occur].")] = None,
    segment_column: Annotated[
        str | None,
        typer.Option("--segment-column", metavar="NAME", help="Rates by the values of this column too [none]."),
    ] = None,
    rate: Annotated[
        str | None,
        typer.Option("--rate", metavar="A,B", help="Also the share of points of these classes, together [none]."),
    ] = None,
    encoder: Annotated[
        str | None,
        typer.Option(
            "--encoder", metavar="ENCODER", help="What a student sees: wordllama, {kind: tfidf, ...} [tfidf]."
        ),
    ] = None,
    largest_bias: Annotated[
        float, typer.Option("--largest-bias", metavar="SHARE", help="Shared bias to allow for where it is not known.")
    ] = 0.25,
    interval_level: Annotated[
        float | None,
        typer.Option(
            "--interval-level",
            metavar="LEVEL",
            help="Of numbers: check columns NAME_low and NAME_high, or NAME_sd, as intervals of this level [none].",
        ),
    ] = None,
    level: Annotated[float, typer.Option("--level", metavar="LEVEL", help="Of the intervals.")] = 0.95,
    seed: Annotated[
        int, typer.Option("--seed", metavar="N", min=0, help="Of the folds and of the points to check.")
    ] = 0,
    label_next: Annotated[
        int | None, typer.Option("--label-next", metavar="N", help="Draw N points to give true labels next [none].")
    ] = None,
    aim: Annotated[
        str | None,
        typer.Option(
            "--aim",
            metavar="AIM",
            help="What those are to measure: accuracy (of a label; of numbers: error) [that], student (its own), or "
            "gain, which they narrow most.",
        ),
    ] = None,
    to_label: Annotated[
        Path | None,
        typer.Option(
            "--list", metavar="FILE", help="Where to write them, to fill in and read by --true [to_label.csv]."
        ),
    ] = None,
    fail_below: Annotated[
        list[str],
        typer.Option(
            "--fail-below",
            metavar="[FIGURE=]X",
            help="Exit 1 if the lower end of accuracy (a label's), agreement, gain or student (its accuracy) is below; "
            "of numbers r2, agreement, gain, student (its R2) or coverage.",
        ),
    ] = [],  # noqa: B006
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", metavar="FOLDER", help="Folder for report.html, results.json, points_to_check.csv [none]."
        ),
    ] = None,
) -> None:
    """Say, before training, whether a student of these weak labels will beat its labeler; few true labels or none.

    Exit code 0: done. 1: a figure of --fail-below is below, or not known. 2: the input cannot be used.

    Examples:

    \b
        outlearn preflight tickets.csv
        outlearn preflight votes.csv texts.csv --true checked.csv --out report
        outlearn preflight ratings.csv --numbers --true-column gold --interval-level 0.9
        outlearn preflight votes.csv --label-next 100 --aim gain
        outlearn preflight labels.csv --labelers llm --true-column gold --fail-below 0.8
    """
    from outlearn.preflight_checks.preflight_files import preflight_files, printed
    from outlearn.progress_bars import Bars
    from outlearn.results.gates import parse_gates
    from outlearn.results.preflight_gate import PREFLIGHT_FIGURES, USUAL_PREFLIGHT_FIGURE

    if label_next is None:
        of_the_draw = {"--aim": aim, "--list": to_label}
        if given := [name for name, value in of_the_draw.items() if value is not None]:
            raise ConfigError(f"{given[0]} is of points to label next; add --label-next 100, or leave it out.")
    to_label = to_label or Path("to_label.csv")
    if numbers:
        of_classes = {
            "--asked-twice": asked_twice, "--classes": classes, "--segment-column": segment_column, "--rate": rate,
        }  # fmt: skip
        if given := [name for name, value in of_classes.items() if value]:
            raise ConfigError(f"{given[0]} is of classes; leave it out with --numbers.")
        _of_numbers(
            labels, texts, label_columns(labelers, true_column, id_column, text_column), true=true, encoder=encoder,
            interval_level=interval_level, level=level, seed=seed, label_next=label_next, aim=aim or "error",
            to_label=to_label, fail_below=fail_below, out=out,
        )  # fmt: skip
        return
    if interval_level is not None:
        raise ConfigError("--interval-level is of numbers; add --numbers, or leave it out.")
    gates = parse_gates(fail_below, PREFLIGHT_FIGURES, usual=USUAL_PREFLIGHT_FIGURE)
    with Bars() as bars:
        found = preflight_files(
            labels,
            texts,
            columns=label_columns(labelers, true_column, id_column, text_column, classes, segment_column),
            true=true,
            rate=names_in(rate, "--rate") or (),
            asked_twice=asked_twice,
            encoder=encoder,
            largest_bias=largest_bias,
            level=level,
            seed=seed,
            label_next=label_next,
            aim=aim or "accuracy",
            to_label=to_label,
            gates=gates,
            out=out,
            progress=bars,
        )
    print(printed(found))
    _end(found, gates, label_next, to_label, out)


def _of_numbers(
    labels: str,
    texts: str | None,
    columns: LabelColumns,
    *,
    true: str | None,
    encoder: str | None,
    interval_level: float | None,
    level: float,
    seed: int,
    label_next: int | None,
    aim: str,
    to_label: Path,
    fail_below: Sequence[str],
    out: Path | None,
) -> None:
    """Report on numbers."""
    from outlearn.preflight_checks.number_files import preflight_number_files
    from outlearn.preflight_checks.preflight_files import encoder_settings
    from outlearn.progress_bars import Bars
    from outlearn.results.gates import parse_gates
    from outlearn.results.number_preflight_gate import NUMBER_PREFLIGHT_FIGURES, USUAL_NUMBER_FIGURE

    gates = parse_gates(fail_below, NUMBER_PREFLIGHT_FIGURES, usual=USUAL_NUMBER_FIGURE)
    with Bars() as bars:
        found = preflight_number_files(
            labels, texts, columns=columns, true=true, encoder=encoder_settings(encoder),
            interval_level=interval_level, level=level, seed=seed, label_next=label_next, aim=aim, to_label=to_label,
            gates=gates, out=out, progress=bars,
        )  # fmt: skip
    print(f"numbers  {found.source}\n\n{found}")
    _end(found, gates, label_next, to_label, out)


def _end(
    found: Preflight | NumberPreflight,
    gates: Sequence[Gate[Any]],
    label_next: int | None,
    to_label: Path,
    out: Path | None,
) -> None:
    """Say what was written and how thresholds came out, which makes the exit code."""
    if label_next is not None:
        print(f"\nTo label, from the top on: {to_label}. Read it back with --true {to_label}.")
    if out is not None:
        from outlearn.report.html import write_report

        print(f"\nResults: {out}/, to look at: {write_report([out])}")
    exit_by([gate.outcome(found) for gate in gates])
