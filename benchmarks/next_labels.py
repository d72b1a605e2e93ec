"""Are true labels that were drawn by strata worth more, and are their intervals right? Real tables, real labelers.

    python benchmarks/next_labels.py [--draws 300] [--sst2 FOLDER]

Tables of which every true label is known, so that any number of them can be drawn and the rest be kept back:

- words: three people who rated how strong 6,800 words are; true is what most of seven others said. Students see
  WordLlama's vectors.
- digits: three classifiers that saw 8 pixels of 60 digits label the others. Students see all pixels.
- digits, well labeled: the same, of classifiers that saw all pixels of 100 digits each.
- sentences (with --sst2, a folder with train.txt, lines `label sentence`): three TF-IDF classifiers of 300 sentences
  each label 3,000 others. Students see WordLlama's vectors.
- one judge (with --sst2): one of these alone, with its probabilities.

For each aim of `--label-next` and 100, 200 and 400 labels, prints one JSON line: the mean width of the interval by
strata over that of a random draw of the same size, both as the report prints them (the random one with its control
variates), and over that of the plain mean of a random draw; that of random draws over that without students' answers as
a control; how many labels drawn at random the strata make; the width foreseen by simulation over the width that came;
and in how many draws each 95% interval holds the number that all true labels give.

Before these, one line an aim says what is reachable at all (`--bounds` stops there): with m_i the mean that a gradient
boosted model of labels, students and all true labels foresees at point i, cross-fitted, and s_i its spread, the best
allocation to points has sqrt(E[s] E[r^2 / s]) for the sqrt(E[r^2]) of a random draw with the same m, r = v - m, and the
sd(v) of its plain mean. Neither is on sale: 100 labels cannot fit such a model.
"""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from time import process_time

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(variable, "1")

import numpy as np  # noqa: E402
from sklearn.datasets import load_digits  # noqa: E402
from sklearn.ensemble import GradientBoostingRegressor  # noqa: E402
from sklearn.feature_extraction.text import TfidfVectorizer  # noqa: E402
from sklearn.linear_model import LogisticRegression  # noqa: E402
from sklearn.model_selection import cross_val_predict  # noqa: E402
from sklearn.pipeline import make_pipeline  # noqa: E402

from outlearn.core.intervals import Interval  # noqa: E402
from outlearn.core.labelers.crossed_gain import true_gain, vote_shares  # noqa: E402
from outlearn.core.labelers.influence import mean_estimate  # noqa: E402
from outlearn.data.built_in import read_lexicon  # noqa: E402
from outlearn.data.label_table import UNLABELED, LabelTable  # noqa: E402
from outlearn.encoders import get_encoder  # noqa: E402
from outlearn.encoders.points import Texts  # noqa: E402
from outlearn.preflight_checks.measures import LabelMeasures  # noqa: E402
from outlearn.preflight_checks.next_labels import Population  # noqa: E402
from outlearn.preflight_checks.student_measures import StudentMeasures, judged_by_truth, over_nothing, student_products  # noqa: E402
from outlearn.preflight_checks.students import cross_fit, pools  # noqa: E402

LEVEL, LARGEST_BIAS, FOLDS = 0.95, 0.25, 5
NUMBERS = (100, 200, 400)
STRONG = 2


def table_of(name: str, labels: np.ndarray, n_classes: int, probs: np.ndarray | None = None) -> LabelTable:
    return LabelTable(
        names=tuple(f"labeler {j + 1}" for j in range(len(labels))), labels=labels.astype(np.int64),
        class_names=tuple(map(str, range(n_classes))), ids=tuple(map(str, range(labels.shape[1]))), probs=probs,
        source=name,
    )  # fmt: skip


def word_vectors(texts: list[str]) -> np.ndarray:
    points = np.arange(len(texts))
    return np.asarray(get_encoder({"kind": "wordllama"}).encode(Texts("texts", tuple(texts)), points, points))


def words() -> tuple[LabelTable, np.ndarray, np.ndarray]:
    texts, ratings = read_lexicon()
    strong = (np.abs(ratings) >= STRONG).astype(np.int64)
    return table_of("words", strong[:, :3].T, 2), word_vectors(texts), (strong[:, 3:].sum(axis=1) > 3).astype(np.int64)


def digits(name: str, n_seen: int, *, all_pixels: bool) -> tuple[LabelTable, np.ndarray, np.ndarray]:
    pixels, truth = load_digits(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(truth))
    seen_pixels = pixels if all_pixels else pixels.reshape(-1, 8, 8)[:, 2:6, 3:5].reshape(len(pixels), -1)
    rest = order[3 * n_seen :]
    labels = [
        LogisticRegression(max_iter=2000).fit(seen_pixels[seen], truth[seen]).predict(seen_pixels[rest])
        for seen in np.split(order[: 3 * n_seen], 3)
    ]
    return table_of(name, np.array(labels), 10), pixels[rest].astype(np.float32), truth[rest]


def sentences(folder: Path) -> Iterator[tuple[LabelTable, np.ndarray, np.ndarray]]:
    lines = [line.split(" ", 1) for line in (folder / "train.txt").read_text().splitlines()[:3900]]
    texts, truth = [text for _, text in lines], np.array([int(label) for label, _ in lines])
    given = np.stack(
        [
            make_pipeline(TfidfVectorizer(), LogisticRegression(C=10.0))
            .fit(texts[start : start + 300], truth[start : start + 300])
            .predict_proba(texts[900:])
            for start in (0, 300, 600)
        ]
    )
    features = word_vectors(texts[900:])
    yield table_of("sentences", given.argmax(axis=2), 2), features, truth[900:]
    yield table_of("one judge", given[:1].argmax(axis=2), 2, given[:1]), features, truth[900:]


