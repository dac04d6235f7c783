import numpy as np
import pytest
from scipy import ndimage

from palitra.data.strokes import (
    bridge,
    distance_to,
    dots,
    draw,
    hysteresis,
    prune,
    skeleton,
    stroke_width,
    without_specks,
)

EIGHT = np.ones((3, 3), dtype=bool)


def blobs(seed, shape=(40, 50)):
    rng = np.random.default_rng(seed)
    return ndimage.gaussian_filter(rng.normal(size=shape), 2) > 0.05


def parts(mask):
    return ndimage.label(mask, EIGHT)[1]


def slow_skeleton(ink):
    """Zhang and Suen 1984 word for word: loops over pixels, two sub-iterations."""
    image = np.pad(ink, 1).astype(int)
    while True:
        removed = 0
        for step in (0, 1):
            gone = []
            for y, x in np.argwhere(image):
                p2, p3, p4 = image[y - 1, x], image[y - 1, x + 1], image[y, x + 1]
                p5, p6, p7 = image[y + 1, x + 1], image[y + 1, x], image[y + 1, x - 1]
                p8, p9 = image[y, x - 1], image[y - 1, x - 1]
                ring = [p2, p3, p4, p5, p6, p7, p8, p9]
                turns = sum(a == 0 and b == 1 for a, b in zip(ring, [*ring[1:], p2], strict=True))
                first, second = (p2 * p4 * p6, p4 * p6 * p8) if step == 0 else (p2 * p4 * p8, p2 * p6 * p8)
                if 2 <= sum(ring) <= 6 and turns == 1 and first == 0 and second == 0:
                    gone.append((y, x))
            for y, x in gone:
                image[y, x] = 0
            removed += len(gone)
        if not removed:
            return image[1:-1, 1:-1].astype(bool)


@pytest.mark.parametrize("seed", range(3))
def test_skeleton_equals_the_paper_word_for_word(seed):
    ink = blobs(seed)
    by_the_paper = slow_skeleton(ink)
    labels = ndimage.label(ink, EIGHT)[0]
    whole = np.isin(labels, labels[by_the_paper])  # parts that the paper's rules do not wear away
    assert np.array_equal(skeleton(ink) & whole, by_the_paper)


def test_a_small_square_keeps_one_pixel():
    ink = np.zeros((8, 8), dtype=bool)
    ink[3:5, 3:5] = True
    assert slow_skeleton(ink).sum() == 0
    assert skeleton(ink).sum() == 1
    assert (skeleton(ink) & ink).sum() == 1


def test_skeleton_is_idempotent_and_keeps_the_parts():
    ink = ndimage.binary_opening(blobs(7, (120, 120)), EIGHT)
    centre = skeleton(ink)
    assert np.array_equal(skeleton(centre), centre)
    assert parts(centre) == parts(ink)
    assert not (centre & ~ink).any()


def test_hysteresis_keeps_weak_pixels_only_beside_strong_ones():
    row = np.array([[0, 0.4, 0.4, 0.9, 0.4, 0, 0.4, 0.4, 0]], dtype=np.float32)
    assert hysteresis(row, 0.3, 0.8).tolist() == [[False, True, True, True, True, False, False, False, False]]


def test_a_bar_has_its_width():
    ink = np.zeros((40, 200), dtype=bool)
    ink[15:22, 10:190] = True
    assert stroke_width(ink, skeleton(ink)) == pytest.approx(7, rel=0.05)


@pytest.mark.parametrize("width", [1.0, 2.5, 5.0, 9.0])
def test_drawn_lines_have_the_asked_width(width):
    centre = np.zeros((64, 64), dtype=bool)
    centre[32] = True
    assert draw(distance_to(centre), width)[:, 32].sum() == pytest.approx(width, abs=0.15)


def test_prune_cuts_the_spur_and_keeps_line_ends_and_short_strokes():
    centre = np.zeros((40, 60), dtype=bool)
    centre[20, 5:55] = True
    spurred = centre.copy()
    spurred[17:20, 30] = True
    assert (prune(spurred, 5) ^ centre).sum() <= 1  # the spur's foot may stay
    assert np.array_equal(prune(centre, 5), centre)
    centre[5, 5:9] = True  # shorter than the pruning, but a stroke of its own
    assert np.array_equal(prune(centre, 5), centre)


def test_bridge_closes_gaps_between_parts_and_in_one_outline():
    line = np.zeros((80, 100), dtype=bool)
    line[40, 5:95] = True
    line[40, 50:56] = False
    closed = bridge(line, 10)
    assert parts(closed) == 1
    assert closed.sum() == line.sum() + 6
    assert np.array_equal(bridge(line, 4), line)
    ring = np.zeros((80, 100), dtype=bool)
    ring[10:70, 10] = ring[10:70, 90] = ring[10, 10:90] = ring[70, 10:91] = True
    ring[70, 40:48] = False
    assert ndimage.binary_fill_holes(bridge(ring, 10)).sum() > 4000


def test_specks_go_and_strokes_and_dark_dots_stay():
    ink = np.zeros((100, 100), dtype=bool)
    ink[50, 10:90] = True
    ink[49, 10:90] = True
    dirt, pale, dot = (slice(5, 7),) * 2, (slice(20, 28),) * 2, (slice(70, 78),) * 2
    strength = ink.astype(np.float32)
    for place, level in ((dirt, 1.0), (pale, 0.3), (dot, 0.9)):
        ink[place], strength[place] = True, level
    clean, count = without_specks(ink, strength, 10)
    assert count == 2
    assert not clean[dirt].any()
    assert not clean[pale].any()
    assert clean[dot].all()
    assert clean[49:51, 10:90].all()


def test_dots_keep_their_size_and_lines_have_none():
    y, x = np.indices((60, 60))
    ink = np.hypot(y - 20, x - 20) <= 8
    ink[45:49, 5:55] = True
    inside = ndimage.distance_transform_edt(ink).astype(np.float32)
    core = dots(ink, inside, 6)
    assert not core[40:].any()
    redrawn = draw(distance_to(core), 6)[:40]
    assert redrawn.sum() == pytest.approx(ink[:40].sum(), rel=0.15)
    assert dots(ink, inside, 40)[:40].any()  # smaller than the lines: still there
    assert not dots(np.zeros_like(ink), inside, 6).any()
