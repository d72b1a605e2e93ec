"""The features of every point of a task, by one frozen encoder."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from functools import partial

import numpy as np
from jaxtyping import Int
from scipy.sparse import csr_array

from outlearn.data.task import Task
from outlearn.encoders.encoder import Encoder, Learned
from outlearn.encoders.points import Features, Pairs
from outlearn.encoders.random_features import UNITS, RandomFeatures
from outlearn.store.stage import Entries, Stage, Work
from outlearn.store.store import Entry

__all__ = ["feature_arrays", "features_stage", "learned_of", "notes_on_features", "read_features"]

VERSION = 2
BELOW = "below"  # the input of random features
IN_FILE = "pairs in the file"  # the input of pairs in the slots of a seed
SPARSE = ("features.data", "features.indices", "features.indptr")
EMPTY_SHARE = 0.01  # of points without any feature, from which on it is said


def features_stage(task: Task, encoder: Encoder, fit_on: Int[np.ndarray, " fit_points"]) -> Stage:
    """Describe the encoding of every point; an encoder that learns does so from `fit_on`, a training split.

    Its arrays, from which `read_features` makes float32 `[points, features]`, rows as in the task: `features`, or
    for a sparse matrix the three of its rows (CSR) and its width. Random features stand on the stage of the encoder
    below, which is stored once for all widths; their units are stored beside them. Of pairs the slots follow the seed
    and texts do not: an encoder that learns nothing reads them as they stand in the file, once for all seeds.
    """
    if task.pairs is not None and task.first_slot is not None and not encoder.fits:
        in_file = _pairs_in_file(task.name, task.pairs, task.first_slot)
        return Stage(
            "features",
            VERSION,
            {"kind": encoder.kind, "fit_on": None},
            {"first_slot": hashlib.sha256(task.first_slot.tobytes()).hexdigest(), IN_FILE: _of_pairs(in_file, encoder)},
            partial(_into_slots, task.first_slot),
        )
    # The units see each text of a pair by itself, and what is stored of the encoder below is differences.
    if isinstance(encoder, RandomFeatures) and task.pairs is None:
        inputs: dict[str, Stage | str] = {BELOW: features_stage(task, encoder.of, fit_on)}
        compute = partial(_units_on_stored, encoder, fit_on)
    else:
        inputs, compute = {}, partial(_encoded, task, encoder, fit_on)
    return Stage(
        "features",
        VERSION,
        {"kind": encoder.kind, "fit_on": fit_on.tolist() if encoder.fits else None},
        {"encoder": encoder.fingerprint, "task": task.fingerprint, **inputs},
        compute,
        alone=True,
    )


def _of_pairs(pairs: Pairs, encoder: Encoder) -> Stage:
    """Describe the encoding of pairs as they stand in a file."""
    nothing: Int[np.ndarray, " fit_points"] = np.arange(0)  # to learn from
    return Stage(
        "features",
        VERSION,
        {"kind": encoder.kind, "fit_on": None},
        {"encoder": encoder.fingerprint, "pairs": hashlib.sha256(json.dumps(pairs.pairs).encode()).hexdigest()},
        partial(_encoded, pairs, encoder, nothing),
        alone=True,
    )


def _pairs_in_file(name: str, pairs: Sequence[tuple[str, str]], first_slot: Int[np.ndarray, " points"]) -> Pairs:
    in_order = zip(pairs, first_slot.tolist(), strict=True)
    return Pairs(name, tuple((b, a) if slot else (a, b) for (a, b), slot in in_order))


def _into_slots(first_slot: Int[np.ndarray, " points"], entries: Entries, work: Work) -> dict[str, np.ndarray]:
    """Turn round the pairs whose first text stands in slot b: their features are differences."""
    sign = np.where(first_slot == 1, -1, 1).astype(np.float32)
    features = read_features(entries[IN_FILE])
    turned = (
        csr_array(features.multiply(sign[:, None])) if isinstance(features, csr_array) else features * sign[:, None]
    )
    return feature_arrays(turned)


def _encoded(
    task: Task | Pairs, encoder: Encoder, fit_on: Int[np.ndarray, " fit_points"], entries: Entries, work: Work
) -> dict[str, np.ndarray]:
    with work.progress.bar(f"features: {encoder.kind}") as advance:
        return feature_arrays(encoder.encode(task, np.arange(task.n_points), fit_on, progress=advance))


def _units_on_stored(
    encoder: RandomFeatures, fit_on: Int[np.ndarray, " fit_points"], entries: Entries, work: Work
) -> dict[str, np.ndarray]:
    with work.progress.bar(f"features: {encoder.kind}"):
        below = read_features(entries[BELOW])
        learned = encoder.learn_on(below[fit_on], Learned())
        return {**feature_arrays(encoder.units(learned)(below)), **learned.arrays}


def learned_of(task: Task, encoder: Encoder, fit_on: Int[np.ndarray, " fit_points"], entry: Entry) -> Learned:
    """Return what an encoder learned for the features of a stage, without encoding texts again where it is stored."""
    if not (isinstance(encoder, RandomFeatures) and entry.arrays.keys() >= UNITS):
        return encoder.learn(task, fit_on)
    return encoder.with_units({name: entry.arrays[name] for name in UNITS}, encoder.of.learn(task, fit_on))


def feature_arrays(features: Features) -> dict[str, np.ndarray]:
    """Lay features out for the store; what is sparse stays so."""
    if isinstance(features, csr_array):
        parts = (features.data, features.indices, features.indptr)
        return {**dict(zip(SPARSE, parts, strict=True)), "features.width": np.array([features.shape[1]])}
    return {"features": features}


def read_features(entry: Entry) -> Features:
    """Read the features of every point; dense ones are mapped, not in memory."""
    if "features" in entry.arrays:
        return entry.arrays["features"]
    data, indices, indptr = (entry.arrays[name] for name in SPARSE)
    return csr_array((data, indices, indptr), shape=(len(indptr) - 1, int(entry.arrays["features.width"][0])))


def notes_on_features(entries: Mapping[str, Entry]) -> tuple[str, ...]:
    """Say how many points have no feature at all, such as texts of which TF-IDF knows no word."""
    notes = []
    for who in ("teacher", "student"):
        if entry := entries.get(f"{who} features"):
            features = read_features(entry)
            n, known = features.shape[0], (features != 0).sum(axis=1) > 0
            empty = n - int(known.sum())
            if empty > EMPTY_SHARE * n:
                notes.append(
                    f"{empty:,} of {n:,} points have no feature that {who}.encoder knows: to {who}s they "
                    "are all alike. Choose another encoder, for texts one that reads letters ({kind: tfidf, analyzer: "
                    "char_wb}) or a language model."
                )
    return tuple(notes)
