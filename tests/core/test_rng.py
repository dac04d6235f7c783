import pytest
import torch

from palitra.core.rng import MAX_SEED, Noise
from palitra.errors import InputError


def test_a_row_depends_on_its_own_seed_alone():
    together = Noise([5, 6, 7])
    first, second = together.normal((4, 8, 8)), together.normal((4, 8, 8))
    for row, seed in enumerate((5, 6, 7)):
        alone = Noise([seed])
        assert torch.equal(alone.normal((4, 8, 8))[0], first[row])
        assert torch.equal(alone.normal((4, 8, 8))[0], second[row])


def test_the_global_generator_is_left_alone():
    torch.manual_seed(3)
    expected = torch.rand(1)
    torch.manual_seed(3)
    Noise([1, 2]).normal((2, 2))
    assert torch.equal(torch.rand(1), expected)


def test_keep_goes_on_where_the_streams_stand():
    noise, whole = Noise([1, 2, 3]), Noise([1, 2, 3])
    noise.normal((3,))
    whole.normal((3,))
    noise.keep([2, 0])
    assert noise.seeds == (3, 1)
    assert torch.equal(noise.normal((3,)), whole.normal((3,))[[2, 0]])


def test_noise_is_standard_normal():
    z = Noise([0]).normal((100_000,), torch.float64)
    assert z.dtype == torch.float64
    # 5 standard errors of 100,000 draws
    assert abs(float(z.mean())) < 0.016
    assert abs(float(z.std()) - 1) < 0.012


@pytest.mark.parametrize("seed", [-1, MAX_SEED + 1])
def test_seeds_outside_are_refused(seed):
    with pytest.raises(InputError, match=rf"`seed` must be in \[0, {MAX_SEED}\], got {seed}"):
        Noise([0, seed])


def test_the_largest_seed_is_taken():
    assert Noise([MAX_SEED]).normal((1,)).shape == (1, 1)
