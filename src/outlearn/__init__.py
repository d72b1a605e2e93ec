"""outlearn: train students that outlearn their teachers, and say why.

A weak teacher labels data, a strong student learns from the labels. Measuring is NumPy and starts here: `Predictions`,
`risk_gap`, `bias_variance`, `posterior_mean`, `get_generator`. Names are loaded when they are first used, so that
`import outlearn` loads neither torch nor transformers.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from outlearn.errors import MissingExtraError
from outlearn.version import __version__

# name -> module that defines it
_PUBLIC = {
    "BregmanGenerator": "outlearn.core.generators",
    "GENERATORS": "outlearn.core.generators",
    "Interval": "outlearn.core.intervals",
    "NumberIntervals": "outlearn.core.number_intervals",
    "Numbers": "outlearn.core.numbers",
    "Predictions": "outlearn.core.predictions",
    "WeakToStrongClassifier": "outlearn.estimator.classifier",
    "WeakToStrongRegressor": "outlearn.estimator.regressor",
    "Withheld": "outlearn.results.measurement",
    "bias_variance": "outlearn.core.decomposition.bias_variance",
    "blind_spots": "outlearn.core.students.blind_spots",
    "dawid_skene": "outlearn.core.labelers.dawid_skene",
    "denoising_control": "outlearn.core.students.denoising",
    "explain": "outlearn.explanation",
    "get_generator": "outlearn.core.generators",
    "hf_loss": "outlearn.learners.finetuning.trainer_loss",
    "interval_calibration": "outlearn.results.measured_intervals",
    "load_config": "outlearn.experiment.load_config",
    "load_run": "outlearn.results.any_run",
    "load_student": "outlearn.student.model",
    "performance_gap_recovered": "outlearn.core.students.recovery",
    "posterior_mean": "outlearn.core.decomposition.posterior",
    "preflight": "outlearn.preflight_checks.analyse",
    "preflight_numbers": "outlearn.preflight_checks.numbers",
    "risk_gap": "outlearn.core.decomposition.risk_gap",
    "run": "outlearn.experiment.pipeline",
    "sharpening": "outlearn.core.students.sharpening",
    "teacher_weights": "outlearn.core.labelers.teacher_weights",
}

__all__ = [*_PUBLIC, "__version__"]

if TYPE_CHECKING:
    from outlearn.core.decomposition.bias_variance import bias_variance as bias_variance
    from outlearn.core.decomposition.posterior import posterior_mean as posterior_mean
    from outlearn.core.decomposition.risk_gap import risk_gap as risk_gap
    from outlearn.core.generators import GENERATORS as GENERATORS
    from outlearn.core.generators import BregmanGenerator as BregmanGenerator
    from outlearn.core.generators import get_generator as get_generator
    from outlearn.core.intervals import Interval as Interval
    from outlearn.core.labelers.dawid_skene import dawid_skene as dawid_skene
    from outlearn.core.labelers.teacher_weights import teacher_weights as teacher_weights
    from outlearn.core.number_intervals import NumberIntervals as NumberIntervals
    from outlearn.core.numbers import Numbers as Numbers
    from outlearn.core.predictions import Predictions as Predictions
    from outlearn.core.students.blind_spots import blind_spots as blind_spots
    from outlearn.core.students.denoising import denoising_control as denoising_control
    from outlearn.core.students.recovery import performance_gap_recovered as performance_gap_recovered
    from outlearn.core.students.sharpening import sharpening as sharpening
    from outlearn.estimator.classifier import WeakToStrongClassifier as WeakToStrongClassifier
    from outlearn.estimator.regressor import WeakToStrongRegressor as WeakToStrongRegressor
    from outlearn.experiment.load_config import load_config as load_config
    from outlearn.experiment.pipeline import run as run
    from outlearn.explanation import explain as explain
    from outlearn.learners.finetuning.trainer_loss import hf_loss as hf_loss
    from outlearn.preflight_checks.analyse import preflight as preflight
    from outlearn.preflight_checks.numbers import preflight_numbers as preflight_numbers
    from outlearn.results.any_run import load_run as load_run
    from outlearn.results.measured_intervals import interval_calibration as interval_calibration
    from outlearn.results.measurement import Withheld as Withheld
    from outlearn.student.model import load_student as load_student


def __getattr__(name: str) -> Any:
    if name not in _PUBLIC:
        raise AttributeError(f"module 'outlearn' has no attribute {name!r}")
    try:
        value = getattr(import_module(_PUBLIC[name]), name)
    except ModuleNotFoundError as error:
        if error.name != "torch":
            raise
        raise MissingExtraError("torch", "train") from error
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
