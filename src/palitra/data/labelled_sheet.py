"""A sheet of small pictures in labelled rows, a block of rows for each class."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from PIL import Image, ImageDraw

from palitra.data.images import flatten
from palitra.data.sheets import cut_line, line_length, write_line
from palitra.errors import InputError

LARGEST_SIDE: Final = 4096
_CELL: Final = 96
_SMALLEST_CELL: Final = 24
_WIDEST_LABEL: Final = 3
"""Cells that a class's name may take; longer ones are cut with an ellipsis."""
_MOST_COLUMNS: Final = {True: 20, False: 10}
_INK: Final = (52, 52, 60)
_TITLE: Final = (24, 24, 28)
_RULE: Final = (232, 232, 238)


@dataclass(frozen=True)
class Block:
    """The pictures of one class; a nameless block stands without a label."""

    name: str
    pictures: Sequence[Image.Image]


def labelled_sheet(blocks: Sequence[Block], title: str = "") -> Image.Image:
    """Blocks below each other on a white page, each with its name to the left of its first row.

    Pictures are enlarged by whole numbers with hard pixels, so that what a model really drew is seen; larger
    ones are made smaller smoothly. At most 4,096 px on each side, as long as a cell keeps 24 px.

    Raises:
        InputError: no pictures.
    """
    filled = [block for block in blocks if block.pictures]
    if not filled:
        raise InputError("`images` must hold at least one picture, got none")
    columns = _columns(max(len(block.pictures) for block in filled), several=len(filled) > 1)
    rows = sum(-(-len(block.pictures) // columns) for block in filled)
    side = max(max(image.size) for block in filled for image in block.pictures)
    room = LARGEST_SIDE // max(rows + 2, columns + _WIDEST_LABEL)
    cell = _cell(side, min(_CELL if side <= _CELL else 256, int(room * 0.9)))
    return _drawn(filled, columns, cell, title)


def _columns(count: int, *, several: bool) -> int:
    """Rows as even as they can be: 12 pictures are 6 and 6 and not 10 and 2."""
    rows = -(-count // _MOST_COLUMNS[several])
    return -(-count // rows)


def _cell(side: int, wanted: int) -> int:
    """The largest whole multiple of a picture's side that fits; `wanted` where none does."""
    wanted = max(_SMALLEST_CELL, wanted)
    return side * (wanted // side) if side <= wanted else wanted


def _drawn(blocks: Sequence[Block], columns: int, cell: int, title: str) -> Image.Image:
    gap, apart, margin = max(2, cell // 24), max(6, cell // 6), max(12, cell // 3)
    letters = max(11, min(22, cell // 5))
    names = [cut_line(block.name, _WIDEST_LABEL * cell, letters) for block in blocks]
    left = round(max(line_length(name, letters) for name in names))
    left = margin + (left + margin // 2 if left else 0)
    width = left + columns * (cell + gap) - gap + margin
    heading = cut_line(title, width - 2 * margin, round(letters * 1.2))
    top = margin + (round(letters * 2.2) if heading else 0)
    heights = [-(-len(block.pictures) // columns) * (cell + gap) - gap for block in blocks]
    page = Image.new("RGB", (width, top + sum(heights) + apart * (len(blocks) - 1) + margin), "white")
    pen = ImageDraw.Draw(page)
    if heading:
        write_line(pen, heading, (margin, margin - letters // 4), round(letters * 1.2), _TITLE)
    y = top
    for block, name, height in zip(blocks, names, heights, strict=True):
        if y > top and columns < len(block.pictures):
            # blocks of several rows need more than a gap to be told apart
            pen.line((margin, y - apart // 2, width - margin, y - apart // 2), fill=_RULE)
        write_line(pen, name, (margin, y + (cell - round(letters * 1.25)) // 2), letters, _INK)
        for i, image in enumerate(block.pictures):
            x, above = left + i % columns * (cell + gap), y + i // columns * (cell + gap)
            # a hair of grey: pictures on white would have no edges
            pen.rectangle((x - 1, above - 1, x + cell, above + cell), outline=_RULE)
            page.paste(_sized(image, cell), (x, above))
        y += height + apart
    return page


def _sized(image: Image.Image, cell: int) -> Image.Image:
    """The picture in its cell, in the middle of white where it is no square."""
    scale = cell / max(image.size)
    size = max(1, round(image.width * scale)), max(1, round(image.height * scale))
    how = Image.Resampling.NEAREST if scale >= 1 else Image.Resampling.LANCZOS
    shown = flatten(image).resize(size, how)
    if size == (cell, cell):
        return shown
    square = Image.new("RGB", (cell, cell), "white")
    square.paste(shown, ((cell - size[0]) // 2, (cell - size[1]) // 2))
    return square
