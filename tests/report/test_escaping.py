"""Text that came with the data is shown as text: on the page, in Markdown, in figures, whatever it holds."""

import html.parser
import json
import re
from dataclasses import replace

import pytest
import yaml
from tests.report.made_up import HOSTILE, changed, make_up, recovered

from outlearn.report.blocks import Code, Figure, Folded, Grid, GridColumn, Listed, Section
from outlearn.report.charts import Axis, Chart, Line, Panel
from outlearn.report.first_screen import FirstScreen, NextStep, Tile
from outlearn.report.html import write_report
from outlearn.report.page import json_block, render_page
from outlearn.report.style import SERIES
from outlearn.results.run import RunResults

ATTACKS = (
    "<script>window.hacked=1</script>",
    "</script><script>window.hacked=1</script>",
    "<img src=x onerror=window.hacked=1>",
    "' onmouseover=window.hacked=1 x='",
)


class Elements(html.parser.HTMLParser):
    """Collect the elements of a page: what a browser would build of it."""

    def __init__(self):
        super().__init__(convert_charrefs=True)
        self.tags, self.scripts, self.attributes, self.text = [], [], [], []
        self._in = None

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.attributes += [(tag, name) for name, _ in attributes]
        self._in = tag
        if tag == "script":
            self.scripts.append([dict(attributes).get("type"), ""])

    def handle_data(self, data):
        if self._in == "script":
            self.scripts[-1][1] += data
        else:
            self.text.append(data)

    def handle_endtag(self, tag):
        self._in = None


def elements(path):
    found = Elements()
    found.feed(path.read_text(encoding="utf-8"))
    return found


def every_text(value, attack):
    """Return a copy in which every string carries the attack but those that must be a scale or an endless number."""
    if isinstance(value, dict):
        return {key: item if key in ("scale", "freedom") else every_text(item, attack) for key, item in value.items()}
    if isinstance(value, list):
        return [every_text(item, attack) for item in value]
    return value + attack if isinstance(value, str) else value


def attacked(path, attack):
    made = make_up(n_points=24, n_teachers=2, losses=("forward_ce", "mae"), hostile=False)
    plain = changed(made.results, recovery=recovered(None, reason="none")).to_json()
    kept = {key: plain[key] for key in ("schema", "measure")}
    kept["measure"] |= {"misfit": "KL" + attack, "posterior_mean": attack}
    results = every_text(plain, attack) | kept
    results["labeler"]["source"] = "each"  # a combination would have a file of its own
    results["stages"] = {attack: {"key": attack, "cached": True}}
    results["seconds"] = {attack: 1.0, "total": 1.0}
    for record in made.points:
        record |= {"id": record["id"] + attack, "text": attack, "group": attack}
    made.config.update({"data": {"name": attack}, attack: attack})
    return replace(made, results=RunResults.model_validate(results)).write(path)


@pytest.mark.parametrize("attack", ATTACKS)
def test_every_text_of_a_run_stays_text(tmp_path, attack):
    folder = attacked(tmp_path / "a run", attack)
    plain = elements(
        write_report([make_up(n_points=24, n_teachers=2, losses=("forward_ce", "mae")).write(tmp_path / "b")])
    )
    page = elements(write_report([folder]))
    # The same elements and attributes, but for what more texts need: notes, reasons, definitions.
    assert set(page.tags) == set(plain.tags)
    assert set(page.attributes) <= set(plain.attributes) | {("th", "title")}
    assert len(page.scripts) == len(plain.scripts)
    assert [kind for kind, _ in page.scripts] == [kind for kind, _ in plain.scripts]
    assert page.scripts[-1] == plain.scripts[-1]
    for kind, script in page.scripts:
        if kind == "application/json":
            assert "<" not in script
            json.loads(script)
    assert attack in "".join(page.text)


def test_hostile_losses_ids_and_class_names_keep_the_page_whole(folder_of, tmp_path):
    page = elements(write_report([folder_of("hostile")], tmp_path / "page.html"))
    assert page.tags.count("html") == page.tags.count("main") == page.tags.count("body") == 1
    assert not {"img", "iframe", "object", "form"} & set(page.tags)
    assert not [name for _, name in page.attributes if name.startswith("on")]
    assert all(kind == "application/json" or "window.hacked" not in script for kind, script in page.scripts)
    assert "window.hacked=1" in "".join(page.text)


