"""`outlearn predict`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

__all__ = ["predict"]


def predict(
    student: Annotated[Path, typer.Argument(metavar="RUN_OR_STUDENT", help="Folder of a run, or of its student.")],
    new: Annotated[
        Path, typer.Argument(metavar="NEW", help="New rows: .csv, .tsv, .jsonl, .parquet, .npz; - for standard input.")
    ],
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="FILE", help="Where answers go [standard output, as CSV]."),
    ] = None,
    interval: Annotated[
        float | None,
        typer.Option(
            "--interval",
            metavar="LEVEL",
            help="Of numbers: an interval that holds the true number so often, such as 0.9 [none].",
        ),
    ] = None,
    text_column: Annotated[
        str | None,
        typer.Option("--text-column", metavar="NAME", help="Column of texts, or a template of columns [the run's]."),
    ] = None,
    first_column: Annotated[
        str | None,
        typer.Option("--first-column", metavar="NAME", help="Of pairs: the first text [the run's, else chosen]."),
    ] = None,
    second_column: Annotated[
        str | None,
        typer.Option("--second-column", metavar="NAME", help="Of pairs: the second text [the run's, else rejected]."),
    ] = None,
    id_column: Annotated[str, typer.Option("--id-column", metavar="NAME", help="Column that names the rows.")] = "id",
    form: Annotated[
        str | None, typer.Option("--format", metavar="NAME", help="csv, tsv, jsonl or parquet [by the file's name].")
    ] = None,
    model: Annotated[
        str | None, typer.Option("--model", metavar="FOLDER", help="The encoder's model, if it lies elsewhere now.")
    ] = None,
    device: Annotated[
        str | None, typer.Option("--device", metavar="NAME", help="cpu, cuda, ... [a GPU if there is one].")
    ] = None,
) -> None:
    """Answer new texts with the student of a run: labels, probabilities, and where not to trust them.

    Examples:

    \b
        outlearn predict runs/tickets new.csv --out answers.csv
        cat new.jsonl | outlearn predict runs/tickets -
        outlearn predict runs/ratings new.csv --interval 0.9
    """
    from outlearn.data.row_chunks import row_chunks
    from outlearn.errors import StoreError
    from outlearn.student.answer_files import SeparatedFile, answer_file
    from outlearn.student.answering import AnsweringStudent
    from outlearn.student.kept import FLAGS
    from outlearn.student.number_files import number_chunks
    from outlearn.student.numbers import NUMBER_FLAGS, NumberStudent, is_number_student
    from outlearn.student.predict_table import Tally, predict_chunks

    who: AnsweringStudent | NumberStudent = (
        NumberStudent(student, model, text_column, device)
        if is_number_student(student)
        else AnsweringStudent(
            student,
            model=model,
            text_column=text_column,
            first_column=first_column,
            second_column=second_column,
            device=device,
        )
    )
    tally, flags = Tally(), NUMBER_FLAGS if isinstance(who, NumberStudent) else FLAGS
    numbers = who.reads.what == "numbers"
    chunks = number_chunks(new) if numbers else row_chunks(new, form)
    answers = predict_chunks(who, chunks, id_column=id_column, tally=tally, interval=interval)
    if out is None:
        table = SeparatedFile(sys.stdout, ",")
        for chunk in answers:
            table.write(chunk)
        return
    if out.exists() and not out.is_file():
        raise StoreError(f"{str(out)!r} is a folder; give a file, such as predictions.csv.")
    with answer_file(out) as file:
        for chunk in answers:
            file.write(chunk)
    shares = ", ".join(f"{label} {count:,}" for label, count in tally.labels.most_common(10))
    print(f"{tally.rows:,} rows answered{f': {shares}' if shares else ''}")
    for flag, count in tally.flags.most_common():
        print(f"{count:,} flagged {flag}: {flags[flag]}")
    print(f"Answers: {out}")
