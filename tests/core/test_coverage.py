"""A smaller run of benchmarks/coverage.py: intervals of every term cover the truth about as often as they say."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "benchmarks" / "coverage.py"
REPETITIONS = 60  # the standard error of a coverage of 95% is then 3 points
LOWEST_COVERAGE = 0.84  # four standard errors below 95%


@pytest.fixture(scope="module")
def coverage():
    spec = importlib.util.spec_from_file_location("coverage_of_intervals", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.slow
@pytest.mark.usefixtures("shapes_unchecked")
@pytest.mark.parametrize("measure", [0, 1, 2])
def test_intervals_of_every_term_cover_the_truth(coverage, measure):
    row = coverage.cover(*coverage.MEASURES[measure], 0.1, 8, 1, REPETITIONS, seed=1)
    for term, share in row["coverage"].items():
        assert share >= LOWEST_COVERAGE, term
        assert row["given"][term] > 0.95, term


@pytest.mark.slow
def test_truths_of_the_simulation_add_up(coverage):
    for name, order in coverage.MEASURES:
        true = coverage.truth(name, order, 0.3)
        assert true["total"] == pytest.approx(true["noise"] + true["bias"] + true["variance"], abs=1e-9)
        assert true["gap"] == pytest.approx(true["misfit"] + true["residual"], abs=1e-12)
