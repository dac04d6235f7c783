"""Contact sheets: several pictures on one white page, with captions."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Final

from PIL import Image, ImageDraw, ImageFont

from palitra.data.images import flatten
from palitra.errors import InputError, check_range

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont

_TEXT: Final = (60, 60, 66)
_FRAME: Final = (222, 222, 228)
_TITLE: Final = (24, 24, 28)
# Pillow's own font knows Latin letters only; one of these is on nearly every machine.
_WIDE_FONTS: Final = (
    "DejaVuSans.ttf", "NotoSans-Regular.ttf", "LiberationSans-Regular.ttf", "Arial.ttf", "arial.ttf",
    "Helvetica.ttc",
)  # fmt: skip
_LATIN: Final = {
    "а": "a", "б": "b", "в": "v", "г": "g", "д": "d", "е": "e", "ё": "yo", "ж": "zh",
    "з": "z", "и": "i", "й": "y", "к": "k", "л": "l", "м": "m", "н": "n", "о": "o",
    "п": "p", "р": "r", "с": "s", "т": "t", "у": "u", "ф": "f", "х": "kh", "ц": "ts",
    "ч": "ch", "ш": "sh", "щ": "shch", "ъ": "", "ы": "y", "ь": "", "э": "e", "ю": "yu",
    "я": "ya",
}  # fmt: skip


def contact_sheet(
    images: Sequence[Image.Image],
    columns: int,
    *,
    captions: Sequence[str] | None = None,
    cell: int | None = None,
    title: str | None = None,
    pixels: bool = False,
) -> Image.Image:
    """The pictures in rows on a white page.

    Args:
        images: any modes and sizes; transparent parts become white.
        columns: pictures in a row.
        captions: one line under each picture; too long ones are cut with an ellipsis.
        cell: side of a picture's square on the page in pixels; by default the largest picture's
            longer side, from 256 to 1024. Pictures are scaled to it, keeping their aspect.
        title: one or two lines above the rows.
        pixels: enlarge with hard pixels instead of smoothly (Lanczos).

    Raises:
        InputError: no pictures, `columns` below 1, or another number of captions than of pictures.
    """
    if not images:
        raise InputError("`images` must hold at least one picture, got none")
    check_range("columns", columns, 1, 1000)
    if captions is not None and len(captions) != len(images):
        raise InputError(f"`captions` must be as many as the {len(images)} pictures, got {len(captions)}")
    side = cell or min(1024, max(256, *(max(image.size) for image in images)))
    check_range("cell", side, 16, 4096)
    columns = min(columns, len(images))
    gap, letters = max(6, side // 20), max(11, side // 17)
    margin = 2 * gap
    caption_height = round(1.9 * letters) if captions else 0
    heading = _heading(title, columns * side + (columns - 1) * gap, round(1.35 * letters))
    top = margin + (len(heading) * round(1.9 * letters) + gap if heading else 0)
    rows = -(-len(images) // columns)
    width = 2 * margin + columns * side + (columns - 1) * gap
    height = top + rows * (side + caption_height) + (rows - 1) * gap + margin
    page = Image.new("RGB", (width, height), (255, 255, 255))
    pen = ImageDraw.Draw(page)
    for line, words in enumerate(heading):
        write_line(pen, words, (margin, margin + line * round(1.9 * letters)), round(1.35 * letters), _TITLE)
    for i, image in enumerate(images):
        x = margin + i % columns * (side + gap)
        y = top + i // columns * (side + caption_height + gap)
        _place(page, pen, image, (x, y), side, pixels)
        if captions is not None:
            words = cut_line(captions[i], side, letters)
            write_line(pen, words, (x + side // 2, y + side + letters // 2), letters, _TEXT, centred=True)
    return page


def _place(
    page: Image.Image,
    pen: ImageDraw.ImageDraw,
    image: Image.Image,
    corner: tuple[int, int],
    side: int,
    pixels: bool,
) -> None:
    """Scale the picture into its square, in the middle, with a hair-thin frame around it."""
    scale = side / max(image.size)
    size = max(1, round(image.width * scale)), max(1, round(image.height * scale))
    hard = pixels and scale > 1
    shown = flatten(image).resize(size, Image.Resampling.NEAREST if hard else Image.Resampling.LANCZOS)
    x, y = corner[0] + (side - size[0]) // 2, corner[1] + (side - size[1]) // 2
    pen.rectangle((x - 1, y - 1, x + size[0], y + size[1]), outline=_FRAME)
    page.paste(shown, (x, y))


def _heading(title: str | None, width: int, size: int) -> list[str]:
    """The title on at most two lines."""
    words = (title or "").split()
    lines: list[str] = []
    while words and len(lines) < 2:
        count = len(words)
        while count > 1 and line_length(" ".join(words[:count]), size) > width:
            count -= 1
        rest = words[count:] if len(lines) == 0 else []
        lines.append(cut_line(" ".join(words[:count] if len(lines) == 0 else words), width, size))
        words = rest
    return lines


def cut_line(text: str, width: int, size: int) -> str:
    """The text on one line, cut with an ellipsis to the width."""
    text = " ".join(text.split())
    if line_length(text, size) <= width:
        return text
    while text and line_length(text + "…", size) > width:
        text = text[:-1]
    return text.rstrip() + "…"


def line_length(text: str, size: int) -> float:
    """Width of a line in pixels."""
    words, font = _lettered(text, size)
    return float(font.getlength(words))


def write_line(
    pen: ImageDraw.ImageDraw,
    text: str,
    place: tuple[int, int],
    size: int,
    colour: tuple[int, int, int],
    *,
    centred: bool = False,
) -> None:
    """Write a line with its left upper corner, or the middle of its upper edge, at `place`."""
    words, font = _lettered(text, size)
    left = place[0] - (float(font.getlength(words)) / 2 if centred else 0)
    pen.text((left, place[1]), words, font=font, fill=colour)


def _lettered(text: str, size: int) -> tuple[str, Font]:
    """The text and a font that has all its letters; without such a font Cyrillic is spelt in Latin."""
    plain = "".join(c for c in text if c.isprintable())
    if all(ord(c) < 256 or c in "–—‘’“”…" for c in plain):
        return plain, ImageFont.load_default(size)
    wide = _wide_font(size)
    if wide is not None:
        return plain, wide
    return "".join(_latin(c) for c in plain), ImageFont.load_default(size)


@cache
def _wide_font(size: int) -> ImageFont.FreeTypeFont | None:
    for name in _WIDE_FONTS:
        try:
            return ImageFont.truetype(name, size)
        except OSError:
            continue
    return None


def _latin(letter: str) -> str:
    spelt = _LATIN.get(letter.lower(), letter if ord(letter) < 256 else "?")
    return spelt.capitalize() if letter.isupper() else spelt