def populations(table: LabelTable, features: np.ndarray) -> Iterator[Population]:
    n = len(table.names)
    groups = pools(n)
    fit = cross_fit(
        features, table.labels, [*((j,) for j in range(n)), *groups], table.n_classes, folds=FOLDS,
        rng=np.random.default_rng(0),
    )  # fmt: skip
    single, pooled = fit.of(slice(n)), fit.of(slice(n, None))
    answers = (pooled if n > 1 else single).probs[1.0].mean(axis=0)
    products = student_products(table, single) if n > 1 else None
    labels = LabelMeasures(table, False, LEVEL, products, answers=answers)
    judged = (
        StudentMeasures(labels, LARGEST_BIAS, single, pooled, tuple(groups)).best_judged()
        if n > 1
        else judged_by_truth(labels, single)
    )
    for aim in ("accuracy", "gain", "student"):
        yield Population(labels, judged, aim)


def bounds(population: Population, truth: np.ndarray) -> dict[str, object]:
    """Say how narrow an interval could be, with all that the table tells and all true labels to learn what it means."""
    table, n = population.table, len(truth)
    by_class = population.values
    values, (means, spread) = by_class[np.arange(n), truth], population.moments
    guess = np.sort(population.guess, axis=1)
    votes = vote_shares(table.labels, table.n_classes, plurality=False)
    sure = [] if table.probs is None else [table.probs[0].max(axis=1)]
    seen = np.stack(
        [
            means,
            spread,
            votes.max(axis=1),
            guess[:, -1],
            guess[:, -2],
            by_class.max(axis=1),
            by_class.min(axis=1),
            *sure,
        ],
        axis=1,
    )
    model = GradientBoostingRegressor(n_estimators=100, learning_rate=0.05, subsample=0.7, random_state=0)
    squared = np.square(values - cross_val_predict(model, seen, values, cv=5))
    foreseen = np.sqrt(np.maximum(cross_val_predict(model, seen, squared, cv=5), 1e-4))
    best = np.sqrt(foreseen.mean() * (squared / foreseen).mean())
    return {
        "table": table.source, "aim": population.aim,
        "best ratio, same estimate": round(best / squared.mean() ** 0.5, 3),
        "best ratio, plain mean": round(best / values.std(), 3),
    }  # fmt: skip


def without_students(population: Population, truth: np.ndarray) -> Interval:
    """Measure from a random draw, controlled by what labels alone tell."""
    labels, judged = population.labels, population.judged
    if population.aim == "accuracy" or judged is None:
        return labels.rate(replace(labels, answers=None).error_by(truth, None))
    if population.aim == "gain":
        return true_gain(judged, labels.table.labels, truth).interval(LEVEL)
    return labels.rate(true_gain(over_nothing(judged), labels.table.labels, truth))


def compared(population: Population, truth: np.ndarray, n_labels: int, draws: int) -> dict[str, object]:
    """Draw so many true labels in both ways, again and again, and look at the intervals."""
    rng = np.random.default_rng(n_labels)
    drawing = population.drawing(n_labels)
    whole = population.measured(truth, None).mean
    widths, held = np.zeros(4), np.zeros(3)
    of_truth = population.values[np.arange(len(truth)), truth]
    for _ in range(draws):
        drawn = drawing.drawn(rng)
        random = np.zeros(len(truth), dtype=bool)
        random[rng.choice(len(truth), n_labels, replace=False)] = True
        found = (
            population.measured(np.where(drawing.with_known(drawn), truth, UNLABELED), drawing.strata(drawn)),
            population.measured(np.where(random, truth, UNLABELED), None),
            without_students(population, np.where(random, truth, UNLABELED)),
            mean_estimate(of_truth, random, ends=(-1.0, 1.0)).interval(LEVEL)
            if population.aim == "gain"
            else population.labels.rate(mean_estimate(of_truth, random)),
        )
        widths += [each.high - each.low for each in found]
        held += [each.low <= whole <= each.high for each in found[:3]]
    ratio = widths[0] / widths[1]
    foreseen = population.expected(n_labels, rng).by_strata
    return {
        "table": population.table.source, "aim": population.aim, "labels": n_labels, "value": round(whole, 4),
        "width ratio": round(ratio, 3), "to the plain mean": round(widths[0] / widths[3], 3),
        "random, to one without students": round(widths[1] / widths[2], 3),
        "worth random labels": round(n_labels / ratio**2),
        "foreseen / came": round(2 * foreseen / (widths[0] / draws), 3),
        "coverage by strata": round(held[0] / draws, 3), "coverage at random": round(held[1] / draws, 3),
        "without students": round(held[2] / draws, 3),
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--draws", type=int, default=300)
    parser.add_argument("--sst2", type=Path)
    parser.add_argument("--bounds", action="store_true")
    options = parser.parse_args()
    tables = [words(), digits("digits", 60, all_pixels=False), digits("digits, well labeled", 100, all_pixels=True)]
    tables += [*(sentences(options.sst2) if options.sst2 else ())]
    start = process_time()
    for table, features, truth in tables:
        for population in populations(table, features):
            print(json.dumps(bounds(population, truth)), flush=True)
            for n_labels in () if options.bounds else NUMBERS:
                print(json.dumps(compared(population, truth, n_labels, options.draws)), flush=True)
    print(json.dumps({"seconds of processor": round(process_time() - start)}))


if __name__ == "__main__":
    main()
