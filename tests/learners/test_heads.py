"""What the batched training of heads promises: independence, weights, checkpoints, chunks, determinism, errors."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from tests.learners.one_by_one import log_probs, train_alone

from outlearn.errors import ConfigError, DataError, DomainError, ShapeError
from outlearn.learners import HeadJob, Heads, HeadSettings, fit_convex, fit_predict
from outlearn.losses import get_loss

# Rounding of a few dozen float64 steps, and of float32 ones.
TRAINED_FLOAT64 = 1e-9
TRAINED_FLOAT32 = 2e-4

LOSSES = [get_loss(name) for name in ("forward_ce", "reverse_ce", "reverse_kl", "cace", "aux_conf", "gce")]


@pytest.fixture
def problem():
    rng = np.random.default_rng(3)
    features = rng.standard_normal((53, 6)).astype(np.float32) * [1, 2, 3, 4, 5, 6] + 2
    logits = rng.standard_normal((4, 53, 3)) * 2
    targets = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)
    return features, targets, {"a": rng.standard_normal((9, 6)) * 3, "b": rng.standard_normal((4, 6))}


def _jobs(n: int = 12) -> list[HeadJob]:
    return [HeadJob(i % 4, LOSSES[i % len(LOSSES)], seed=i // 2) for i in range(n)]


@pytest.mark.parametrize("hidden", [None, 4])
def test_a_head_does_not_depend_on_the_heads_beside_it(problem, hidden):
    features, targets, points = problem
    settings = HeadSettings(hidden=hidden, epochs=3, batch_size=16, dtype="float64")
    together = fit_predict(features, targets, _jobs(), points, settings=settings)
    for i, job in enumerate(_jobs()):
        alone = fit_predict(features, targets, [job], points, settings=settings)
        np.testing.assert_allclose(together.heads.weight[i], alone.heads.weight[0], atol=TRAINED_FLOAT64)
        np.testing.assert_allclose(together.logits["a"][:, i], alone.logits["a"][:, 0], atol=1e-5)


def test_the_same_call_gives_the_same_numbers(problem):
    first, second = (fit_predict(*problem[:2], _jobs(), problem[2], settings=HeadSettings(epochs=2)) for _ in range(2))
    np.testing.assert_array_equal(first.logits["a"], second.logits["a"])


@pytest.mark.parametrize("hidden", [None, 4])
def test_chunks_that_fit_the_memory_give_the_same_result(problem, hidden):
    settings = HeadSettings(hidden=hidden, epochs=2, batch_size=16, dtype="float64")
    whole = fit_predict(*problem[:2], _jobs(), problem[2], settings=settings)
    pieces = fit_predict(*problem[:2], _jobs(), problem[2], settings=settings, memory_bytes=1)
    np.testing.assert_allclose(whole.heads.weight, pieces.heads.weight, atol=TRAINED_FLOAT64)
    np.testing.assert_allclose(whole.logits["b"], pieces.logits["b"], atol=1e-5)


def test_threads_and_memory_change_no_bit_of_many_float32_heads(problem):
    losses = [get_loss(name) for name in ("forward_ce", "reverse_ce", "mae", "aux_conf", "gce")]
    jobs = [HeadJob(m % len(problem[1]), loss, seed=7 * m) for loss in losses for m in range(60)]
    settings, before, found = HeadSettings(epochs=1, batch_size=16), torch.get_num_threads(), []
    try:
        for threads, memory in ((1, None), (2, None), (3, 2**27), (1, 2**24)):
            torch.set_num_threads(threads)
            fit = fit_predict(*problem[:2], jobs, problem[2], settings=settings, memory_bytes=memory)
            found.append(fit.logits["a"])
    finally:
        torch.set_num_threads(before)
    for other in found[1:]:
        np.testing.assert_array_equal(other, found[0])


def test_threads_change_nothing_and_are_left_as_they_were(problem):
    settings = HeadSettings(epochs=2, batch_size=16, dtype="float64")
    before = torch.get_num_threads()
    results = []
    try:
        for threads in (1, 3):
            torch.set_num_threads(threads)
            results.append(fit_predict(*problem[:2], _jobs(), problem[2], settings=settings))
            assert torch.get_num_threads() == threads
    finally:
        torch.set_num_threads(before)
    np.testing.assert_allclose(results[0].heads.weight, results[1].heads.weight, atol=TRAINED_FLOAT64)


@pytest.mark.parametrize("loss", ["forward_ce", "reverse_ce", "reverse_kl", "gce"])
def test_weights_equal_dropping_and_repeating_examples(problem, loss):
    features, targets, _ = problem
    counts = np.random.default_rng(0).poisson(1.0, len(features))
    repeated = np.repeat(np.arange(len(features)), counts)
    # Full batches, so that the order plays no part; the standardisation must be the same too.
    settings = HeadSettings(epochs=30, batch_size=1000, standardise=False, dtype="float64")
    weighted = fit_predict(
        features, targets, [HeadJob(1, get_loss(loss), 0)], {}, settings=settings, weights=counts[None].astype(float)
    )
    again = fit_predict(features[repeated], targets[:, repeated], [HeadJob(1, get_loss(loss))], {}, settings=settings)
    np.testing.assert_allclose(weighted.heads.weight, again.heads.weight, atol=TRAINED_FLOAT64)


def test_only_the_ratios_of_the_weights_matter(problem):
    settings = HeadSettings(epochs=2, dtype="float64")
    jobs = [HeadJob(0, LOSSES[0], w) for w in (None, 0, 1)]
    weights = np.stack([np.full(53, 1.0), np.full(53, 7.0)])
    heads = fit_predict(*problem[:2], jobs, {}, settings=settings, weights=weights).heads
    np.testing.assert_allclose(heads.weight[1], heads.weight[0], atol=TRAINED_FLOAT64)
    np.testing.assert_allclose(heads.weight[2], heads.weight[0], atol=TRAINED_FLOAT64)


@pytest.mark.parametrize("hidden", [None, 4])
@pytest.mark.parametrize("n_classes", [2, 3])
def test_checkpoints_are_what_training_had_reached(problem, n_classes, hidden):
    features, targets, points = problem
    targets = targets[..., :n_classes] / targets[..., :n_classes].sum(-1, keepdims=True)
    settings = HeadSettings(hidden=hidden, epochs=3.5, batch_size=16, learning_rate=0.05, dtype="float64")
    job = HeadJob(2, get_loss("symmetric_ce"), seed=1)
    result = fit_predict(features, targets, [job], points, settings=settings, checkpoints=[2, 0, 0.5, 3.5])
    assert result.checkpoints == (0.0, 0.5, 2.0, 3.5)
    for i, epoch in enumerate(result.checkpoints):
        alone = train_alone(features, targets, job, points["a"], settings, stop_after=epoch)
        np.testing.assert_allclose(log_probs(result.logits["a"][i, 0]), alone, atol=1e-5)  # stored as float32


def test_a_smaller_checkpoint_grid_changes_nothing(problem):
    settings = HeadSettings(epochs=3)
    many = fit_predict(*problem[:2], _jobs(4), problem[2], settings=settings, checkpoints=[0.5, 1, 2])
    none = fit_predict(*problem[:2], _jobs(4), problem[2], settings=settings)
    np.testing.assert_array_equal(many.logits["a"][-1], none.logits["a"][0])


def test_checkpoints_too_fine_for_the_minibatches_are_rounded_to_them(problem):
    result = fit_predict(
        *problem[:2], _jobs(1), problem[2], settings=HeadSettings(epochs=1), checkpoints=[0.1, 0.2, 0.9]
    )
    assert result.checkpoints == (0.0, 1.0)  # 53 examples are one minibatch


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("hidden", [None, 4])
def test_heads_predict_what_the_fit_predicted_and_survive_saving(problem, hidden, bias):
    settings = HeadSettings(hidden=hidden, bias=bias, epochs=2)
    result = fit_predict(*problem[:2], _jobs(), problem[2], settings=settings)
    again = Heads(**result.heads.arrays())
    np.testing.assert_allclose(again.predict(problem[2]["a"]), result.logits["a"][-1], atol=1e-5)
    assert again.n_models == 12
    if not bias:
        assert not result.heads.bias.any()


def test_float32_follows_float64(problem):
    settings = {"epochs": 3, "batch_size": 16}
    jobs = [job for job in _jobs() if not job.loss.batch_coupled]  # a threshold may fall on either side of a tie
    single = fit_predict(*problem[:2], jobs, problem[2], settings=HeadSettings(**settings))
    double = fit_predict(*problem[:2], jobs, problem[2], settings=HeadSettings(**settings, dtype="float64"))
    assert single.logits["a"].dtype == double.logits["a"].dtype == np.float32
    np.testing.assert_allclose(single.logits["a"], double.logits["a"], atol=TRAINED_FLOAT32)


def test_heads_of_one_order_group_share_minibatches_and_others_do_not(problem):
    features, targets, _ = problem
    # With the same initial weights impossible (the seed draws both), compare orders through the reference.
    job = HeadJob(0, LOSSES[0], seed=5)
    results = {}
    for groups in (1, 4, 5):  # 5 % 1 == 5 % 5 == 0, 5 % 4 == 1
        settings = HeadSettings(epochs=2, batch_size=16, order_groups=groups, dtype="float64")
        results[groups] = fit_predict(features, targets, [job], {}, settings=settings).heads.weight
    np.testing.assert_allclose(results[1], results[5], atol=TRAINED_FLOAT64)
    assert np.abs(results[1] - results[4]).max() > 1e-3


def test_one_example_and_one_batch_larger_than_the_data_train(problem):
    features, targets, points = problem
    for n in (1, 2):
        result = fit_predict(features[:n], targets[:, :n], _jobs(), points, settings=HeadSettings(epochs=3))
        assert np.isfinite(result.logits["a"]).all()


def test_a_constant_feature_is_ignored_not_divided_by_zero(problem):
    features, targets, _ = problem
    features = np.column_stack([features, np.full(len(features), 0.1, dtype=np.float32)]).astype(np.float32)
    result = fit_predict(features, targets, _jobs(2), {"train": features}, settings=HeadSettings(epochs=2))
    assert result.heads.scale[-1] == 1.0
    assert np.isfinite(result.logits["train"]).all()


def test_two_classes_move_as_one_logit_of_twice_the_rate(problem):
    features, targets, points = problem
    targets = targets[..., :2] / targets[..., :2].sum(-1, keepdims=True)
    settings = HeadSettings(epochs=4, batch_size=16, weight_decay=0.5, learning_rate=0.1, dtype="float64")
    job = HeadJob(0, LOSSES[1], seed=3)
    heads = fit_predict(features, targets, [job], {}, settings=settings).heads
    np.testing.assert_allclose(
        log_probs(heads.predict(points["a"]))[0], train_alone(features, targets, job, points["a"], settings), atol=1e-8
    )
    np.testing.assert_allclose(heads.weight[..., 0], -heads.weight[..., 1])


def test_progress_ends_at_the_total_and_never_falls(problem):
    seen = []
    fit_predict(*problem[:2], _jobs(), {}, settings=HeadSettings(epochs=4), progress=lambda *a: seen.append(a))
    assert seen[-1][0] == seen[-1][1]
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)


@pytest.mark.parametrize("threads", [1, 2])
def test_divergence_is_an_error_that_names_the_job(problem, threads):
    features, targets, _ = problem
    jobs = [HeadJob(0, LOSSES[0], seed=0), HeadJob(3, get_loss("brier"), seed=1)]
    settings = HeadSettings(epochs=3, learning_rate=1e38, schedule="constant")
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        with pytest.raises(DomainError, match=r"jobs\[\d\] \(labeling .*diverged.*Lower learning_rate"):
            fit_predict(features, targets, jobs, {}, settings=settings)
    finally:
        torch.set_num_threads(before)


def test_a_batch_coupled_loss_with_weights_is_refused_with_the_reason(problem):
    job = HeadJob(0, get_loss("aux_conf"), weighting=0)
    with pytest.raises(ConfigError, match="compares the examples of a minibatch"):
        fit_predict(*problem[:2], [job], {}, weights=np.ones((1, 53)))


def _replace(array: np.ndarray, where: tuple, value: float) -> np.ndarray:
    array = np.array(array, dtype=float)
    array[where] = value
    return array


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (lambda a: a.update(jobs=[]), ConfigError, "at least one head"),
        (lambda a: a.update(features=np.zeros((0, 6))), DataError, "at least one example"),
        (lambda a: a.update(features=np.zeros(5)), ShapeError, "features have shape"),
        (lambda a: a.update(features=_replace(a["features"], (3, 2), np.nan)), DomainError, r"at \[3, 2\]"),
        (lambda a: a.update(targets=a["targets"][0]), ShapeError, r"targets\[None\]"),
        (lambda a: a.update(targets=a["targets"][:, :5]), ShapeError, "targets have shape"),
        (lambda a: a.update(targets=_replace(a["targets"], (1, 4), 0.9)), DomainError, r"\[1, 4\].*sum to 1"),
        (lambda a: a.update(weights=np.zeros((2, 53))), DataError, r"weights\[0\] is 0 for every example"),
        (lambda a: a.update(weights=_replace(np.ones((2, 53)), (1, 7), -1)), DomainError, r"weights\[1, 7\]"),
        (lambda a: a.update(weights=np.ones((2, 50))), ShapeError, "weights have shape"),
        (lambda a: a.update(jobs=[HeadJob(9, LOSSES[0])]), ConfigError, r"jobs\[0\].labeling is 9"),
        (lambda a: a.update(jobs=[HeadJob(0, LOSSES[0], 0)]), ConfigError, r"jobs\[0\].weighting is 0"),
        (lambda a: a.update(jobs=[HeadJob(0, "forward_ce")]), ConfigError, "whose loss is a Loss"),
        (lambda a: a.update(jobs=[HeadJob(0, LOSSES[0], seed=-1)]), ConfigError, "seed is -1"),
        (lambda a: a.update(points={"x": np.zeros((3, 5))}), ShapeError, r"points\['x'\] have 5 features"),
        (lambda a: a.update(checkpoints=[30]), ConfigError, "between 0 and 20"),
        (lambda a: a.update(memory_bytes=0), ConfigError, "memory_bytes"),
    ],
)
def test_bad_input_is_named(problem, change, error, message):
    arguments = {"features": problem[0], "targets": problem[1], "jobs": _jobs(), "points": problem[2]}
    change(arguments)
    with pytest.raises(error, match=message):
        fit_predict(**arguments)


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("epochs", 0),
        ("epochs", float("nan")),
        ("batch_size", 0),
        ("batch_size", 2.5),
        ("hidden", 0),
        ("order_groups", 0),
        ("learning_rate", -1.0),
        ("learning_rate", True),
        ("weight_decay", -0.1),
        ("schedule", "cosin"),
        ("dtype", "float16"),
    ],
)
def test_a_bad_setting_is_named(setting, value):
    with pytest.raises(ConfigError, match=setting):
        HeadSettings(**{setting: value})
    if value == "cosin":
        with pytest.raises(ConfigError, match='Did you mean "cosine"'):
            HeadSettings(schedule=value)


@pytest.mark.parametrize("labeling", [0.5, True, "0"])
def test_a_labeling_that_is_no_whole_number_is_named(labeling):
    x = np.arange(8, dtype=np.float32)[:, None]
    targets = np.eye(2)[[0, 1] * 4][None]
    job = HeadJob(labeling, get_loss("forward_ce"))
    for fit in (fit_predict, fit_convex):
        with pytest.raises(ConfigError, match=r"jobs\[0\].labeling"):
            fit(x, targets, [job], {})


def test_features_whose_squares_overflow_are_named():
    x = np.array([[0.0, 1e300], [1.0, -1e300], [2.0, 1e300]])
    with pytest.raises(DomainError, match=r"features\[:, 1\]"):
        fit_predict(x, np.eye(2)[[0, 1, 0]][None], [HeadJob(0, get_loss("forward_ce"))], {})


@pytest.mark.parametrize("learner", ["minibatch", "convex"])
def test_a_head_without_bias_is_indifferent_between_two_equal_texts(learner):
    rng = np.random.default_rng(0)
    x = rng.normal(1.0, 1.0, (60, 3)).astype(np.float32)  # differences of features whose mean is not 0
    targets = np.eye(2)[(x.sum(1) > 3).astype(int)][None]
    jobs, points = [HeadJob(0, get_loss("forward_ce"))], {"equal": np.zeros((1, 3), dtype=np.float32)}
    if learner == "convex":
        logits = fit_convex(x, targets, jobs, points, bias=False).logits["equal"]
    else:
        logits = fit_predict(x, targets, jobs, points, settings=HeadSettings(bias=False)).logits["equal"]
    np.testing.assert_array_equal(logits[..., 0], logits[..., 1])
