"""Vendi: copies count once, strangers count each."""

import numpy as np
import pytest
import torch

from palitra.errors import InputError
from palitra.metrics.diversity import Vendi, vendi_score


def test_closed_forms():
    assert vendi_score(torch.eye(6)) == pytest.approx(6)
    assert vendi_score(torch.eye(6).repeat(5, 1)) == pytest.approx(6)
    assert vendi_score(torch.ones(9, 3)) == pytest.approx(1)


@pytest.mark.parametrize("n", [5, 40])
def test_equals_the_kernel_form(n):
    x = np.random.default_rng(0).normal(size=(n, 12))
    unit = x / np.linalg.norm(x, axis=1, keepdims=True)
    shares = np.linalg.eigvalsh(unit @ unit.T / n)
    shares = shares[shares > 1e-14]
    assert vendi_score(torch.from_numpy(x)) == pytest.approx(np.exp(-(shares * np.log(shares)).sum()))


def test_merge_equals_one_accumulator():
    x = torch.randn(20, 6)
    one, other = Vendi(), Vendi()
    one.update(x[:7])
    other.update(x[7:])
    one.merge(other)
    assert one.compute() == vendi_score(x)


def test_bad_input_is_named():
    with pytest.raises(InputError, match="`features` must not be all zero, got that for image 1"):
        vendi_score(torch.tensor([[1.0, 2], [0, 0]]))
    with pytest.raises(InputError, match="`images` must be at least 1"):
        Vendi().compute()
