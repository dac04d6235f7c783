"""A photo kept outside a mask while its inside is edited."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from palitra.core.guider import Guider


class KeepOutside(Guider):
    """After every step, puts the photo's own latents back outside a mask.

    mask: (B, 1, h, w), 1 where the picture may change. path: the photo's latent of every time.
    """

    def __init__(self, mask: Tensor, path: Sequence[Tensor]) -> None:
        self.mask, self.path = mask, path

    def project(self, x: Tensor, u: int, index: int, count: int) -> Tensor:
        """The edit inside, the photo outside."""
        return self.mask * x + (1 - self.mask) * self.path[index + 1].to(x)
