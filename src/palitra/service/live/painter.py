"""Who draws live pictures: the protocol, and the painter of the service."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from PIL import Image, ImageDraw

from palitra.errors import PalitraError
from palitra.service.settings import Settings


class LivePainter(Protocol):
    """Draws one picture at a time; the same drawing, words and seed give the same picture."""

    def draw(self, sketch: Image.Image, prompt: str, seed: int, stop: Callable[[], bool]) -> Image.Image:
        """The picture of a drawing. `stop` is asked between two steps.

        Raises:
            Cancelled: `stop` said so.
            InputError: there is nothing to follow, or words or seed are out of bounds.
        """
        ...


class EnlargingPainter:
    """A painter whose small pictures come at twice their side, as the page shows finished ones."""

    def __init__(self, painter: LivePainter) -> None:
        self.painter = painter

    def draw(self, sketch: Image.Image, prompt: str, seed: int, stop: Callable[[], bool]) -> Image.Image:
        """As the painter draws it, enlarged; about 20 ms more for 64 px on one core."""
        from palitra.recipes.upscale import enlarged

        return enlarged(self.painter.draw(sketch, prompt, seed, stop))[0]


PainterFactory = Callable[[Settings], LivePainter]


def studio_painter(settings: Settings) -> LivePainter:
    """The live recipe of the model that the settings name, warm.

    Raises:
        ModelNotFoundError, WeightsError: as `palitra.load`.
    """
    from palitra.studio import load

    painter = EnlargingPainter(load(settings.live_model, settings.device).live())
    # the first picture makes what later ones find ready
    painter.draw(_circle(), "", 0, lambda: False)
    return painter


def warmed(factory: PainterFactory, settings: Settings) -> LivePainter:
    """The factory's painter.

    Raises:
        SystemExit: it cannot be made; the sentence says why.
    """
    try:
        return factory(settings)
    except PalitraError as error:
        raise SystemExit(f"palitra: no live pictures: {error}") from error


def _circle() -> Image.Image:
    image = Image.new("RGB", (256, 256), "white")
    ImageDraw.Draw(image).ellipse((50, 50, 200, 200), outline="black", width=4)
    return image
