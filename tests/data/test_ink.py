import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageOps
from scipy import ndimage

from palitra.data.ink import (
    DETECT,
    detection_size,
    even_ground,
    is_drawing,
    is_light_on_dark,
    measure_ink,
    measure_picture,
    noise_floor,
    on_ground,
)


def ring(ground=(255, 255, 255), ink=(0, 0, 0), size=(240, 240)):
    image = Image.new("RGB", size, ground)
    ImageDraw.Draw(image).ellipse((60, 60, 180, 180), outline=ink, width=5)
    return image


def lit(image, seed=0):
    """The picture under slanted light with a little noise, so that no ground is even."""
    pixels = np.asarray(image, dtype=float) * np.linspace(0.5, 1, image.width)[None, :, None]
    noise = np.random.default_rng(seed).normal(0, 3, pixels.shape)
    return Image.fromarray((pixels + noise).clip(0, 255).astype(np.uint8))


def scene():
    noise = ndimage.gaussian_filter(np.random.default_rng(0).random((240, 240, 3)), (6, 6, 0))
    return Image.fromarray((255 * (noise - noise.min()) / np.ptp(noise)).astype(np.uint8))


@pytest.mark.parametrize(
    ("ground", "ink", "light"),
    [
        ((255, 255, 255), (0, 0, 0), False),
        ((0, 0, 0), (255, 255, 255), True),
        ((128, 128, 128), (40, 40, 40), False),
        ((128, 128, 128), (220, 220, 220), True),
        ((20, 40, 110), (250, 220, 60), True),
        ((250, 240, 200), (200, 60, 60), False),
    ],
)
def test_polarity_on_even_grounds(ground, ink, light):
    assert is_light_on_dark(ring(ground, ink)) is light


@pytest.mark.parametrize("seed", range(3))
def test_polarity_of_photos_flips_with_the_picture(seed):
    image = lit(ring((235, 230, 220), (50, 50, 60)), seed)
    assert even_ground(np.asarray(image, dtype=np.float32) / 255) is None
    assert is_light_on_dark(image) is False
    assert is_light_on_dark(ImageOps.invert(image)) is True


def test_paper_is_told_from_scenes():
    page = lit(ring())
    assert is_drawing(ring())
    assert is_drawing(page)
    assert is_drawing(ImageOps.invert(page))
    assert not is_drawing(scene())


@pytest.mark.parametrize(
    ("colour", "ground"), [((0, 0, 0), "white"), ((255, 255, 255), "black"), ((255, 240, 0), "black")]
)
def test_strokes_on_transparency_get_a_ground_of_contrast(colour, ground):
    alpha = ImageOps.invert(ring().convert("L"))
    strokes = Image.new("RGB", alpha.size, colour)
    strokes.putalpha(alpha)
    flat, notes = on_ground(strokes)
    assert flat.mode == "RGB"
    assert dict(notes[0].params) == {"ground": ground}
    assert flat.getpixel((0, 0)) == ((255,) * 3 if ground == "white" else (0,) * 3)


def test_a_cut_out_sheet_gets_white_and_a_cut_out_board_black():
    for paper, ink, ground in (((250, 250, 250), (0, 0, 0), 255), ((20, 30, 25), (240, 240, 240), 0)):
        cut = Image.new("RGBA", (240, 240))
        cut.paste(ring(paper, ink).crop((30, 30, 210, 210)), (30, 30))
        assert on_ground(cut)[0].getpixel((2, 2)) == (ground,) * 3


def test_opaque_pictures_pass_untouched():
    image = ring()
    assert on_ground(image) == (image, [])
    assert on_ground(image.convert("RGBA"))[1] == []


def test_strength_is_distance_from_the_ground_whatever_the_colour():
    for ink in ((0, 0, 0), (255, 240, 0), (220, 40, 120)):
        measured, notes = measure_ink(ring(ink=ink, size=(DETECT, DETECT)))
        assert notes == []
        assert measured.strength[0, 0] == 0
        assert measured.strength.max() == pytest.approx(1 - min(ink) / 255, abs=0.01)


def test_light_leaves_no_trace_in_the_strength():
    image = lit(Image.new("RGB", (400, 400), (240, 235, 225)))
    measured, notes = measure_ink(image)
    assert [n.code for n in notes] == ["shadows_removed"]
    assert measured.photographed
    assert not measured.mask().any()


def test_dark_and_coloured_areas_of_a_photo_count_as_ink():
    for fill in ((20, 20, 25), (200, 60, 50)):
        image = Image.new("RGB", (400, 400), (240, 235, 225))
        ImageDraw.Draw(image).rectangle((130, 130, 250, 250), fill=fill)
        mask = measure_ink(lit(image))[0].mask()
        assert mask[200:300, 180:300].mean() > 0.95


def test_noise_floor_rises_with_the_noise_and_never_falls_below_the_faintest():
    noise = np.abs(np.random.default_rng(0).normal(0, 1, (200, 200))).astype(np.float32)
    assert noise_floor(0.001 * noise) == pytest.approx(0.07)
    assert noise_floor(0.05 * noise) > (0.05 * noise).mean() * 3


def test_the_canvas_keeps_the_aspect():
    assert detection_size((4000, 3000)) == (512, 384)
    assert detection_size((64, 128)) == (256, 512)
    assert measure_picture(ring(size=(480, 240))).pixels.shape == (256, 512, 3)
