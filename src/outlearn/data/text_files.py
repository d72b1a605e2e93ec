"""Read a file as text: UTF-8, or UTF-16 where a byte order mark says so."""

from __future__ import annotations

import codecs
from pathlib import Path

from outlearn.errors import DataError, suggest

__all__ = ["check_file", "read_text"]

UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def check_file(path: Path) -> None:
    """Refuse a path that is no file with something in it.

    Raises:
        DataError: if the path does not exist, is a folder, is empty or cannot be read.
    """
    if path.is_dir():
        raise DataError(
            f"{path} is a folder; expected a file, or a dataset of Hugging Face datasets that save_to_disk wrote."
        )
    if not path.exists():
        parent = path.parent
        beside = sorted(f.name for f in parent.iterdir() if f.name[0] != ".") if parent.is_dir() else []
        known = f"In that folder, {suggest(path.name, beside)}" if 0 < len(beside) <= 20 else "Check the path."
        raise DataError(f"{path} does not exist. {known}")
    if not path.is_file():
        raise DataError(
            f"{path} is a pipe or a device, which is read once and may never end; write it to a file first."
        )
    try:
        with path.open("rb") as file:
            first = file.read(1)
    except OSError as error:
        raise DataError(f"{path} cannot be read ({error.strerror}). Check its permissions.") from error
    if not first:
        raise DataError(f"{path} is empty; expected at least one record.")


def read_text(path: Path) -> str:
    """Read a file of text; a byte order mark is no part of it.

    Raises:
        DataError: if it is no such file; names the line of the first byte that is not UTF-8.
    """
    check_file(path)
    content = path.read_bytes()
    encoding = "utf-16" if content[:2] in UTF_16 else "utf-8-sig"
    try:
        return content.decode(encoding)
    except UnicodeDecodeError as error:
        if encoding == "utf-16":
            raise DataError(
                f"{path} begins with the byte order mark of UTF-16, but byte {error.start} is not UTF-16. It may be "
                "cut off: save it again, as UTF-8."
            ) from error
        line = content.count(b"\n", 0, error.start) + 1
        raise DataError(
            f"{path}, line {line}: byte 0x{content[error.start]:02x} is not UTF-8. The file may be latin-1 or cp1252; "
            "convert it, for example with: iconv -f LATIN1 -t UTF-8"
        ) from error
