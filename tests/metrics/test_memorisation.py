"""Copies are found, honest generators are not accused more often than stated."""

import numpy as np
import pytest
import torch

from palitra.errors import InputError
from palitra.metrics.memorisation import MemorisationTest, memorisation, nearest_images


def draw(n: int, seed: int) -> torch.Tensor:
    return torch.randn(n, 6, generator=torch.Generator().manual_seed(seed))


def test_nearest_images_by_brute_force():
    x, train = draw(30, 0), draw(50, 1)
    apart = torch.cdist(x.double(), train.double())
    index, distance = nearest_images(x, train, chunk=7)
    assert torch.equal(index, apart.argmin(1))
    assert torch.allclose(distance, apart.amin(1))


def test_copies_are_found():
    train = draw(300, 0)
    fake = torch.cat([train[:15] + 1e-4, draw(85, 2)])
    found = memorisation(train, draw(199, 1), fake, alpha=0.05)
    assert found.share >= 0.15
    assert found.p_value < 0.02
    assert found.rank_z < 0
    assert found.nearest[:15].tolist() == list(range(15))


def test_honest_generators_are_accused_as_rarely_as_stated():
    p_values = [
        memorisation(draw(80, s), draw(99, 1000 + s), draw(100, 2000 + s), alpha=0.1) for s in range(200)
    ]
    for name in ("p_value", "rank_p_value"):
        wrong = np.mean([getattr(f, name) <= 0.05 for f in p_values])
        # 0.05 plus three standard errors of 200 tries
        assert wrong <= 0.05 + 3 * (0.05 * 0.95 / 200) ** 0.5


def test_merge_equals_one_accumulator():
    train, held_out, fake = draw(50, 0), draw(60, 1), draw(20, 2)
    one, other = MemorisationTest(0.05), MemorisationTest(0.05)
    one.update(train=train, held_out=held_out[:10])
    other.update(held_out=held_out[10:], fake=fake)
    one.merge(other)
    assert one.compute().p_value == memorisation(train, held_out, fake, alpha=0.05).p_value


def test_bad_input_is_named():
    x = draw(20, 0)
    with pytest.raises(InputError, match=r"at least 99 images for alpha 0\.01, got 20"):
        memorisation(x, x, x)
    with pytest.raises(InputError, match="`alpha` must be inside"):
        memorisation(x, x, x, alpha=1)
    with pytest.raises(InputError, match="`train` must have at least 1 image"):
        MemorisationTest().compute()
    with pytest.raises(InputError, match="to merge"):
        MemorisationTest().merge(MemorisationTest(0.5))
    with pytest.raises(InputError, match="6 dimensions"):
        nearest_images(x, x[:, :2])
