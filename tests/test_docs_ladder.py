"""What docs/examples/ladder.py prints is what it says: distances to the own teacher, and to the mean of the others."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tests.programs import SCRIPT

from outlearn import Predictions, get_generator

EXAMPLE = Path(__file__).resolve().parent.parent / "docs" / "examples" / "ladder.py"
PRINTED = 6e-4  # three digits


@pytest.mark.medium
def test_a_student_s_own_teacher_is_left_out_of_the_mean(programs, small_run):
    run = small_run()
    printed = programs.run(SCRIPT, EXAMPLE, run.folder, "--loss", "reverse_ce").output()
    row = next(line for line in printed.splitlines() if line.startswith("| convex: array"))
    own, others = (float(cell) for cell in row.split("|")[4:6])
    kl = get_generator("negative_entropy").divergence
    teachers, students = run.predictions.teachers, run.predictions.students["reverse_ce"]
    expected = []
    for student, m in zip(students.log_probs, students.teacher_of.tolist(), strict=True):
        rest = Predictions(np.delete(teachers.log_probs, m, axis=0), teachers.point_ids).dual_mean()
        expected.append(kl(np.exp(student), np.exp(rest.log_probs[0])).mean())
    assert others == pytest.approx(np.mean(expected), abs=PRINTED)
    assert own == pytest.approx(run.students["reverse_ce"].misfit.mean, abs=PRINTED)


@pytest.mark.medium
def test_splits_of_one_encoder_are_averaged_with_an_interval(programs, small_run):
    folders = [small_run(f"seed={seed}").folder for seed in (0, 1)]
    printed = programs.run(SCRIPT, EXAMPLE, *folders).output()
    (row,) = (line for line in printed.splitlines() if line.startswith("| convex: array"))
    assert row.count("±") == 5 or "nan" in row
