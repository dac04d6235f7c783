"""Small pictures at twice their side, for looking at: the last step of a recipe, on the finished bytes.

A picture with `upscale` is the picture without it, enlarged: what was drawn together with it, and on which
device, makes no difference.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from PIL import Image

from palitra.data.images import to_image, to_tensor
from palitra.errors import InputError
from palitra.models.upscaler import Upscaler, embedded_upscaler

LARGEST = 128
"""The network learned from pictures of 64 px; those of large models need no enlarging."""


def enlarge(image: Image.Image, upscaler: Upscaler) -> Image.Image:
    """An RGB picture at twice its side."""
    return to_image(upscaler(to_tensor(image))[0])


def enlarged(image: Image.Image, wanted: bool = True) -> tuple[Image.Image, dict[str, str]]:
    """The picture at twice its side, and what its recipe says of that; as it is when larger than 128 px."""
    if not wanted or max(image.size) > LARGEST:
        return image, {}
    upscaler = embedded_upscaler()
    return enlarge(image, upscaler), {"upscaler": upscaler.fingerprint}


def check_same_upscaler(recipe: Mapping[str, Any]) -> None:
    """Refuse a recipe whose picture was enlarged by other weights.

    Raises:
        InputError: the fingerprints differ.
    """
    made = recipe.get("upscaler")
    if made is not None and made != embedded_upscaler().fingerprint:
        raise InputError(
            f"`file` was enlarged with other weights of the upscaler ({made}), "
            f"these are {embedded_upscaler().fingerprint}"
        )
