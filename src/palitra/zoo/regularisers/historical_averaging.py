"""Historical averaging (arXiv 1606.03498, section 3.3)."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn


class HistoricalAveraging(nn.Module):
    """Squared distance of parameters to the mean of all they have been; the mean travels in checkpoints."""

    count: Tensor

    def __init__(self, parameters: Iterable[nn.Parameter]) -> None:
        super().__init__()
        # a list outside the module's registry: the parameters belong to their network
        self._followed = tuple(parameters)
        for i, p in enumerate(self._followed):
            self.register_buffer(f"mean_{i}", p.detach().clone())
        self.register_buffer("count", torch.ones((), dtype=torch.int64))

    def penalty(self) -> Tensor:
        """Sum over all parameters of (value - mean)^2."""
        terms = [(p - m).square().sum() for p, m in zip(self._followed, self._means(), strict=True)]
        return torch.stack(terms).sum()

    @torch.no_grad()
    def update(self) -> None:
        """Take in the parameters as they are now."""
        self.count += 1
        weight = 1 / float(self.count)
        torch._foreach_lerp_(self._means(), [p.detach() for p in self._followed], weight)

    def _means(self) -> list[Tensor]:
        return [getattr(self, f"mean_{i}") for i in range(len(self._followed))]
