"""Write the tables of the docs from what the things say of themselves, or check that they are what is written.

    python tools/docs_tables.py --write
    python tools/docs_tables.py --check

A table stands between two comments in a page: `<!-- table: losses -->` and `<!-- end of table -->`.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import MISSING, Field, fields
from pathlib import Path
from typing import ClassVar, Protocol, TypeAlias, get_args, get_type_hints

from outlearn.core.generators import GENERATORS
from outlearn.core.labelers.combinations import COMBINATIONS
from outlearn.core.labelers.recipes import FORMS, RECIPES, SHARE_SOURCES
from outlearn.core.metrics import METRICS
from outlearn.core.students.criteria import CRITERIA
from outlearn.data.formats import FORMATS
from outlearn.data.load import DATASETS
from outlearn.encoders import ENCODERS
from outlearn.learners import LEARNERS
from outlearn.losses import LOSSES, Loss, loss_config, loss_name
from outlearn.losses.registry import default_loss
from outlearn.selection.candidates import FAMILIES

__all__ = ["TABLES", "outdated", "render"]

DOCS = Path(__file__).parents[1] / "docs"
SPAN = re.compile(r"(<!-- table: (?P<name>[\w ]+) -->\n)(?P<rows>.*?)(<!-- end of table -->)", re.DOTALL)
BAR = r"\|"  # a bar inside a cell

# A header, and the rows below it.
Rows: TypeAlias = tuple[Sequence[str], Iterable[Sequence[str]]]


def render(name: str) -> str:
    """Write one table as Markdown."""
    header, rows = TABLES[name]()
    return _line(header) + "|" + "---|" * len(header) + "\n" + "".join(map(_line, rows))


def outdated(docs: Path = DOCS, *, write: bool = False) -> list[str]:
    """List the tables that differ from what the things say, and those that no page has; write them if asked.

    Args:
        docs: a folder of pages.
        write: replace each table by what it should be.
    """
    found, wrong = set(), []
    for page in sorted(docs.rglob("*.md")):
        text = new = page.read_text(encoding="utf-8")
        for span in SPAN.finditer(text):
            found.add(span["name"])
            should = render(span["name"])
            if span["rows"] != should:
                wrong.append(f"{page.relative_to(docs)}: {span['name']}")
                new = new.replace(span[0], span[1] + should + span[4])
        if write and new != text:
            page.write_text(new, encoding="utf-8")
    return wrong + [f"no page has the table: {name}" for name in sorted(TABLES.keys() - found)]


def _line(cells: Sequence[str]) -> str:
    return "|" + "|".join(f" {cell.replace('|', BAR)} " if cell else " " for cell in cells) + "|\n"


def _losses() -> Rows:
    header = ("name", "called", "value", "gradient", "minimiser", "parameters (default)")
    return header, [
        (f"`{name}`", loss.label, loss.formula, _gradient(loss), loss.minimiser, _parameters(loss))
        for name, loss in LOSSES.items()
    ]


def _gradient(kind: type[Loss]) -> str:
    plain = default_loss(kind)
    return "autograd" if plain is None or plain.closed_form() is None else kind.gradient_formula


def _parameters(kind: type[Loss]) -> str:
    plain = default_loss(kind)
    if plain is None:
        return ""
    return ", ".join(f"{key} ({_value(getattr(plain, key))})" for key in loss_config(plain) if key != "kind")


def _value(value: object) -> str:
    if isinstance(value, Loss):
        return f"`{loss_name(value)}`"
    if isinstance(value, bool | None):
        return {None: "none", True: "true", False: "false"}[value]
    return f"{value:g}" if isinstance(value, float) else str(value)


def _generators() -> Rows:
    header = ("name", "D(a, b)", "what it is", "unit", "dual mean")
    return header, [
        (f"`{name}`", each.notation.format(a="a", b="b"), _words(each), each.unit, each.dual_mean_name)
        for name, each in GENERATORS.items()
    ]


def _combinations() -> Rows:
    header = ("`weak_labels.source`", "what it is", "what it says", "what it estimates")
    return header, [(f"`{name}`", each.line, each.formula, each.estimates) for name, each in COMBINATIONS.items()]


def _criteria() -> Rows:
    header = ("criterion", "called", "better", "assumes", "fails")
    return header, [
        (f"`{name}`", each.label, "higher" if each.higher_is_better else "lower", each.assumes, each.fails)
        for name, each in CRITERIA.items()
    ]


def _recipes() -> Rows:
    return ("`student.loss`", "what it does"), [(f"`{name}`", each.line) for name, each in RECIPES.items()]


def _candidate_families() -> Rows:
    return ("family", "candidates"), [(each.label, each.line) for each in FAMILIES.values()]


def _class_shares() -> Rows:
    return ("class shares", "what they are"), [(each.label, each.line) for each in SHARE_SOURCES.values()]


def _answers() -> Rows:
    return ("`student.answer`", "what it is"), [(f"`{name}`", each.line) for name, each in FORMS.items()]


def _metrics() -> Rows:
    header = ("metric", "called", "what it is", "better")
    better = {True: "higher", False: "lower", None: ""}
    return header, [
        (f"`{name}`", each.label, each.line, better[each.higher_is_better]) for name, each in METRICS.items()
    ]


def _encoders() -> Rows:
    header = ("`encoder.kind`", "what it is", "parameters (default)", "needs")
    return header, [(f"`{name}`", each.line, _fields(each), _extra(each.extra)) for name, each in ENCODERS.items()]


def _fields(kind: type) -> str:
    """List the fields of a dataclass, the default first where the type lists what is allowed."""
    hints = get_type_hints(kind)
    return ", ".join(f"`{each.name}` ({_default(each, get_args(hints[each.name]))})" for each in fields(kind))


def _default(field: Field[object], allowed: Sequence[object]) -> str:
    if isinstance(field.default, str) and field.default in allowed:
        return " or ".join(dict.fromkeys([field.default, *map(str, allowed)]))
    return _value(field.default if field.default_factory is MISSING else field.default_factory().kind)


def _learners() -> Rows:
    header = ("`learner.kind`", "what it is", "trains on", "needs")
    return header, [(f"`{name}`", _words(each), each.reads, _extra(each.extra)) for name, each in LEARNERS.items()]


def _datasets() -> Rows:
    header = ("name", "points", "what", "source", "licence", "needs")
    return header, [
        (f"`{name}`", each.points, each.line, each.source, each.licence, _extra(each.extra))
        for name, each in DATASETS.items()
    ]


def _formats() -> Rows:
    header = ("format", "suffix", "what it holds", "needs")
    return header, [
        (f"`{name}`", ", ".join(each.suffixes) or "a folder", each.line, _extra(each.extra))
        for name, each in FORMATS.items()
    ]


class _Worded(Protocol):
    label: ClassVar[str]
    line: ClassVar[str]


def _words(thing: type[_Worded]) -> str:
    return f"{thing.label}: {thing.line}"


def _extra(extra: str) -> str:
    return f"outlearn[{extra}]" if extra else ""


TABLES: Mapping[str, Callable[[], Rows]] = {
    "losses": _losses,
    "generators": _generators,
    "combinations": _combinations,
    "criteria": _criteria,
    "recipes": _recipes,
    "candidates": _candidate_families,
    "class shares": _class_shares,
    "answers": _answers,
    "metrics": _metrics,
    "encoders": _encoders,
    "learners": _learners,
    "datasets": _datasets,
    "formats": _formats,
}


if __name__ == "__main__":
    if sys.argv[1:] not in (["--check"], ["--write"]):
        sys.exit("usage: python tools/docs_tables.py --check | --write")
    differ = outdated(write=sys.argv[1] == "--write")
    print("\n".join(differ) or "every table is what the things say of themselves")
    sys.exit(1 if differ and sys.argv[1] == "--check" else 0)
