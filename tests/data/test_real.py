"""Real tasks load and split as they are published."""

from __future__ import annotations

from outlearn.data import load_task, make_splits


def test_sentences_of_sst2_load_and_split(shared_data):
    task = load_task(path=shared_data / "sst2" / "train.txt")
    assert (task.n_points, task.class_names, task.name) == (6920, ("0", "1"), "sst2/train")
    splits = make_splits(task)
    assert sum(splits.sizes().values()) + len(splits.removed) == 6920
    assert len(splits.removed) == 9
    assert splits.notes[1] == "Points removed because their content is that of an earlier point: 9."


def test_pairs_of_hh_helpful_load_and_split(shared_data):
    # Some pairs have the same text twice.
    for name, n_points in {"train_gt": 3999, "train_w2s": 4000, "test": 3998}.items():
        task = load_task(path=shared_data / "hh-helpful" / f"{name}.jsonl")
        assert (task.kind, task.n_points) == ("preference", n_points)
        assert 0.46 < task.labels.mean() < 0.54
        splits = make_splits(task)
        assert sum(splits.sizes().values()) + len(splits.removed) == n_points
