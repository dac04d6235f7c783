"""Cholesky factor and eigenvalues of a congruence, against plain products; degenerate sizes."""

import pytest
import torch

from palitra.metrics.congruence import cholesky, congruent_eigenvalues
from palitra.metrics.frechet import Gaussian, frechet_distance


def positive(d: int, seed: int = 0) -> torch.Tensor:
    x = torch.randn(2 * d + 2, d, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return x.T @ x


@pytest.mark.parametrize("d", [1, 2, 3, 65, 130])
def test_factor_and_eigenvalues(d):
    first, second = positive(d), positive(d, 1)
    kept = second.clone()
    lower = cholesky(first)
    assert torch.equal(lower, lower.tril())
    assert torch.allclose(lower @ lower.T, first)
    found = congruent_eigenvalues(lower, second).sort().values
    assert torch.allclose(found, torch.linalg.eigvalsh(lower.T @ second @ lower), rtol=1e-9)
    # neither argument is written over
    assert torch.equal(second, kept)
    assert torch.allclose(lower @ lower.T, first)


def test_a_singular_matrix_has_no_factor():
    assert cholesky(torch.zeros(3, 3, dtype=torch.float64)) is None
    assert cholesky(torch.diag(torch.tensor([1.0, -1.0], dtype=torch.float64))) is None


def test_a_reference_keeps_its_factor():
    real, fake = (Gaussian(50, torch.zeros(4, dtype=torch.float64), positive(4, s)) for s in (0, 1))
    first = frechet_distance(real, fake)
    assert real.lower is real.lower
    assert "lower" not in vars(fake)
    assert frechet_distance(real, fake) == first
