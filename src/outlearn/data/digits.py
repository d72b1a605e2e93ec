"""The built-in task `digits`: handwritten digits of 8 by 8 pixels, from scikit-learn.

A teacher that sees eight pixels at the centre (encoder `array`, columns "centre:8") labels for a student that sees all
64. There are ten classes and features only; at the default length reverse cross-entropy loses, and a report must say
so.
"""

from __future__ import annotations

import numpy as np

from outlearn.data.task import Task, make_task

__all__ = ["load_digits_task"]


def load_digits_task() -> Task:
    """Read the 1,797 digits; features are pixels from 0 to 16, row by row.

    Example:
        >>> task = load_digits_task()
        >>> task.n_points, task.n_classes, task.features.shape
        (1797, 10, (1797, 64))
    """
    from sklearn.datasets import load_digits

    pixels, labels = load_digits(return_X_y=True)
    return make_task(
        name="digits",
        class_names=[str(digit) for digit in range(10)],
        features=pixels.astype(np.float32),
        labels=labels,
        source="Optical recognition of handwritten digits: Alpaydin and Kaynak 1998, UCI, as in scikit-learn",
        licence="CC BY 4.0",
    )
