"""Strengths against closed forms, and against a likelihood written anew and climbed by scipy."""

import numpy as np
import pytest
from scipy.optimize import minimize

from palitra.errors import InputError
from palitra.study.bradley_terry import apart, expected_share, has_maximum, rank, strengths

# the last step changes a log strength by less than 1e-9, and steps shrink by a factor well below 1
NEAR = 1e-6


def climbed(wins):
    """The maximum of sum w_ij log sigmoid(b_i - b_j) by quasi-Newton, mean 0."""

    def loss(b):
        d = b[:, None] - b[None, :]
        value = (wins * np.logaddexp(0, -d)).sum()
        pull = wins / (1 + np.exp(d))
        return value, -(pull.sum(1) - pull.sum(0))

    found = minimize(loss, np.zeros(len(wins)), jac=True, method="BFGS", options={"gtol": 1e-10})
    return found.x - found.x.mean()


def random_wins(seed, arms=5, games=12):
    rng = np.random.default_rng(seed)
    truth = rng.normal(size=arms)
    wins = np.zeros((arms, arms))
    for i in range(arms):
        for j in range(i):
            wins[i, j] = rng.binomial(games, 1 / (1 + np.exp(truth[j] - truth[i])))
            wins[j, i] = games - wins[i, j]
    return wins


def test_equal_arms_are_equally_strong():
    wins = np.full((4, 4), 3.0) - 3 * np.eye(4)
    assert np.abs(strengths(wins)).max() == 0
    assert expected_share(strengths(wins)) == pytest.approx([0.5] * 4)


def test_of_two_arms_it_is_the_log_odds():
    assert strengths(np.array([[0, 30], [12, 0.0]])) == pytest.approx(
        [np.log(30 / 12) / 2, -np.log(30 / 12) / 2], abs=NEAR
    )
    assert expected_share(strengths(np.array([[0, 30], [12, 0.0]]))) == pytest.approx([30 / 42, 12 / 42])


def test_along_a_chain_every_link_is_its_own_log_odds():
    wins = np.zeros((4, 4))
    links = {(0, 1): (5, 2), (1, 2): (3, 9), (2, 3): (7, 1)}
    for (i, j), (won, lost) in links.items():
        wins[i, j], wins[j, i] = won, lost
    made = strengths(wins)
    for (i, j), (won, lost) in links.items():
        assert made[i] - made[j] == pytest.approx(np.log(won / lost), abs=NEAR)


@pytest.mark.parametrize("seed", range(4))
def test_it_is_the_maximum_of_the_likelihood(seed):
    wins = random_wins(seed)
    assert has_maximum(wins)
    assert strengths(wins) == pytest.approx(climbed(wins), abs=1e-5)


def test_many_tables_equal_single_ones():
    wins = np.stack([random_wins(seed) for seed in range(6)])
    together = strengths(wins)
    # tables stop at different steps, and each at its own
    assert np.allclose(together, [strengths(each) for each in wins], atol=1e-12)


def test_arms_that_nobody_compared_are_told():
    wins = np.zeros((4, 4))
    wins[0, 2], wins[3, 1] = 1, 1
    assert apart(wins) == [[0, 2], [1, 3]]
    with pytest.raises(InputError, match="never compared"):
        rank(wins[None])


def test_an_arm_that_never_lost_has_no_strength_by_answers_alone():
    wins = np.array([[0, 5, 4], [0, 0, 2], [0, 3, 0.0]])
    assert not has_maximum(wins)
    with pytest.raises(InputError, match="never lost"):
        strengths(wins)
    ranking = rank(wins[None])
    assert ranking.softened
    assert ranking.low is None
    half = 0.5 * (np.ones((3, 3)) - np.eye(3))
    assert ranking.strengths == pytest.approx(climbed(wins + half), abs=1e-5)


def test_a_circle_of_wins_has_a_maximum():
    wins = np.array([[0, 1, 0], [0, 0, 1], [1, 0, 0.0]])
    assert has_maximum(wins)
    assert strengths(wins) == pytest.approx([0, 0, 0], abs=NEAR)


def test_the_interval_follows_participants_and_not_answers():
    """Ten people who all say the same leave no doubt; ten who disagree as wholes do, with equal sums."""
    agreed = np.array([[[0, 6], [4, 0.0]]] * 10)
    split = np.array([[[0, 10], [0, 0.0]]] * 6 + [[[0, 0], [10, 0.0]]] * 4)
    one, other = rank(agreed, resamples=400), rank(split, resamples=400)
    assert one.strengths == pytest.approx(other.strengths, abs=NEAR)
    assert one.high[0] - one.low[0] < 1e-6
    assert other.high[0] - other.low[0] > 0.5
    assert other.low[0] < other.strengths[0] < other.high[0]


def test_the_interval_covers_about_as_often_as_it_says():
    truth = np.array([0.4, -0.4])
    rng, hit = np.random.default_rng(0), 0
    for _ in range(100):
        won = rng.binomial(10, 1 / (1 + np.exp(truth[1] - truth[0])), size=30)
        tables = np.zeros((30, 2, 2))
        tables[:, 0, 1], tables[:, 1, 0] = won, 10 - won
        made = rank(tables, resamples=200)
        hit += made.low[0] < truth[0] < made.high[0]
    # 95 of 100 wanted; below 88 or above 100 has a chance under 1 % if the coverage is 95 %
    assert 88 <= hit <= 100


def test_the_same_seed_draws_the_same():
    tables = np.stack([random_wins(seed, 3) for seed in range(5)])
    assert np.array_equal(rank(tables, seed=3).low, rank(tables, seed=3).low)
    assert not np.array_equal(rank(tables, seed=3).low, rank(tables, seed=4).low)


@pytest.mark.parametrize("bad", [{"resamples": 0}, {"level": 0}, {"level": 1.5}])
def test_bad_settings_name_themselves(bad):
    with pytest.raises(InputError, match="`resamples` must be at least 1 and `level`"):
        rank(random_wins(0)[None], **bad)
