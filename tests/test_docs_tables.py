"""The tables of the docs are what the things say of themselves, and what a page names exists."""

from __future__ import annotations

import re
import tomllib

import numpy as np
import pytest
from tools.docs_tables import DOCS, TABLES, outdated, render

from outlearn.core.generators import GENERATORS, get_generator
from outlearn.core.labelers.combinations import COMBINATIONS
from outlearn.core.metrics import METRICS
from outlearn.core.predictions import Predictions
from outlearn.core.students.criteria import CRITERIA
from outlearn.data.formats import FORMATS
from outlearn.data.load import DATASETS
from outlearn.encoders import ENCODERS
from outlearn.learners import LEARNERS
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


@pytest.mark.parametrize(
    "registry", [GENERATORS, COMBINATIONS, CRITERIA, METRICS, LOSSES, ENCODERS, LEARNERS, FORMATS, DATASETS]
)
def test_every_thing_has_the_name_of_its_key_and_says_what_it_is(registry):
    for name, thing in registry.items():
        own = thing.model_fields["kind"].default if registry is LEARNERS else getattr(thing, "kind", None) or thing.name
        assert own == name
        assert registry is DATASETS or thing.label
        words = thing.formula if registry is LOSSES else thing.assumes if registry is CRITERIA else thing.line
        assert words


def test_every_extra_that_a_thing_needs_is_one_of_the_package():
    extras = tomllib.loads((DOCS.parent / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    needed = {thing.extra for registry in (ENCODERS, LEARNERS, FORMATS, DATASETS) for thing in registry.values()}
    assert needed - {""} <= set(extras)


def test_every_metric_that_is_the_risk_of_a_divergence_is_that_divergence():
    predictions = Predictions.from_probs(np.array([[0.7, 0.2, 0.1], [0.3, 0.3, 0.4]]))
    labels = np.array([0, 1])
    measured = {name: kind for name, kind in GENERATORS.items() if kind.risk_metric}
    assert set(measured) == {"negative_entropy", "squared_euclidean"}
    for name, kind in measured.items():
        risk = get_generator(name).divergence(np.eye(3)[labels], predictions.probs)
        np.testing.assert_allclose(METRICS[kind.risk_metric](predictions, labels), risk, rtol=1e-12)
        assert METRICS[kind.risk_metric].unit == kind.unit
