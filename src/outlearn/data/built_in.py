"""The built-in tasks.

`vader-lexicon` and `vader-intensity`: is a word positive, is it strong? Ten people rated each. The ratings come with
the package `vaderSentiment` (MIT); its file is read as data, none of its code runs.

`digits`: handwritten digits of 8 by 8 pixels, from scikit-learn. A teacher that sees eight pixels at the centre
(encoder `array`, columns "centre:8") labels for a student that sees all 64. There are ten classes and features only; at
the default length reverse cross-entropy loses, and a report must say so.
"""

from __future__ import annotations

import gzip
import importlib.util
import json
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from outlearn.data.input_errors import InputErrors
from outlearn.data.point_ids import numbered_repeats
from outlearn.data.task import Task, make_task
from outlearn.data.text_files import read_text
from outlearn.errors import MissingExtraError

__all__ = [
    "lexicon_points",
    "load_digits_task",
    "load_vader_intensity",
    "load_vader_lexicon",
    "read_lexicon",
    "read_of_scikit_learn",
]

LEXICON = "vader_lexicon.txt"
# A word whose mean rating is nearer to 0 is neither positive nor negative.
MIN_MEAN_RATING = 0.4
# Words of one family (abandon, abandoned, ...) begin alike and must not be split.
FAMILY_LETTERS = 4
RATINGS = 10
# From this size on a rating is strong: 1 is slightly, 4 is extremely positive or negative.
STRONG = 2
SOURCE = "VADER lexicon: Hutto and Gilbert 2014, the package vaderSentiment"


def load_digits_task() -> Task:
    """Read the 1,797 digits; features are pixels from 0 to 16, row by row.

    Examples:
        >>> task = load_digits_task()
        >>> task.n_points, task.n_classes, task.features.shape
        (1797, 10, (1797, 64))
    """
    table = read_of_scikit_learn("digits.csv.gz", delimiter=",")
    return make_task(
        name="digits",
        class_names=[str(digit) for digit in range(10)],
        features=table[:, :-1].astype(np.float32),
        labels=table[:, -1].astype(np.int64),
        source="Optical recognition of handwritten digits: Alpaydin and Kaynak 1998, UCI, as in scikit-learn",
        licence="CC BY 4.0",
    )


def load_vader_lexicon() -> Task:
    """Read the words that start with a letter and have a mean rating of at least 0.4 in size.

    - label: whether the mean of the ten ratings (from -4 to 4) is positive;
    - target: the share of positive ratings among the ten. A rating of 0 takes no side and counts half for each;
    - group: the first four letters in lower case;
    - id: the word; 13 words were rated twice, and the second entry is `word#2`. Splits keep the first of them.

    Raises:
        DataError: if the file is damaged.
        MissingExtraError: if `vaderSentiment` is not installed.
    """
    words, ratings = read_lexicon()
    positive = ((ratings > 0) + 0.5 * (ratings == 0)).mean(axis=1)
    return make_task(
        name="vader-lexicon",
        class_names=("negative", "positive"),
        labels=(ratings.sum(axis=1) > 0).astype(np.int64),
        target=np.stack([1 - positive, positive], axis=1),
        **lexicon_points(words),
    )


def load_vader_intensity() -> Task:
    """Read the words of `vader-lexicon`, and ask of each how strong it is, whichever way.

    - label: whether more than half of the ten ratings are at least 2 in size;
    - target: the share of them that are;
    - group, id: as in `load_vader_lexicon`.

    Raises:
        DataError, MissingExtraError: see `load_vader_lexicon`.
    """
    words, ratings = read_lexicon()
    strong = (np.abs(ratings) >= STRONG).mean(axis=1)
    return make_task(
        name="vader-intensity",
        class_names=("mild", "strong"),
        labels=(strong > 0.5).astype(np.int64),
        target=np.stack([1 - strong, strong], axis=1),
        **lexicon_points(words),
    )


def read_of_scikit_learn(name: str, *, delimiter: str | None = None) -> Float[np.ndarray, "*rows_and_columns"]:
    """Read a table of numbers from the data inside scikit-learn, whose loader takes a second to import."""
    spec = importlib.util.find_spec("sklearn")
    if spec is None or not spec.submodule_search_locations:
        raise MissingExtraError("scikit-learn", "train")
    path = Path(next(iter(spec.submodule_search_locations))) / "datasets" / "data" / name
    with gzip.open(path, "rt", encoding="utf-8") as file:
        return np.loadtxt(file, delimiter=delimiter)


def lexicon_points(words: list[str]) -> dict[str, Any]:
    """Return what the tasks share: their points."""
    return {
        "ids": numbered_repeats(words),
        "texts": words,
        "groups": [word[:FAMILY_LETTERS].lower() for word in words],
        "source": SOURCE,
        "licence": "MIT",
    }


def read_lexicon() -> tuple[list[str], np.ndarray]:
    """Return the words that are kept, and their ratings `[words, 10]`."""
    path = _lexicon_path()
    errors = InputErrors(str(path))
    words, ratings = [], []
    for number, line in enumerate(read_text(path).split("\n"), start=1):
        if not line.strip():
            continue
        fields = line.rstrip("\r").split("\t")
        try:
            word, _mean, _deviation, listed = fields
            each = json.loads(listed)
            if len(each) != RATINGS or not all(isinstance(rating, int) for rating in each):
                raise ValueError("not ten whole ratings")
        except (ValueError, TypeError) as error:
            errors.add(f"is no entry of the lexicon ({error}). Reinstall vaderSentiment.", at=number)
            continue
        # Compare ten times the mean, in whole numbers: 0.4 has no exact float.
        if word[:1].isalpha() and abs(sum(each)) >= round(RATINGS * MIN_MEAN_RATING):
            words.append(word)
            ratings.append(each)
    errors.raise_if_any()
    return words, np.array(ratings)


def _lexicon_path() -> Path:
    """Locate the lexicon in the installed package, without importing it."""
    spec = importlib.util.find_spec("vaderSentiment")
    if spec is None or not spec.submodule_search_locations:
        raise MissingExtraError("vaderSentiment", "offline")
    return Path(next(iter(spec.submodule_search_locations))) / LEXICON
