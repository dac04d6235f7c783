"""Eigenvalues of L' S L by LAPACK's own routine for it, on one thread.

`sygst` forms the product in n^3 operations, where two whole products take 4 n^3, and `sytrd` + `sterf`
give eigenvalues without vectors. The reduction waits for memory and gains nothing from a second thread; on a
busy machine, threads that wait for each other make it ten times slower.
"""

from __future__ import annotations

import torch
from scipy.linalg import lapack
from threadpoolctl import threadpool_limits
from torch import Tensor

COLUMNS = 64
"""Columns that `sytrd` reduces at once."""


def cholesky(covariance: Tensor) -> Tensor | None:
    """The lower triangular L (D, D) with L L' = covariance; None where it is not positive definite."""
    if covariance.device.type != "cpu":
        lower, fault = torch.linalg.cholesky_ex(covariance)
        return None if fault else lower
    with threadpool_limits(1, "blas"):
        # a symmetric matrix is its own transpose, so rows of torch are columns of LAPACK without a copy
        upper, fault = lapack.dpotrf(covariance.numpy().T, lower=0)
    return None if fault else torch.from_numpy(upper.T)


def congruent_eigenvalues(lower: Tensor, symmetric: Tensor) -> Tensor:
    """Eigenvalues (D,) of L' S L, in no stated order, for float64 L lower triangular and S symmetric."""
    if symmetric.device.type != "cpu" or len(symmetric) < 2:
        return torch.linalg.eigvalsh(lower.T @ symmetric @ lower)
    with threadpool_limits(1, "blas"):
        product, fault = lapack.dsygst(symmetric.numpy().T, lower.numpy().T, itype=2, lower=0)
        assert fault == 0, f"sygst refuses its argument {-fault}"
        _, diagonal, beside, _, fault = lapack.dsytrd(
            product, lower=0, lwork=COLUMNS * len(product), overwrite_a=1
        )
        assert fault == 0, f"sytrd refuses its argument {-fault}"
        values, fault = lapack.dsterf(diagonal, beside)
    if fault:  # not converged: the slower way has another algorithm
        return torch.linalg.eigvalsh(lower.T @ symmetric @ lower)
    return torch.from_numpy(values)
