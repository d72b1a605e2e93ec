"""The tables of the docs are what the things say of themselves, and what a page names exists."""

from __future__ import annotations

import re

import pytest
from tools.docs_tables import DOCS, TABLES, outdated, render

from outlearn.losses import LOSSES

SOURCE = DOCS.parent / "src" / "outlearn"


def test_every_table_is_what_the_things_say():
    assert outdated() == [], "run: python tools/docs_tables.py --write"


@pytest.mark.parametrize("name", TABLES)
def test_a_table_that_differs_is_named_and_written(name, tmp_path):
    page = tmp_path / "page.md"
    right = "".join(f"<!-- table: {each} -->\n{render(each)}<!-- end of table -->\n" for each in TABLES)
    page.write_text(right.replace(f"table: {name} -->\n", f"table: {name} -->\n| an old row |\n"))
    assert outdated(tmp_path) == [f"page.md: {name}"]
    outdated(tmp_path, write=True)
    assert outdated(tmp_path) == []
    assert page.read_text() == right


def test_a_table_that_no_page_has_is_named(tmp_path):
    assert outdated(tmp_path) == [f"no page has the table: {name}" for name in sorted(TABLES)]


def test_every_registry_that_extending_names_is_where_it_says():
    rows = re.findall(r"`([A-Z]+)` in `([\w/.]+)`", (DOCS / "extending.md").read_text())
    assert len(rows) >= 9
    for registry, path in rows:
        assert re.search(rf"^{registry}\b", (SOURCE / path).read_text(), re.MULTILINE), (registry, path)


def test_every_contract_that_extending_names_is_a_file():
    named = re.findall(r"`(tests/[\w/]+\.py)`", (DOCS / "extending.md").read_text())
    assert named
    assert [path for path in named if not (DOCS.parent / path).is_file()] == []


def test_every_loss_says_what_people_call_it_and_its_formula():
    assert [name for name, loss in LOSSES.items() if not (loss.label and loss.formula and loss.name == name)] == []
