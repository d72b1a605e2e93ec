"""How losses are named: every way to write one gives the same object, every mistake a sentence that repairs it."""

from __future__ import annotations

import json
from dataclasses import dataclass

import numpy as np
import pytest

from outlearn.errors import ConfigError
from outlearn.experiment.load_config import load_config
from outlearn.losses import (
    CACE,
    LOSSES,
    AuxConf,
    ConfidenceWindow,
    ForwardCE,
    ForwardKL,
    GeneralizedCE,
    HardCE,
    Loss,
    PearsonChi2,
    Product,
    Regularised,
    ReverseCE,
    ReverseKL,
    SymmetricCE,
    get_loss,
    loss_config,
    loss_name,
)


@pytest.mark.parametrize(
    ("paper_name", "loss"),
    [
        ("bce", ForwardCE()),
        ("reverse_bce", ReverseCE()),
        ("aux", AuxConf()),
        ("kl", ForwardKL()),
        ("reverse_kl", ReverseKL()),
        ("CACE_0.1", CACE(threshold=0.6)),
        ("CACE_0", CACE(threshold=0.5)),
        ("CACE_0.5", CACE(threshold=1.0)),
        ("Quan_CACE_5", CACE(quantile=0.5)),
        ("Quan_CACE_2.5", CACE(quantile=0.25)),
        ("SL_a1_b0.1", SymmetricCE(alpha=1.0, beta=0.1)),
        ("SL_a0.5_b1e-2", SymmetricCE(alpha=0.5, beta=0.01)),
    ],
)
def test_the_papers_names_are_understood(paper_name, loss):
    assert get_loss(paper_name) == loss
    assert get_loss({"kind": paper_name}) == loss


@pytest.mark.parametrize("name", LOSSES)
def test_every_name_builds_its_class_with_the_documented_defaults(name):
    assert type(get_loss(name)) is LOSSES[name]
    assert loss_name(get_loss(name)) == name


def test_the_documented_defaults():
    assert ReverseCE().smoothing == ReverseKL().smoothing == SymmetricCE().smoothing == CACE().smoothing == 1e-4
    assert (SymmetricCE().alpha, SymmetricCE().beta) == (1.0, 0.1)
    assert (CACE().threshold, CACE().quantile, CACE().temperature) == (0.6, None, None)
    assert (AuxConf().weight, AuxConf().warmup) == (0.5, 0.2)
    assert (GeneralizedCE().q, Product().a, Product().b, ConfidenceWindow().radius) == (0.7, 1.0, 1.0, 0.15)


@pytest.mark.parametrize(
    "loss",
    [
        CACE(quantile=0.5, temperature=0.1),
        CACE(threshold=0.75, smoothing=0.0),
        SymmetricCE(alpha=2, beta=0),
        Regularised(Regularised(CACE(quantile=0.2), entropy=0.1), entropy=-1.0),
    ],
    ids=loss_name,
)
def test_a_configuration_survives_json_and_comes_back(loss):
    config = json.loads(json.dumps(loss_config(loss), sort_keys=True))
    assert get_loss(config) == loss
    assert loss_config(get_loss(config)) == loss_config(loss)


def test_equal_losses_have_the_same_configuration_however_they_were_written():
    ways = ["reverse_ce", "reverse_bce", {"kind": "reverse_ce"}, {"kind": "reverse_ce", "smoothing": 1e-4}]
    configs = {json.dumps(loss_config(get_loss(s)), sort_keys=True) for s in ways}
    assert len(configs) == 1
    assert loss_config(get_loss("symmetric_ce", alpha=1)) == loss_config(get_loss("symmetric_ce", alpha=1.0))
    assert loss_config(get_loss("gce", q=np.float64(0.5))) == {"kind": "gce", "q": 0.5}


def test_different_parameters_have_different_names_and_configurations():
    losses = [CACE(), CACE(threshold=0.7), CACE(quantile=0.5), CACE(temperature=0.1), CACE(smoothing=0.0)]
    assert len({loss_name(loss) for loss in losses}) == len(losses)
    assert len({json.dumps(loss_config(loss)) for loss in losses}) == len(losses)


def test_a_loss_inside_a_loss_may_be_written_in_any_way():
    expected = Regularised(ReverseCE(smoothing=0.01), entropy=0.2)
    assert get_loss("regularised", loss=ReverseCE(smoothing=0.01), entropy=0.2) == expected
    nested = {"kind": "regularised", "loss": {"kind": "reverse_bce", "smoothing": 0.01}, "entropy": 0.2}
    assert get_loss(nested) == expected
    assert get_loss({"kind": "regularised", "loss": "hard_ce"}) == Regularised(HardCE())


