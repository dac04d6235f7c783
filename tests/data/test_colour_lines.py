import numpy as np
import pytest
from scipy import ndimage

from palitra.data.colour_lines import area_lines, filled_areas, gradient_lines
from palitra.data.ink import Ink
from palitra.data.strokes import distance_to

Y, X = np.indices((512, 512))
RADIUS = np.hypot(Y - 256, X - 256)


def page(pixels):
    pixels = pixels.astype(np.float32)
    strength = np.abs(1 - pixels).max(-1)
    return Ink(strength, 0.07, pixels, photographed=False)


def disk(fill, outline=None, ground=(1.0, 1.0, 1.0), radius=150):
    pixels = np.empty((512, 512, 3))
    pixels[:] = ground
    pixels[radius >= RADIUS] = fill
    if outline is not None:
        pixels[np.abs(RADIUS - radius) < 4] = outline
    return pixels


@pytest.mark.parametrize("fill", [(0.0, 0.0, 0.0), (1.0, 0.85, 0.2), (0.6, 0.6, 0.6)])
def test_borders_of_colours_lie_on_the_border(fill):
    found = gradient_lines(disk(fill).astype(np.float32))
    assert found.any()
    assert np.abs(RADIUS[found] - 150).max() < 2
    assert (distance_to(found)[np.abs(RADIUS - 150) < 0.5] < 2).all()  # and go all the way round


def test_a_border_between_colours_of_one_brightness_is_found():
    red, green = (0.8, 0.2, 0.2), (0.2, 0.505, 0.2)  # luma 0.379 both
    assert gradient_lines(disk(red, ground=green).astype(np.float32)).any()


def test_slow_shading_gives_no_lines():
    shading = np.repeat((X / 512)[..., None], 3, axis=-1).astype(np.float32)
    assert not gradient_lines(shading).any()


def test_the_density_bound_keeps_the_strongest_borders():
    texture = ndimage.gaussian_filter(np.random.default_rng(0).normal(size=(512, 512)), 4)
    pixels = (disk((0.0, 0.0, 0.0)) * 0.5 + 0.06 * (texture / texture.std())[..., None]).astype(np.float32)
    everything, bounded = gradient_lines(pixels), gradient_lines(pixels, densest=0.003)
    assert bounded.sum() < everything.sum()
    assert (np.abs(RADIUS[bounded] - 150) < 4).mean() > 0.95 > (np.abs(RADIUS[everything] - 150) < 4).mean()


def test_an_outlined_fill_gives_one_line_not_two():
    ink = page(disk((1.0, 0.8, 0.3), outline=(0.1, 0.1, 0.1)))
    lines = area_lines(ink, ink.mask(), 10)
    assert np.abs(RADIUS[lines] - 150).max() < 3
    assert lines.sum() < 1.2 * 8 * 150  # a digital circle has 8 r / sqrt 2 to 8 r pixels


def test_handed_in_edges_replace_the_gradient():
    ink = page(disk((1.0, 0.8, 0.3)))
    edges = np.zeros((512, 512), dtype=bool)
    edges[256, 150:350] = True
    assert np.array_equal(area_lines(ink, ink.mask(), 10, edges), edges)


def test_fills_are_told_from_strokes():
    strokes = np.abs(RADIUS - 200) < 4
    spot = RADIUS < 60
    assert not filled_areas(strokes, 4).any()
    assert (filled_areas(strokes | spot, 4) ^ spot).sum() < 0.01 * spot.sum()
    assert not filled_areas(np.abs(RADIUS - 150) < 10, 10).any()  # a felt pen
