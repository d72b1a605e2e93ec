"""The words for both orders: never the same, and right for every generator."""

from __future__ import annotations

import pytest

from outlearn.core.generators import GENERATORS, get_generator
from outlearn.core.orders import directions
from outlearn.errors import ConfigError


@pytest.mark.parametrize("name", [n for n in GENERATORS if n != "mahalanobis"])
def test_the_two_orders_never_share_words(name):
    a, b = (directions(get_generator(name), order) for order in ("target_first", "prediction_first"))
    for field in ("order", "risk", "misfit", "residual", "posterior_mean"):
        assert getattr(a, field) != getattr(b, field)
    assert a.posterior_mean.startswith("dual (")
    assert b.posterior_mean == "primal (arithmetic)"
    assert a.misfit.index("student") < a.misfit.index("teacher")
    assert b.misfit.index("teacher") < b.misfit.index("student")
    assert a.risk.index("target") < a.risk.index("prediction")
    assert str(a).startswith(f"{name}, order target_first")


def test_dual_means_are_named():
    named = {
        n: directions(get_generator(n), "target_first").posterior_mean for n in ("itakura_saito", "squared_euclidean")
    }
    assert named == {"itakura_saito": "dual (harmonic)", "squared_euclidean": "dual (arithmetic)"}


def test_unknown_order_is_refused():
    with pytest.raises(ConfigError, match="Did you mean"):
        directions(get_generator("negative_entropy"), "targets_first")