def test_a_loss_of_the_user_has_a_name_and_a_configuration():
    @dataclass(frozen=True)
    class Mine(Loss):
        scale: float = 1.0

        def per_example(self, logits, targets, progress):
            raise NotImplementedError

    assert get_loss(Mine()) == Mine()
    assert loss_name(Mine(scale=2.0)) == "Mine(scale=2)"
    assert loss_config(Mine()) == {"kind": "Mine", "scale": 1.0}


@pytest.mark.parametrize(
    ("spec", "parameters", "message"),
    [
        ("revers_ce", {}, 'Did you mean "reverse_ce"'),
        ("ReverseCE", {}, 'Did you mean "reverse_ce"'),
        ("CACE", {}, 'Did you mean "cace"'),
        ("focal", {}, r"known: .*reverse_ce.*CACE_0\.1"),
        ("", {}, "unknown"),
        (3, {}, "expected a name or a mapping"),
        ({"threshold": 0.6}, {}, "no kind"),
        ({"kind": ["cace"]}, {}, "expected a name"),
        ("cace", {"treshold": 0.6}, 'Did you mean "threshold"'),
        ("forward_ce", {"smoothing": 0.1}, "no parameters"),
        ("CACE_0.1", {"threshold": 0.6}, "given twice"),
        ({"kind": "CACE_0.1", "threshold": 0.6}, {}, "given twice"),
        ({"kind": "cace", "threshold": 0.6}, {"threshold": 0.7}, "given twice"),
        (ReverseCE(), {"smoothing": 0.1}, "expected a name"),
        ("CACE_0.6", {}, "threshold: 0.6"),
        ("Quan_CACE_11", {}, r"\[0, 10\]"),
        ("cace", {"threshold": 0.0}, r"cace\.threshold is 0.0; expected a number in \(0, 1\]"),
        ("cace", {"threshold": 1.5}, r"\(0, 1\]"),
        ("cace", {"threshold": 0.6, "quantile": 0.5}, "only one"),
        ("cace", {"quantile": -0.1}, r"\[0, 1\]"),
        ("cace", {"temperature": 0.0}, "above 0"),
        ("reverse_ce", {"smoothing": 1.0}, r"\[0, 1\)"),
        ("reverse_kl", {"smoothing": -1e-9}, r"\[0, 1\)"),
        ("symmetric_ce", {"alpha": -1.0}, "at least 0"),
        ("symmetric_ce", {"beta": float("inf")}, "at least 0"),
        ("gce", {"q": 0.0}, r"\(0, 1\]"),
        ("gce", {"q": float("nan")}, r"\(0, 1\]"),
        ("aux_conf", {"weight": 1.01}, r"\[0, 1\]"),
        ("aux_conf", {"warmup": True}, "warmup is True"),
        ("product", {"a": -1}, "at least 0"),
        ("confidence_window", {"radius": 0.0}, r"\(0, 0.5\]"),
        ("pearson_chi2", {"smoothing": 2}, r"\[0, 1\)"),
        ("jeffreys", {"smoothing": None}, "smoothing is None"),
        ("reverse_ce", {"smoothing": "1e-4"}, r"in YAML write 1\.0e-4"),
        ("regularised", {"entropy": float("inf")}, "finite"),
        ("regularised", {"loss": 3}, "expected a name or a mapping"),
        ("regularised", {"loss": "revers_ce"}, 'Did you mean "reverse_ce"'),
    ],
    ids=str,
)
def test_a_mistake_is_named_with_its_repair(spec, parameters, message):
    with pytest.raises(ConfigError, match=message):
        get_loss(spec, **parameters)


def test_several_losses_in_one_text_are_refused_with_the_list_that_is_meant():
    with pytest.raises(
        ConfigError, match=r"loss 'mae,forward_ce' is unknown; .* Several are a list: \[mae,forward_ce\]\.$"
    ):
        get_loss("mae,forward_ce")
    config = load_config(None, ["data.name=digits", "student.loss=[mae,forward_ce]"])  # the advice
    assert config.student.loss == ("mae", "forward_ce")


def test_range_checks_happen_at_construction_too():
    for build in (lambda: ReverseCE(smoothing=1.0), lambda: PearsonChi2(smoothing=-1.0), lambda: CACE(threshold=2.0)):
        with pytest.raises(ConfigError):
            build()
