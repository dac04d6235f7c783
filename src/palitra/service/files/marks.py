"""The operator's marks in pixels: a word in the corner that everyone sees, a pattern that nobody does."""

from __future__ import annotations

from PIL import Image, ImageDraw, ImageFont

from palitra.service.files.watermark import SpreadSpectrum, Watermark
from palitra.service.settings import Settings

WORD = "AI"


class Marks:
    """What every finished picture gets before it is kept; nothing by default."""

    def __init__(self, visible: bool = False, invisible: Watermark | None = None) -> None:
        self.visible, self.invisible = visible, invisible

    @classmethod
    def of(cls, settings: Settings) -> Marks:
        """As the settings say."""
        return cls(settings.mark_visible, watermark_of(settings) if settings.mark_invisible else None)

    def stamp(self, image: Image.Image) -> Image.Image:
        """The picture with its marks; the very same without any."""
        if self.invisible is not None:
            image = self.invisible.embed(image)
        return _with_word(image) if self.visible else image


def watermark_of(settings: Settings) -> SpreadSpectrum | None:
    """The mark of the settings' key, None without a key."""
    key = settings.mark_key
    return None if key is None else SpreadSpectrum(key.get_secret_value())


def _with_word(image: Image.Image) -> Image.Image:
    """White on half-black in the lower right corner, a sixteenth of the picture high, at least 9 px."""
    marked = image.convert("RGB")
    height = max(9, marked.height // 16)
    font = ImageFont.load_default(size=height)
    pen = ImageDraw.Draw(marked, "RGBA")
    left, top, right, bottom = (round(side) for side in font.getbbox(WORD))
    x, y = marked.width - (right - left) - height // 2, marked.height - (bottom - top) - height // 2
    around = (
        x - height // 4,
        y - height // 4,
        x + right - left + height // 4,
        y + bottom - top + height // 4,
    )
    pen.rectangle(around, fill=(0, 0, 0, 140))
    pen.text((x - left, y - top), WORD, font=font, fill=(255, 255, 255, 255))
    return marked
