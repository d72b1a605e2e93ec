"""`outlearn explain --teacher T.npy` alone: the teachers' variance, without students or target."""

from functools import partial

import numpy as np
import pytest
from tests.programs import Cli


@pytest.fixture
def cli(cli: Cli, tmp_path) -> Cli:
    rng = np.random.default_rng(0)
    np.save(tmp_path / "T.npy", rng.normal(size=(3, 50, 4)))
    np.save(tmp_path / "y.npy", rng.integers(0, 4, 50))
    return partial(cli, "explain")


def test_teachers_alone_have_a_variance_and_with_labels_a_bias(cli):
    code, out, err = cli("--teacher", "T.npy")
    assert code == 0, err
    assert "Variance of 3 labelers over 50 points" in out
    assert "log loss" not in out
    code, out, err = cli("--teacher", "T.npy", "--target", "y.npy")
    assert code == 0, err
    assert "of which bias" in out


def test_what_is_missing_is_said_and_what_is_advised_works(cli, tmp_path):
    code, _, err = cli("--teacher", "T.npy", "--student", "T.npy")
    assert code == 2
    assert "--student needs --target" in err
    assert cli("--teacher", "T.npy", "--student", "T.npy", "--target", "y.npy")[0] == 0
    code, _, err = cli("--teacher", "T.npy", "--fail-below", "0")
    assert code == 2
    assert "--fail-below is of what students gain" in err
    code, _, err = cli("--teacher", "T.npy", "--out", "explained")
    assert code == 2
    assert "--out" in err
    assert not (tmp_path / "explained").exists()
    np.save(tmp_path / "one.npy", np.zeros((1, 50, 4)))
    code, _, err = cli("--teacher", "one.npy")
    assert code == 2
    assert "Give more teachers" in err
