"""`palitra edges IN OUT`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer


def edges(
    image: Annotated[Path, typer.Argument(metavar="IN", help="A picture.")],
    out: Annotated[Path, typer.Argument(metavar="OUT", help="Where the drawing goes (PNG).")],
    soft: Annotated[bool, typer.Option("--soft", help="Grey edge strengths instead of lines.")] = False,
    threshold: Annotated[float, typer.Option(help="Strength from which a pixel is an edge, 0 to 1.")] = 0.5,
    width: Annotated[float, typer.Option(help="Width of the lines in pixels.")] = 1.5,
    normalisation: Annotated[
        str, typer.Option(help="official, or aux as ControlNet's tools feed it.")
    ] = "official",
) -> None:
    """Find the edges of a picture and draw them black on white."""
    from PIL import Image

    from palitra.data.images import open_image, to_image, to_tensor
    from palitra.data.picture_files import save_picture
    from palitra.errors import InputError, check_range

    check_range("threshold", threshold, 0, 1)
    check_range("width", width, 0.5, 16)
    if normalisation not in ("official", "aux"):
        raise InputError(f"`normalisation` must be official or aux, got {normalisation}")
    picture = open_image(image).image.convert("RGB")

    import numpy as np

    from palitra.data.edges import EdgeDetector
    from palitra.data.strokes import distance_to, draw, skeleton

    found = EdgeDetector.load(normalisation=normalisation)(to_tensor(picture))
    if soft:
        drawn = to_image(1 - found.expand(-1, 3, -1, -1))
    else:
        centre = skeleton(np.asarray(found[0, 0].numpy() > threshold))
        cover = draw(distance_to(centre), width) if centre.any() else np.zeros(centre.shape)
        drawn = Image.fromarray((255 * (1 - cover)).round().astype(np.uint8))
    save_picture(drawn, out, {})
    sys.stdout.write(f"{out}\n")