@pytest.mark.parametrize("name", ["<img src=x onerror=alert(1)>", "a&b'c\"d", "\u202eevil", "x" * 200])
def test_folder_names_are_text_too(tmp_path, name):
    folders = [make_up(n_points=24, seed=k, losses=("forward_ce",)).write(tmp_path / f"{k}{name}") for k in range(2)]
    for dirs, out in ((folders[:1], "one.html"), (folders, "many.html")):
        page = elements(write_report(dirs, tmp_path / out))
        assert not {"img", "iframe"} & set(page.tags)
        held = [*page.text, *(str(json.loads(data)) for kind, data in page.scripts if kind == "application/json")]
        assert name[-8:] in "".join(held)


def test_the_policy_forbids_requests_and_names_each_script_by_its_hash(folder_of, tmp_path):
    text = write_report([folder_of("plain")], tmp_path / "page.html").read_text(encoding="utf-8")
    policy = re.search(r'http-equiv="Content-Security-Policy" content="([^"]*)"', text).group(1)
    policy = policy.replace("&#39;", "'")
    assert policy.startswith("default-src 'none'; script-src 'sha256-")
    assert "unsafe-eval" not in policy
    assert "script-src" in policy
    assert "'unsafe-inline'" not in policy.split("script-src")[1].split(";")[0]
    assert not re.search(r'<(script|link|img)[^>]+(src|href)="(?!data:)', text)


@pytest.mark.parametrize("text", HOSTILE)
def test_no_text_can_end_a_json_block(text):
    block = str(json_block({"a": text, text: [text]}))
    assert not set("<>&") & set(block)
    assert json.loads(block) == {"a": text, text: [text]}


@pytest.mark.parametrize("text", HOSTILE)
def test_every_string_of_a_page_is_escaped(text):
    grid = Grid(text, text, text, (GridColumn(text, "text", text),), [[text]], sort_by=text, unit=text)
    line = Line(text, SERIES[0], [0.0], [1.0], [text])
    figure = Figure("f", text, Chart((Panel(Axis(text), Axis(text), (line,), text),)), text, text)
    tile, step = Tile(text, None, note=text), NextStep(text, text)
    first = FirstScreen(text, text, tiles=(tile,), figure=replace(figure, key="g"), steps=(step,), bad_news=(text,))
    blocks = (figure, grid, Listed((text,)), Folded(text, (Code(text, text),)))
    sections = [Section("s", text, blocks, text, folded=True)]
    page = render_page(title=text, first=first, findings=[text], sections=sections, footer=text)
    found = Elements()
    found.feed(page)
    assert not {"img", "iframe", "b"} & set(found.tags)
    assert not [name for _, name in found.attributes if name.startswith("on")]


def test_numbers_that_json_lacks_become_null():
    assert str(json_block([float("nan"), float("inf"), 1.5])) == "[null,null,1.5]"


def test_markdown_has_no_markup_from_the_data(folder_of, tmp_path):
    text = write_report([folder_of("hostile")], tmp_path / "report.md", format="md").read_text(encoding="utf-8")
    assert "<" not in text
    assert not re.search(r"(?<!\\)\[e\]\(javascript", text)
    tables = [line for line in text.splitlines() if line.startswith("|")]
    heads = [i for i, line in enumerate(tables) if re.fullmatch(r"[|:\-]+", line)]
    for place, start in enumerate(heads):
        end = heads[place + 1] - 1 if place + 1 < len(heads) else len(tables)
        count = {len(re.findall(r"(?<!\\)\|", line)) for line in tables[start - 1 : end]}
        assert len(count) == 1, "every row of a table has as many cells as its head"


def test_configuration_of_any_kind_is_only_read(tmp_path):
    folder = make_up(n_points=24, losses=("forward_ce",)).write(tmp_path / "run")
    (folder / "config.yaml").write_text(yaml.safe_dump({"seed": ["<b>", {"x": None}]}), encoding="utf-8")
    assert "<b>" not in write_report([folder]).read_text(encoding="utf-8").split("<main", 1)[1].split("<script", 1)[0]
