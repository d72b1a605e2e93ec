"""Means from points drawn by strata: unbiased whatever the strata are, and as wide as the textbook says."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

from outlearn.core.labelers.allocation import allocate, strata_of_spread
from outlearn.core.labelers.influence import mean_estimate
from outlearn.core.labelers.strata import DrawnStrata
from outlearn.errors import DomainError

FLOAT64_SUM = 1e-12


def every_draw(sizes, counts):
    """List every way to draw so many points of each stratum."""
    starts = np.cumsum([0, *sizes[:-1]])
    parts = [
        itertools.combinations(range(start, start + size), count)
        for start, size, count in zip(starts, sizes, counts, strict=True)
    ]
    for draw in itertools.product(*parts):
        of_point = np.full(sum(sizes), -1)
        for h, points in enumerate(draw):
            of_point[list(points)] = h
        yield DrawnStrata(of_point, sizes)


def test_the_weighted_mean_over_all_draws_is_the_mean_of_the_table_whatever_the_strata():
    values = np.array([0.0, 1, 1, 0, 1, 1, 0, 0, 1])
    draws = list(every_draw((5, 4), (3, 2)))
    assert len(draws) == math.comb(5, 3) * math.comb(4, 2)
    assert abs(np.mean([draw.mean(values).value for draw in draws]) - values.mean()) < FLOAT64_SUM
    plain = np.mean([values[draw.of_point >= 0].mean() for draw in draws])
    assert abs(plain - values.mean()) > 0.001  # without weights it is another number


def two_draws(n_first: int, n_each: int):
    """List every way to draw points at random from ten, then of the first four and of the others from the rest."""
    for first in itertools.combinations(range(10), n_first):
        known = DrawnStrata(np.where(np.isin(np.arange(10), first), 0, -1), (10,))
        rest = [[i for i in range(10) if (i < 4) == h and i not in first] for h in (True, False)]
        for draws in itertools.product(*(itertools.combinations(points, n_each) for points in rest)):
            of_point = np.full(10, -1)
            for h, points in enumerate(draws):
                of_point[list(points)] = h
            yield (
                known,
                known.joined(of_point, [len(points) for points in rest]),
                1 / math.prod(math.comb(len(points), n_each) for points in rest),
            )


def test_a_second_draw_by_other_strata_keeps_the_mean_and_weighs_up_to_the_table():
    values = np.array([0.0, 1, 1, 0, 1, 1, 0, 0, 1, 5])
    draws = list(two_draws(2, 2))
    chances = np.array([chance for *_, chance in draws])
    chances /= chances.sum()
    means = np.array([both.mean(values).value for _, both, _ in draws])
    spread = math.sqrt(chances @ np.square(means - values.mean()))
    # The shares of the draws hang on the sizes of the later strata, and those a little on who was drawn before.
    assert abs(chances @ means - values.mean()) < 0.02 * spread
    assert {round(both.weights.sum(), 9) for _, both, _ in draws} == {10.0}
    plain = chances @ [values[both.of_point >= 0].mean() for _, both, _ in draws]
    assert abs(plain - values.mean()) > 0.1 * spread  # the first four are drawn too often


def test_the_variance_of_two_draws_is_that_of_their_mean_over_tables_of_new_points():
    rng = np.random.default_rng(4)
    n, runs = 200, 2000
    found, variances = np.empty(runs), np.empty(runs)
    for run in range(runs):
        hard = rng.random(n) < 0.3
        values = np.where(hard, rng.normal(2, 2, n), rng.normal(0, 0.5, n))
        order = rng.permutation(n)
        known = DrawnStrata(np.where(np.isin(np.arange(n), order[:40]), 0, -1), (n,))
        of_point, sizes = np.full(n, -1), []
        for h, stratum in enumerate((~hard, hard)):
            free = order[40:][stratum[order[40:]]]
            of_point[free[:30]] = h
            sizes.append(len(free))
        mean = known.joined(of_point, sizes).mean(values)
        found[run], variances[run] = mean.value, mean.standard_error**2
    assert abs(variances.mean() / found.var() - 1) < 0.12  # four standard errors of a variance from 2,000 draws


def test_draws_of_the_same_strata_one_after_another_are_one_draw():
    of_point = np.repeat([0, -1, 0, -1], [20, 80, 20, 80])
    at_once = DrawnStrata(of_point, (200,))
    first = DrawnStrata(np.where(np.arange(200) < 100, of_point, -1), (200,))
    in_turn = first.joined(np.where(np.arange(200) < 100, -1, of_point), (180,))
    values = np.random.default_rng(5).normal(size=200)
    assert abs(in_turn.mean(values).standard_error / at_once.mean(values).standard_error - 1) < 0.1
    with pytest.raises(DomainError, match=r"\[200, 199\] points"):
        first.joined(np.where(np.arange(200) < 100, -1, of_point), (179,))


def test_the_variance_is_that_of_the_textbook():
    rng = np.random.default_rng(0)
    sizes, counts = np.array([400, 100]), np.array([40, 60])
    of_point = np.concatenate(
        [np.where(np.arange(s) < c, h, -1) for h, (s, c) in enumerate(zip(sizes, counts, strict=True))]
    )
    values = np.where(np.arange(500) < 400, rng.normal(0, 1, 500), rng.normal(3, 2, 500))
    found = DrawnStrata(of_point, (400, 100)).mean(values, ends=())
    shares = sizes / 500
    drawn = [values[of_point == h] for h in (0, 1)]
    means, spreads = np.array([d.mean() for d in drawn]), np.array([d.var(ddof=1) for d in drawn])
    mean = shares @ means
    variance = np.square(shares) @ (spreads / counts) + shares @ np.square(means - mean) / 500
    small = found.n_points / (found.n_points - 1)
    assert abs(found.value - mean) < FLOAT64_SUM
    assert abs(found.standard_error**2 / small - variance) < FLOAT64_SUM


def test_one_stratum_is_a_random_sample():
    rng = np.random.default_rng(1)
    known = rng.permutation(300) < 60
    values = (rng.random(300) < 0.3).astype(float)
    by_strata = DrawnStrata(np.where(known, 0, -1), (300,)).mean(values)
    plain = mean_estimate(values, known)
    assert abs(by_strata.value - plain.value) < FLOAT64_SUM
    assert abs(by_strata.standard_error / plain.standard_error - 1) < 0.01  # n - 1 is counted twice


def test_a_mean_over_a_part_of_the_points_is_the_ratio_of_the_weighted_sums():
    strata = DrawnStrata(np.array([0, 0, -1, -1, 1, 1, -1]), (4, 3))
    values, where = np.array([1.0, 0, 9, 9, 1, 0, 9]), np.array([True, False, True, True, True, True, True])
    # weights 2, 2 | 1.5, 1.5: (2 * 1 + 1.5 * 1) / (2 + 1.5 + 1.5)
    assert abs(strata.mean(values, where).value - 3.5 / 5) < FLOAT64_SUM
    with pytest.raises(DomainError, match="at least one point"):
        strata.mean(values, np.zeros(7, dtype=bool))


def test_points_that_all_have_one_value_are_not_known_to_have_no_other_unless_they_cannot():
    strata = DrawnStrata(np.repeat([0, -1, 1], [20, 160, 20]), (180, 20))
    values = np.repeat([0.0, 1.0], [180, 20])
    open_ended, closed = strata.mean(values), strata.mean(values, ends=(values, values))
    assert closed.standard_error < open_ended.standard_error
    # Of 20 points of nine tenths of the table none has it, so that at 95% up to 3 / 20 of those may.
    assert 0.1 < open_ended.interval(low=0.0, high=1.0).high < 0.1 + 0.9 * 3 / 20


@pytest.mark.parametrize("of_point", [[0, -1, 1, 1], [0, 0, 0, 1]])
def test_too_few_or_too_many_points_of_a_stratum_are_refused(of_point):
    with pytest.raises(DomainError, match="points and"):
        DrawnStrata(np.array(of_point), (2, 2))


def variance(sizes, spreads, counts):
    return sum((size * spread) ** 2 / count for size, spread, count in zip(sizes, spreads, counts, strict=True))


def test_no_other_whole_numbers_that_keep_the_even_share_have_less_variance():
    sizes, spreads, n = (60, 30, 10), (0.1, 0.3, 0.5), 30
    least = [max(5, math.ceil(0.1 * n * size / 100)) for size in sizes]
    found = allocate(n, sizes, spreads)
    assert sum(found) == n
    every = [
        (a, b, n - a - b)
        for a in range(least[0], n)
        for b in range(least[1], n - a)
        if least[2] <= n - a - b <= sizes[2]
    ]
    assert found in every
    assert variance(sizes, spreads, found) <= min(variance(sizes, spreads, each) for each in every) + FLOAT64_SUM


def test_no_stratum_gives_more_points_than_it_has_and_certain_ones_take_what_is_left():
    assert allocate(90, [80, 20], [0.0, 1.0]) == (70, 20)
    assert allocate(50, [80, 20], [0.0, 0.0]) == (40, 10)
    for n in (3, 101):
        with pytest.raises(DomainError, match=r"expected 10 to 100"):
            allocate(n, [80, 20], [0.1, 0.2])


def test_strata_have_equal_sums_of_spread_and_certain_points_stand_alone():
    rng = np.random.default_rng(2)
    spread = np.where(rng.random(2000) < 0.4, 0.0, rng.random(2000))
    found = strata_of_spread(spread, np.zeros(2000), 5, least=10)
    assert (spread[found == 0] == 0).all()
    assert (spread[found > 0] > 0).all()
    sums = np.bincount(found, spread)[1:]
    assert sums.max() / sums.min() < 1.05
    assert strata_of_spread(np.full(12, 0.2), np.zeros(12), 5, least=10).max() == 0  # too few points to cut
