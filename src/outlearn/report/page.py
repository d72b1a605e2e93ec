"""One HTML file from plain blocks: a first screen, text, figures, tables and sortable grids, with everything inlined.

This is the only place that writes HTML. Every string is escaped by jinja2's autoescape; data for scripts goes into JSON
blocks in which no character can end the block. The page forbids every request by its own content security policy, which
also names each script by its hash: a script that came in with a label or a file name does not run.
"""

from __future__ import annotations

import base64
import gc
import hashlib
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib import resources
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from outlearn.core.intervals import Interval
from outlearn.core.verdict import excludes_zero
from outlearn.report import style
from outlearn.report.blocks import Block, Figure, Folded, Grid, Section
from outlearn.report.cells import Cell, format_cell
from outlearn.report.first_screen import FirstScreen
from outlearn.report.glossary import Words
from outlearn.report.inline_svg import drawn, variable_of

__all__ = ["json_block", "render_page"]


def render_page(
    *,
    title: str,
    sections: Sequence[Section],
    first: FirstScreen | None = None,
    findings: Sequence[str] = (),
    subtitle: str = "",
    footer: str = "",
) -> str:
    """Return the page as one string of HTML that opens from disk and makes no request.

    Args:
        title: a line, the page's name.
        sections: what follows below the first screen.
        first: the first screen: verdict, bad news, numbers, picture, what to do next.
        findings: plain sentences at the top, for a page without a first screen.
        subtitle: a line below the title: what was run, on what.
        footer: a line at the end.

    Examples:
        >>> html = render_page(title="<script>", findings=["a < b"], sections=[])
        >>> "<h1>&lt;script&gt;</h1>" in html, "a &lt; b" in html
        (True, True)
    """
    blocks = list(_every_block(section.blocks for section in sections))
    has_figures = any(isinstance(block, Figure) for block in blocks) or (first is not None and first.figure is not None)
    scripts = [_asset("grid.js")] if any(isinstance(block, Grid) for block in blocks) else []
    scripts += [_asset("page.js"), *([_asset("figures.js")] if has_figures else [])]
    words = Words()
    environment = Environment(
        loader=PackageLoader("outlearn.report", "assets"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals.update(json_block=json_block, format_cell=format_cell, is_told=_is_told, drawn=drawn)
    environment.filters["explained"] = words.marked
    with _uncollected():
        return environment.get_template("page.html.jinja").render(
            title=title,
            subtitle=subtitle,
            first=first,
            findings=findings,
            sections=sections,
            words=words,
            footer=footer,
            css=Markup(_style_sheet()),
            scripts=[Markup(script) for script in scripts],
            policy=_policy(scripts),
        )


@contextmanager
def _uncollected() -> Iterator[None]:
    """Leave circles of objects where they are: each figure is one, and looking for them takes a sixth of a page."""
    collects = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collects:
            gc.enable()


def json_block(value: Any) -> Markup:
    """Return JSON in which no text can close the script element or open a comment; NaN becomes null.

    Examples:
        >>> str(json_block({"label": "</script><!--"}))
        '{"label":"\\\\u003c/script\\\\u003e\\\\u003c!--"}'
    """
    try:
        text = _json(value)
    except ValueError:  # a NaN somewhere: looking at every number of a long table takes longer than writing it
        text = _json(_without_nan(value))
    return Markup(text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026"))


def _every_block(groups: Any) -> Iterator[Block]:
    for blocks in groups:
        for block in blocks:
            yield block
            if isinstance(block, Folded):
                yield from _every_block([block.blocks])


def _is_told(cell: Cell, kind: str) -> bool:
    """Say whether a difference is told apart from 0, which a table shows in bold."""
    return kind == "points" and isinstance(cell, Interval) and excludes_zero(cell)


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=True, separators=(",", ":"), allow_nan=False, default=_plain)


def _plain(value: Any) -> Any:
    """Turn an array or a number of numpy's, and a mapping of any kind, into what JSON holds."""
    return dict(value) if isinstance(value, Mapping) else value.tolist()


def _without_nan(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _without_nan(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_without_nan(item) for item in value]
    if hasattr(value, "tolist"):
        return _without_nan(value.tolist())
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def _policy(scripts: Sequence[str]) -> str:
    digests = (hashlib.sha256(script.encode()).digest() for script in scripts)
    allowed = " ".join(f"'sha256-{base64.b64encode(digest).decode()}'" for digest in digests)
    return (
        f"default-src 'none'; script-src {allowed}; style-src 'unsafe-inline'; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )


def _style_sheet() -> str:
    """Return the style sheet with the figures' colours: each a variable, with its partner for dark mode."""
    light, dark = (
        " ".join(f"{variable_of(colour)}: {shown};" for colour, shown in pairs)
        for pairs in ([(colour, colour) for colour in style.DARK_OF], style.DARK_OF.items())
    )
    return _asset("page.css").replace("FONT", style.FONT).replace("/*LIGHT*/", light).replace("/*DARK*/", dark)


def _asset(name: str) -> str:
    return (resources.files("outlearn.report") / "assets" / name).read_text(encoding="utf-8")
