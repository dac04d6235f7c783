"""What the denoiser is told: named tensors that can be batched across branches."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import torch
from torch import Tensor

from palitra.errors import ComposeError


@dataclass(frozen=True, eq=False)
class Condition:
    """Every tensor has the batch first; a batch of 1 serves any number of samples.

    text: token states (B, L, D). channels: extra input channels (B, C, h, w) in latent size.
    label: class indices (B,).
    """

    text: Tensor | None = None
    channels: Tensor | None = None
    label: Tensor | None = None

    def keys(self) -> tuple[str, ...]:
        """Names of the tensors that are present."""
        return tuple(f.name for f in fields(self) if getattr(self, f.name) is not None)

    def expand(self, batch: int) -> Condition:
        """The same condition for `batch` samples.

        Raises:
            ComposeError: a tensor's batch is neither 1 nor `batch`.
        """
        grown: dict[str, Tensor] = {}
        for key in self.keys():
            value: Tensor = getattr(self, key)
            if len(value) not in (1, batch):
                raise ComposeError(f"condition `{key}` must have a batch of 1 or {batch}, got {len(value)}")
            grown[key] = value.expand(batch, *value.shape[1:])
        return Condition(**grown)

    def rows(self, index: Sequence[int] | slice) -> Condition:
        """The samples of `index`; tensors that serve all samples stay."""
        picked = {k: getattr(self, k) for k in self.keys()}
        return Condition(**{k: v if len(v) == 1 else v[index] for k, v in picked.items()})


def join(conditions: Sequence[Condition]) -> Condition:
    """Stack expanded conditions along the batch.

    They must hold the same kinds of tensors in the same shapes: `compose.check` says which do not.
    """
    keys = conditions[0].keys()
    return Condition(**{k: torch.cat([getattr(c, k) for c in conditions]) for k in keys})
