"""`loss: auto` on preferences: no class shares, and an exchanged pair has the exchanged answer."""

from __future__ import annotations

import numpy as np
import pytest

from outlearn.core.predictions import Predictions
from outlearn.learners.jobs import HeadSettings
from outlearn.selection import Learned, choose, default_candidates, fit_answer, selection_labelings


@pytest.mark.parametrize("source", ["mean", "each"])
def test_turning_all_pairs_round_turns_the_answer_round(source):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(300, 6)).astype(np.float32)
    better = (x @ rng.normal(size=6) > 0).astype(int)
    noisy = 1.5 * (2 * better - 1) + 2 * rng.normal(size=(4, 300))
    labelers = Predictions.from_logits(np.stack([-noisy, noisy], axis=-1) / 2)
    labelings = selection_labelings({"student": labelers}, source)
    base = HeadSettings(bias=False)
    learned = Learned(x, labelings.predictions["student"].probs, base)
    seeds = range(len(learned.targets))
    candidates = default_candidates(*x.shape, base)
    choice = choose(learned, labelings, validation_features=None, candidates=candidates, seeds=seeds)
    points = {"as they are": x, "exchanged": -x}
    models = [(m, 0) for m in range(labelings.n_answers)]
    answer = fit_answer(learned, labelings, choice, points, models)
    np.testing.assert_allclose(answer.logits["exchanged"], -answer.logits["as they are"], atol=1e-4)
    assert (answer.logits["as they are"].argmax(-1) == better).mean() > 0.9
