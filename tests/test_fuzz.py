"""Mutated files never end in a traceback: `tests.fuzz` for a bounded time, longer by OUTLEARN_FUZZ_SECONDS."""

from __future__ import annotations

import os
from collections import Counter

import pytest
from tests.fuzz import fuzz

SECONDS = float(os.environ.get("OUTLEARN_FUZZ_SECONDS", 20))


@pytest.mark.slow
@pytest.mark.usefixtures("shapes_unchecked")
def test_every_mutated_file_is_taken_or_refused_in_lines(small_run, tmp_path):
    folder = small_run("student.loss=[forward_ce]").folder
    found = fuzz(folder, tmp_path / "files", seconds=SECONDS, seed=int(SECONDS))
    print(
        f"{found.inputs} inputs: {dict(found.taken)} taken, {dict(found.refused)} refused, {len(found.broken)} broken"
    )
    kinds = Counter(each.split(", of ")[0] for each in found.broken)
    assert not kinds, "\n".join(f"{count} of {kind}" for kind, count in kinds.most_common())
    assert found.inputs > 10 * SECONDS / 20
