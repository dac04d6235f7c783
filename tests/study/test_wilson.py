import pytest
from scipy.optimize import brentq
from scipy.stats import binomtest, norm

from palitra.errors import InputError
from palitra.study.wilson import wilson


@pytest.mark.parametrize("level", [0.5, 0.95, 0.999])
@pytest.mark.parametrize(
    ("wins", "count"), [(0, 1), (1, 1), (1, 2), (3, 10), (63, 100), (999, 1000), (0, 50)]
)
def test_it_is_scipys(wins, count, level):
    theirs = binomtest(wins, count).proportion_ci(level, method="wilson")
    # both are closed forms; quantiles of the normal differ in the last digits
    assert wilson(wins, count, level) == pytest.approx((theirs.low, theirs.high), abs=1e-12)


@pytest.mark.parametrize(("wins", "count"), [(3.5, 10), (20, 31), (0.5, 4)])
def test_bounds_are_the_roots_of_the_score_test(wins, count):
    z, share = norm.ppf(0.975), wins / count

    def score(p):
        return (share - p) ** 2 - z**2 * p * (1 - p) / count

    # beyond its root the score is positive at 0 and 1, negative at the share
    roots = brentq(score, 0, share, xtol=1e-14), brentq(score, share, 1, xtol=1e-14)
    assert wilson(wins, count) == pytest.approx(roots, abs=1e-10)


def test_it_turns_with_the_sides_and_touches_what_it_must():
    low, high = wilson(7, 30)
    assert wilson(23, 30) == pytest.approx((1 - high, 1 - low), abs=1e-15)
    assert wilson(0, 9)[0] == 0
    assert wilson(9, 9)[1] == 1
    assert wilson(0, 0) == (0, 1)


@pytest.mark.parametrize(
    ("given", "named"), [((-1, 3), "wins"), ((4, 3), "wins"), ((1, 3, 0), "level"), ((1, 3, 1), "level")]
)
def test_bad_input_names_its_field(given, named):
    with pytest.raises(InputError, match=f"`{named}` must be"):
        wilson(*given)
