"""Training losses between a teacher's distribution and a student's logits (torch).

`loss(logits, targets, progress=...)` gives one number per example; `logit_gradient` gives its gradient for many models
at once. How to choose one: docs/losses.md.
"""

from __future__ import annotations

from outlearn.losses.aux_conf import AuxConf
from outlearn.losses.confidence import CACE, ConfidenceWindow
from outlearn.losses.cross_entropy import ForwardCE, ForwardKL, HardCE, ReverseCE, ReverseKL, SymmetricCE
from outlearn.losses.divergences import Hellinger, Jeffreys, JensenShannon, PearsonChi2, TotalVariation
from outlearn.losses.gradients import Prepared, logit_gradient, margin_gradient, prepare
from outlearn.losses.loss import Loss
from outlearn.losses.numbers import NUMBER_LOSSES, NumberLoss
from outlearn.losses.registry import LOSSES, get_loss, loss_config, loss_name
from outlearn.losses.regularised import Regularised
from outlearn.losses.robust import MAE, Brier, GeneralizedCE, Product
from outlearn.losses.sensitivity import SensitivityTable, sensitivity_table, teacher_sensitivity
from outlearn.losses.targets import check_targets, resolve

__all__ = [
    "CACE",
    "LOSSES",
    "MAE",
    "NUMBER_LOSSES",
    "AuxConf",
    "Brier",
    "ConfidenceWindow",
    "ForwardCE",
    "ForwardKL",
    "GeneralizedCE",
    "HardCE",
    "Hellinger",
    "Jeffreys",
    "JensenShannon",
    "Loss",
    "NumberLoss",
    "PearsonChi2",
    "Prepared",
    "Product",
    "Regularised",
    "ReverseCE",
    "ReverseKL",
    "SensitivityTable",
    "SymmetricCE",
    "TotalVariation",
    "check_targets",
    "get_loss",
    "logit_gradient",
    "loss_config",
    "loss_name",
    "margin_gradient",
    "prepare",
    "resolve",
    "sensitivity_table",
    "teacher_sensitivity",
]
