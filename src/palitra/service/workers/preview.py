"""A small JPEG of a picture that is still being drawn, from its clean latent."""

from __future__ import annotations

import io

import torch
from torch import Tensor

from palitra.data.images import to_image
from palitra.models.patch_autoencoder import PatchAutoencoder
from palitra.models.text_to_image import TextToImage

SIDE = 128
_PROBES = 48


class Previewer:
    """Turns clean latents (C, h, w) into JPEG bytes of at most 128 px.

    A linear patch code is decoded as it is; for other autoencoders a linear map from a latent cell to
    its mean colour is fitted once, from smooth pictures, which costs one encoding of 48 small ones.
    """

    def __init__(self, model: TextToImage) -> None:
        self._model = model
        self._map: Tensor | None = None

    @torch.no_grad()
    def jpeg(self, latent: Tensor) -> bytes:
        """About 2 kB and a millisecond."""
        autoencoder = self._model.autoencoder
        if isinstance(autoencoder, PatchAutoencoder):
            picture = autoencoder.decode(latent[None].float())[0]
        else:
            if self._map is None:
                self._map = self._fit()
            flat = torch.cat([latent.float().flatten(1), latent.new_ones(1, latent[0].numel())])
            picture = (self._map @ flat.to(self._map)).view(3, *latent.shape[1:])
        image = to_image((picture.clamp(-1, 1).cpu() + 1) / 2)
        image.thumbnail((SIDE, SIDE))
        buffer = io.BytesIO()
        image.save(buffer, "JPEG", quality=70)
        return buffer.getvalue()

    def _fit(self) -> Tensor:
        """(3, C + 1): least squares from latent cells, and a constant, to their mean colours."""
        g, factor = torch.Generator().manual_seed(0), self._model.factor
        coarse = torch.rand(_PROBES, 3, 4, 4, generator=g) * 2 - 1
        images = torch.nn.functional.interpolate(coarse, scale_factor=2 * factor, mode="bicubic").clamp(-1, 1)
        latents = self._model.autoencoder.encode(images.to(self._model.device)).float().cpu()
        colours = torch.nn.functional.avg_pool2d(images, factor)
        cells = latents.permute(0, 2, 3, 1).flatten(0, 2)
        cells = torch.cat([cells, torch.ones(len(cells), 1)], 1).double()
        answer = torch.linalg.lstsq(cells, colours.permute(0, 2, 3, 1).flatten(0, 2).double())
        return answer.solution.T.float().to(self._model.device)
