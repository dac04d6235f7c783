"""Truncated normal latents as a smooth map of normal ones, so that one seed can be followed over a sweep."""

from __future__ import annotations

import torch
from torch import Tensor

from palitra.errors import InputError


def truncated(z: Tensor, bound: float | None) -> Tensor:
    """Normal z -> normal restricted to [-bound, bound], by its distribution function; None leaves z.

    Raises:
        InputError: a bound that is not above 0.
    """
    if bound is None:
        return z
    if bound <= 0:
        raise InputError(f"`truncation` must be in (0, inf), got {bound:g}")
    edge = torch.special.ndtr(torch.tensor(bound, dtype=torch.float64))
    share = (1 - edge) + (2 * edge - 1) * torch.special.ndtr(z.double())
    return torch.special.ndtri(share).clamp(-bound, bound).to(z.dtype)
