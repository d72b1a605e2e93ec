"""The correlation dimension of real features: two files, or the two halves of scikit-learn's handwritten digits."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from outlearn.errors import DataError
from outlearn.theory.correlation_dimension import CorrelationDimension, correlation_dimension
from outlearn.theory.scalars import Real

__all__ = ["feature_curve", "real_features"]


def real_features(paths: tuple[str, str], *, variance_share: Real) -> tuple[str, CorrelationDimension]:
    """Measure the files given, or the left and right halves of scikit-learn's digits."""
    if any(paths):
        first, second = (_read(path) for path in paths)
        name = f"{Path(paths[0]).name} and {Path(paths[1]).name}"
    else:
        from sklearn.datasets import load_digits

        images = load_digits().images
        first, second = (half.reshape(len(images), -1) for half in (images[:, :, :4], images[:, :, 4:]))
        name = "Left and right halves of scikit-learn's handwritten digits"
    return name, correlation_dimension(first, second, variance_share=variance_share)


def _read(path: str) -> np.ndarray:
    if not path:
        raise DataError("teacher_features and student_features go together: give both paths of .npy files, or neither")
    try:
        array = np.load(path, allow_pickle=False)
    except (OSError, ValueError) as error:
        raise DataError(
            f"{path!r} cannot be read as a .npy file of features ({error}); save it by numpy.save"
        ) from None
    if not isinstance(array, np.ndarray) or array.ndim != 2 or array.dtype.kind not in "fiu":
        described = f"shape {array.shape} of {array.dtype}" if isinstance(array, np.ndarray) else type(array).__name__
        raise DataError(f"{path!r} must hold numbers [points, features]; it holds {described}")
    return array


def feature_curve(shared: CorrelationDimension) -> dict[str, np.ndarray]:
    numbers = {
        "value": shared.value,
        "low": shared.low,
        "high": shared.high,
        "plug_in": shared.uncorrected,
        "teacher_dimension": shared.dimensions[0],
        "student_dimension": shared.dimensions[1],
        "teacher_effective_dimension": shared.effective_dimensions[0],
        "student_effective_dimension": shared.effective_dimensions[1],
        "points": shared.n_points,
    }
    return {name: np.array([value]) for name, value in numbers.items()}
