"""Write below the programs of a page what they print, or check that it is what stands there.

    python tools/docs_output.py --write docs/recipes.md
    python tools/docs_output.py --check docs/recipes.md

Blocks of Python run in one process, in order; blocks of `sh` each in a shell where `outlearn` and `python` are
these. All run in an empty folder, or in a copy of the one that a comment of the page names,
`<!-- in: examples/tickets -->`. What is printed stands in a block of `text` right below; a line `...` there stands for
any lines, and a block without one shows nothing.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Block", "blocks", "differences", "run"]

BLOCK = re.compile(r"```(?P<language>python|sh)\n(?P<code>.*?)```(?:\n\n```text\n(?P<shown>.*?)```)?", re.DOTALL)
PLACE = re.compile(r"<!-- in: (\S+) -->")
NUMBER = re.compile(r"-?\d[\d,]*(?:\.\d+)?(?:e[+-]\d+)?")
END = "<end of block>"
# Other processors round otherwise, and a choice near a tie may fall differently.
RELATIVE, ABSOLUTE = 0.1, 0.05


@dataclass(frozen=True)
class Block:
    """A program of a page, and what is shown below it, or None."""

    language: str
    code: str
    shown: str | None


def blocks(page: Path) -> list[Block]:
    """List the programs of a page."""
    return [Block(**found.groupdict()) for found in BLOCK.finditer(page.read_text(encoding="utf-8"))]


def run(page: Path) -> list[str]:
    """Run all programs of a page, and return what each prints.

    Raises:
        RuntimeError: if one fails; it holds what that one said.
    """
    programs = blocks(page)
    place = PLACE.search(page.read_text(encoding="utf-8"))
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary) / "work"
        if place is None:
            folder.mkdir()
        else:
            shutil.copytree(page.parent / place[1], folder)
        bin = Path(temporary) / "bin"
        bin.mkdir()
        for name, start in (("outlearn", '-c "from outlearn.cli import main; main()"'), ("python", "")):
            (bin / name).write_text(f'#!/bin/sh\nexec "{sys.executable}" {start} "$@"\n')
            (bin / name).chmod(0o755)
        python = f"\nprint({END!r})\n".join(each.code for each in programs if each.language == "python")
        shell = [each.code for each in programs if each.language == "sh"]
        environment = {**os.environ, "PATH": f"{bin}{os.pathsep}{os.environ['PATH']}", "COLUMNS": "110"}
        of_shell = iter([_output(["bash", "-euo", "pipefail", "-c", code], folder, environment) for code in shell])
        of_python: Iterator[str] = iter(())
        if python:
            of_python = iter(_output([sys.executable, "-c", python], folder, environment).split(f"{END}\n"))
        return [next(of_python if each.language == "python" else of_shell) for each in programs]


def _output(command: list[str], folder: Path, environment: dict[str, str]) -> str:
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{command[-1]}\n{done.stdout}{done.stderr}")
    return "".join(f"{line.rstrip()}\n" for line in done.stdout.splitlines())


def differences(printed: str, shown: str) -> list[str]:
    """List the shown lines that are not printed in that order, but for numbers that differ by little."""
    lines, wrong, at = printed.splitlines(), [], 0
    skipping = False
    for line in shown.splitlines():
        if line.strip() == "...":
            skipping = True
            continue
        found = next((k for k in range(at, len(lines)) if _alike(lines[k], line)), None)
        if found is None or (found > at and not skipping):
            wrong.append(line)
        at, skipping = (at if found is None else found) + 1, False
    return wrong


def _alike(line: str, shown: str) -> bool:
    if [" ".join(part.split()) for part in NUMBER.split(line)] != [" ".join(p.split()) for p in NUMBER.split(shown)]:
        return False
    pairs = zip(NUMBER.findall(line), NUMBER.findall(shown), strict=True)
    numbers = [(float(a.replace(",", "")), float(b.replace(",", ""))) for a, b in pairs]
    return all(abs(a - b) <= ABSOLUTE + RELATIVE * abs(b) for a, b in numbers)


def main(what: str, *pages: str) -> None:
    for page in map(Path, pages):
        texts = iter(run(page))
        if what == "--check":
            for each, text in zip(blocks(page), texts, strict=True):
                for line in differences(text, each.shown or ""):
                    print(f"{page}: not printed: {line}")
            continue

        def filled(found: re.Match[str], texts: Iterator[str] = texts) -> str:
            text, shown = next(texts), found["shown"]
            program = f"```{found['language']}\n{found['code']}```"
            if shown is None:
                return program
            cut = "..." in shown.splitlines()  # cut by hand, so that it is mended by hand
            return f"{program}\n\n```text\n{shown if cut else text}```"

        page.write_text(BLOCK.sub(filled, page.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
