import numpy as np
import pytest
from PIL import Image, ImageDraw

from palitra.data.sheet_of_paper import cut_out_sheet


def photo(angle=0.0, drawn=True, sheet=(235, 230, 220), table=(80, 60, 45)):
    paper = Image.new("RGB", (300, 400), sheet)
    if drawn:
        ImageDraw.Draw(paper).ellipse((80, 120, 220, 280), outline=(40, 40, 60), width=4)
    image = Image.new("RGB", (480, 560), table)
    turned = paper.convert("RGBA").rotate(angle, Image.Resampling.BICUBIC, expand=True)
    image.paste(turned, ((480 - turned.width) // 2, (560 - turned.height) // 2), turned)
    return image


@pytest.mark.parametrize("angle", [0, 4, -9])
def test_the_sheet_is_cut_out_and_continued(angle):
    cut, notes = cut_out_sheet(photo(angle))
    assert [n.code for n in notes] == ["paper_cut_out"]
    assert 280 < cut.width < 370
    pixels = np.asarray(cut).astype(int)
    assert pixels[:, :, 0].min() < 60  # the drawing is there
    rim = np.concatenate([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]])
    assert np.abs(rim - (235, 230, 220)).max() < 30  # no table at the rim


@pytest.mark.parametrize(
    "image",
    [
        photo(drawn=False),  # nothing on the sheet
        photo(sheet=(110, 90, 75)),  # hardly brighter than the table
        Image.new("RGB", (200, 200), (255, 255, 255)),
        Image.new("RGB", (200, 200), (0, 0, 0)),
    ],
)
def test_without_a_drawn_sheet_nothing_happens(image):
    same, notes = cut_out_sheet(image)
    assert same is image
    assert notes == []


def test_a_bright_round_thing_is_no_sheet():
    image = Image.new("RGB", (300, 300), (20, 20, 20))
    pen = ImageDraw.Draw(image)
    pen.ellipse((60, 60, 240, 240), fill=(240, 240, 240))
    pen.line((100, 150, 200, 150), fill=(0, 0, 0), width=4)
    assert cut_out_sheet(image)[1] == []
