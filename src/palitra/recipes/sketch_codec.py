"""A sketch inside a picture's recipe: its lines and strictness as small PNGs in base64."""

from __future__ import annotations

import base64
import io
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from palitra.data.sketch_input import Sketch
from palitra.errors import InputError

LARGEST_SIDE = 2048


def pack_sketch(sketch: Sketch, strictness: Tensor | None) -> dict[str, str]:
    """The drawing and strictness as 8-bit PNGs, lines as 1-bit ones; a few kilobytes."""
    packed = {
        "picture": _png(sketch.picture),
        "lines": _png(Image.fromarray(sketch.lines.astype(np.uint8) * 255).convert("1")),
        "centre": _png(Image.fromarray(sketch.centre.astype(np.uint8) * 255).convert("1")),
    }
    if strictness is not None:
        grey = (strictness[0, 0].clamp(0, 1) * 255).round().byte().cpu().numpy()
        packed["strictness"] = _png(Image.fromarray(grey))
    return packed


def unpack_sketch(packed: Any) -> tuple[Sketch, Tensor | None]:
    """Read what `pack_sketch` wrote.

    Raises:
        InputError: the recipe holds no sketch or a damaged one.
    """
    if not isinstance(packed, dict) or not {"picture", "lines", "centre"} <= packed.keys():
        raise InputError("`file` must carry its sketch in its recipe, but holds none")
    lines, centre = (np.asarray(_open(packed[k]).convert("L")) > 127 for k in ("lines", "centre"))
    strictness = None
    if "strictness" in packed:
        grey = np.asarray(_open(packed["strictness"]).convert("L"), dtype=np.float32) / 255
        strictness = torch.from_numpy(grey)[None, None]
    return Sketch(lines, centre, _open(packed["picture"]).convert("L")), strictness


def _png(image: Image.Image) -> str:
    buffer = io.BytesIO()
    image.save(buffer, "PNG", optimize=True)
    return base64.b64encode(buffer.getvalue()).decode("ascii")


def _open(text: str) -> Image.Image:
    try:
        image = Image.open(io.BytesIO(base64.b64decode(text, validate=True)), formats=["PNG"])
        if max(image.size) > LARGEST_SIDE:
            raise InputError(
                f"`file` must carry a sketch of at most {LARGEST_SIDE} px, got {max(image.size)}"
            )
        image.load()
    except (ValueError, OSError) as error:
        raise InputError("`file` must carry an undamaged sketch in its recipe") from error
    return image
