"""The built-in tasks whose label is a number.

`vader-valence`: how positive a word is, from -4 to 4, the mean of ten raters, who are kept as draws of the target; the
words, groups and splits of `vader-lexicon`. `diabetes`: scikit-learn's, small, with ten measures of each patient.
"""

from __future__ import annotations

import numpy as np

from outlearn.data.built_in import lexicon_points, read_lexicon, read_of_scikit_learn
from outlearn.data.number_task import make_number_task
from outlearn.data.task import Task

__all__ = ["load_diabetes_task", "load_vader_valence"]


def load_vader_valence() -> Task:
    """Read the words of `vader-lexicon` with their mean rating.

    - numbers: the mean of the ten ratings, from -4 to 4; none lies between -0.4 and 0.4;
    - ratings: the ten, each a draw of the target;
    - strata: positive or not, as the classes of `vader-lexicon`, so that its splits are these;
    - group, id: as there.

    Raises:
        DataError, MissingExtraError: see `load_vader_lexicon`.
    """
    words, ratings = read_lexicon()
    return make_number_task(
        name="vader-valence",
        numbers=ratings.mean(axis=1),
        ratings=ratings.astype(np.float64),
        strata=(ratings.sum(axis=1) > 0).astype(np.int64),
        stratum_names=("negative", "positive"),
        **lexicon_points(words),
    )


def load_diabetes_task() -> Task:
    """Read the 442 patients: ten measures, and how far the disease has gone a year later, from 25 to 346.

    Examples:
        >>> task = load_diabetes_task()
        >>> task.n_points, task.features.shape, float(task.numbers.max())
        (442, (442, 10), 346.0)
    """
    measures = read_of_scikit_learn("diabetes_data_raw.csv.gz")
    # As scikit-learn gives them: of mean 0 and length 1.
    centred = measures - measures.mean(axis=0)
    features, numbers = centred / np.linalg.norm(centred, axis=0), read_of_scikit_learn("diabetes_target.csv.gz")
    return make_number_task(
        name="diabetes",
        numbers=numbers,
        features=features.astype(np.float32),
        source="Efron, Hastie, Johnstone and Tibshirani, Least angle regression, 2004, as in scikit-learn",
        licence="BSD (scikit-learn)",
    )
