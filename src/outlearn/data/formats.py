"""The formats that data may come in: each knows its name, its suffixes, and what reads it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from outlearn.data.csv_files import read_csv
from outlearn.data.json_files import read_json
from outlearn.data.label_lines import read_label_lines
from outlearn.data.npz_files import read_npz
from outlearn.data.parquet_files import read_parquet
from outlearn.data.raw_table import RawTable
from outlearn.data.saved_datasets import read_saved_dataset
from outlearn.errors import DataError

__all__ = ["FORMATS", "Format", "format_of", "read_label_file"]


@dataclass(frozen=True)
class Format:
    """Describe one format.

    Attributes:
        name: in `data.format`.
        suffixes: of its files; none for folders.
        label: for people.
        line: one sentence for tables in docs: what a file holds.
        read: path -> the table.
        extra: of the package, that reading needs; "" for none.
        labels: whether it may hold labels of labelers from elsewhere: a table with columns of the user's choice.
        names_columns: whether the user may say what its columns are called, and a folder hold one such file a split.
        preset: the settings that a run of such data starts from.
    """

    name: str
    suffixes: tuple[str, ...]
    label: str
    line: str
    read: Callable[[Path], RawTable]
    extra: str = ""
    labels: bool = True
    names_columns: bool = True
    preset: str = "text"


FORMATS: Mapping[str, Format] = {
    each.name: each
    for each in (
        Format(
            "csv",
            (".csv", ".tsv"),
            "comma- or tab-separated values",
            "a header, commas, quotes around fields that hold commas (RFC 4180); or tabs, quoted or not; or semicolons",
            read_csv,
        ),
        Format("jsonl", (".jsonl", ".json"), "JSON", "one JSON object a line, or one array of objects", read_json),
        Format("parquet", (".parquet",), "Parquet", "a table", read_parquet, extra="hf"),
        Format(
            "txt",
            (".txt",),
            "lines of label and text",
            "a label, a blank and a text a line: `1 a fine film`; with a tab between them the label may stand last",
            read_label_lines,
            labels=False,
        ),
        Format(
            "npz",
            (".npz",),
            "NumPy archive",
            "arrays `features` (or `X`) and `labels` (or `y`), and if you like `ids`, `groups`, `splits`",
            read_npz,
            labels=False,
            names_columns=False,
            preset="arrays",
        ),
        Format(
            "huggingface",
            (),
            "Hugging Face dataset",
            "a folder that `Dataset.save_to_disk` wrote; or with `data.name`, a dataset on the hub",
            read_saved_dataset,
            extra="hf",
            labels=False,
        ),
    )
}


def format_of(path: Path) -> Format | None:
    """Find the format of a file by its suffix; None for any other."""
    return next((each for each in FORMATS.values() if path.suffix.lower() in each.suffixes), None)


def read_label_file(path: Path) -> RawTable:
    """Read a table of labels, texts or true labels.

    Raises:
        DataError: if it is no such file; names the formats that are.
    """
    found = format_of(path)
    try:
        if path.is_file() and (found is None or not found.labels):
            known = [suffix for each in FORMATS.values() if each.labels for suffix in each.suffixes]
            raise DataError(
                f"{path} ends in {path.suffix!r}; a table of labels is {', '.join(known[:-1])} or {known[-1]}. "
                "Convert it."
            )
        # A path that is no file: any reader then says so.
        return (found or FORMATS["csv"]).read(path)
    except OSError as error:
        raise DataError(f"{path} cannot be read ({error}). Check the path and its permissions.") from error
