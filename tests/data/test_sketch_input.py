import io
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw, ImageFilter, ImageOps
from scipy import ndimage

from palitra.data.datasets import data_root, read_rows
from palitra.data.notes import NOTE_CODES
from palitra.data.sketch_input import WORKING, Sketch, normalise_sketch
from palitra.data.strokes import distance_to
from palitra.errors import ImageError, InputError

SKETCHES = Path(__file__).parents[2] / "examples" / "sketches"
PAPER, INK = (244, 240, 230), (40, 45, 80)


@cache
def sketch(name="giraffe"):
    with Image.open(SKETCHES / f"{name}.png") as file:
        return file.convert("L")


@cache
def canonical(name="giraffe"):
    return normalise_sketch(sketch(name))


def codes(result: Sketch):
    return [n.code for n in result.notes]


def agreement(one, other, tolerance=2.0):
    """F1 of two sets of centre lines within a tolerance in pixels of the working size."""
    precision = (distance_to(other.centre)[one.centre] <= tolerance).mean()
    recall = (distance_to(one.centre)[other.centre] <= tolerance).mean()
    return float(2 * precision * recall / (precision + recall))


# --- identities -----------------------------------------------------------------------------------


def test_the_result_is_thin_black_lines_on_white():
    result = canonical()
    assert result.picture.mode == "L"
    assert result.picture.size == (64, 64)
    assert result.lines.shape == result.centre.shape == (WORKING, WORKING)
    assert result.lines.dtype == result.centre.dtype == bool
    assert not (result.centre & ~result.lines).any()
    pixels = np.asarray(result.picture)
    assert np.median(pixels) == 255
    assert pixels.min() < 20


@pytest.mark.parametrize("name", ["giraffe", "house", "face"])
def test_inverted_input_gives_the_same_map(name):
    result = normalise_sketch(ImageOps.invert(sketch(name)))
    assert np.array_equal(result.lines, canonical(name).lines)
    assert result.picture.tobytes() == canonical(name).picture.tobytes()
    assert codes(result)[0] == "polarity_inverted"
    assert "polarity_inverted" not in codes(canonical(name))


@pytest.mark.parametrize("mode", ["1", "RGB", "P", "RGBA", "LA"])
def test_every_mode_gives_the_same_map(mode):
    result = normalise_sketch(sketch().convert(mode))
    assert agreement(result, canonical(), 0.1 if mode != "1" else 1.5) > 0.999


@pytest.mark.parametrize("level", [0, 255])
def test_ink_in_the_alpha_channel_equals_the_flattened_drawing(level):
    alpha = ImageOps.invert(sketch())
    strokes = Image.merge("LA", (Image.new("L", alpha.size, level), alpha)).convert("RGBA")
    result = normalise_sketch(strokes)
    assert agreement(result, canonical(), 0.1) == 1
    assert codes(result)[0] == "transparency_flattened"
    assert ("polarity_inverted" in codes(result)) == (level == 255)


def test_normalising_twice_changes_little():
    once = normalise_sketch(sketch(), 256, 4.0)
    twice = normalise_sketch(once.picture, 256, 4.0)
    assert agreement(once, twice) > 0.98
    assert "lines_thinned" not in codes(twice)
    small = normalise_sketch(canonical("horse").picture)
    assert agreement(small, canonical("horse")) > 0.95


@pytest.mark.parametrize("growth", [0, 3, 7, 13])
def test_every_pen_gives_the_training_width(growth):
    drawn = sketch("horse") if growth == 0 else sketch("horse").filter(ImageFilter.MinFilter(growth))
    result = normalise_sketch(drawn)
    assert agreement(result, canonical("horse")) > (0.95 if growth < 13 else 0.85)  # there close lines merge
    width = result.lines.sum() / result.centre.sum()
    assert width == pytest.approx(1.25 * WORKING / 64, rel=0.2)
    assert ("lines_thickened" in codes(result)) == (growth == 0)
    assert ("lines_thinned" in codes(result)) == (growth == 13)


@pytest.mark.parametrize(("size", "line_width"), [(64, 1.0), (128, 2.0), (512, 3.5), (1024, 6.0)])
def test_the_asked_width_is_drawn_at_the_asked_size(size, line_width):
    y, x = np.indices((400, 400))
    ring = np.abs(np.hypot(y - 200, x - 200) - 140) < 3
    picture = normalise_sketch(Image.fromarray(~ring), size, line_width).picture
    area = (255.0 - np.asarray(picture, dtype=np.float64)).sum() / 255
    assert area / (2 * np.pi * 140 * size / 400) == pytest.approx(line_width, rel=0.12)


def test_lines_lie_where_they_were_drawn():
    y, x = np.indices((512, 512))
    ring = np.abs(np.hypot(y - 256, x - 256) - 180) < 4
    centre = np.argwhere(normalise_sketch(Image.fromarray(~ring)).centre)
    radii = np.hypot(*(centre - 127.5).T)
    assert np.abs(radii - 90).max() < 1.5


# --- pages ----------------------------------------------------------------------------------------


@cache
def page(name="giraffe", kind="plain", strength=1.0, size=(600, 800)):
    """A drawing on a sheet of paper, as floats (H, W, 3)."""
    paper = Image.new("RGB", size, PAPER)
    pen = ImageDraw.Draw(paper)
    if kind == "ruled":
        for y in range(60, size[1], 25):
            pen.line((0, y, size[0], y), fill=(170, 190, 225), width=2)
        pen.line((73, 0, 73, size[1]), fill=(225, 150, 150), width=2)
    if kind == "squared":
        for y in range(7, size[1], 19):
            pen.line((0, y, size[0], y), fill=(185, 200, 215), width=1)
        for x in range(9, size[0], 19):
            pen.line((x, 0, x, size[1]), fill=(185, 200, 215), width=1)
    art = Image.new("L", size, 255)
    art.paste(sketch(name).resize((480, 480), Image.Resampling.BICUBIC), (60, 160))
    cover = strength * (1 - np.asarray(art, dtype=float)[..., None] / 255)
    return np.asarray(paper, dtype=float) / 255 * (1 - cover + cover * np.array(INK) / 255)


def photo(pixels, shadow=True, noise=0.015):
    """The page under slanted light with the hard shadow of a hand, sensor noise and JPEG."""
    height, width, _ = pixels.shape
    y, x = np.indices((height, width))
    if shadow:
        light = 0.95 - 0.4 * x / width * (0.5 + 0.5 * y / height)
        hand = Image.new("L", (width, height), 255)
        corners = [(0, height), (0.55 * width, height), (0.3 * width, 0.45 * height), (0, 0.6 * height)]
        ImageDraw.Draw(hand).polygon(corners, fill=150)
        hand = np.asarray(hand.filter(ImageFilter.GaussianBlur(7)), dtype=float) / 255
        pixels = pixels * (light * hand)[..., None]
    pixels = pixels + np.random.default_rng(0).normal(0, noise, pixels.shape)
    stream = io.BytesIO()
    Image.fromarray((pixels.clip(0, 1) * 255).astype(np.uint8)).save(stream, "JPEG", quality=75)
    return Image.open(stream)


@cache
def cleanly(name="giraffe"):
    return normalise_sketch(Image.fromarray((page(name) * 255).astype(np.uint8)))


@pytest.mark.parametrize("kind", ["plain", "ruled", "squared"])
def test_a_photographed_page_gives_the_lines_of_the_clean_page(kind):
    result = normalise_sketch(photo(page(kind=kind)))
    assert agreement(result, cleanly()) > 0.97
    assert "shadows_removed" in codes(result)
    assert ("ruled_paper_removed" in codes(result)) == (kind != "plain")
    assert "padded_to_square" in codes(result)


def test_faint_pencil_on_squared_paper_survives():
    result = normalise_sketch(photo(page(kind="squared", strength=0.35)))
    assert agreement(result, cleanly()) > 0.85


def test_a_drawn_house_on_ruled_paper_keeps_its_walls():
    result = normalise_sketch(photo(page("house", "ruled"), shadow=False))
    assert agreement(result, cleanly("house")) > 0.9
    plain = normalise_sketch(photo(page("house"), shadow=False))
    assert agreement(plain, cleanly("house")) > 0.97
    assert "ruled_paper_removed" not in codes(plain)


def test_a_sheet_on_a_table_is_found():
    sheet = Image.fromarray((page(kind="ruled") * 255).astype(np.uint8))
    table = Image.new("RGB", (780, 1000), (92, 66, 46))
    table.paste(sheet, (90, 100))
    result = normalise_sketch(photo(np.asarray(table.rotate(-4), dtype=float) / 255), margin=0.1)
    assert {"paper_cut_out", "ruled_paper_removed", "cropped_to_content"} <= set(codes(result))
    turned = Image.fromarray((page() * 255).astype(np.uint8)).rotate(
        -4, Image.Resampling.BICUBIC, fillcolor=PAPER
    )
    assert agreement(result, normalise_sketch(turned, margin=0.1), 4) > 0.9


def test_a_photographed_sheet_is_cropped_to_its_drawing_without_being_asked():
    """A small drawing in a corner of the paper fills the square; a canvas keeps its empty margins."""
    ink = (page(kind="plain") * 255).astype(np.uint8)
    sheet = Image.new("RGB", (620, 830), (240, 238, 230))
    sheet.paste(Image.fromarray(ink).resize((ink.shape[1] // 2, ink.shape[0] // 2)), (20, 20))
    table = Image.new("RGB", (800, 1020), (92, 66, 46))
    table.paste(sheet, (90, 95))
    result = normalise_sketch(table)
    assert {"paper_cut_out", "cropped_to_content"} <= set(codes(result))
    rows, columns = np.flatnonzero(result.lines.any(1)), np.flatnonzero(result.lines.any(0))
    longest = max(rows[-1] - rows[0], columns[-1] - columns[0])
    assert longest == pytest.approx((1 - 2 * 0.06) * 256, abs=6)
    assert "cropped_to_content" not in codes(normalise_sketch(sheet))


def test_specks_are_removed():
    dirty = np.array(sketch())
    rng = np.random.default_rng(0)
    for y, x in rng.integers(0, 508, (60, 2)):
        dirty[y : y + 3, x : x + 3] = 60
    result = normalise_sketch(Image.fromarray(dirty))
    assert agreement(result, canonical()) > 0.97
    assert "specks_removed" in codes(result)


# --- colour ---------------------------------------------------------------------------------------


def coloured(ground, outlined, name="giraffe"):
    """The sketch with its enclosed areas filled, with or without its outlines."""
    ink = np.asarray(sketch(name)) < 128
    labels, count = ndimage.label(~ink)
    fills = np.array([(250, 205, 90), (165, 90, 40), (240, 190, 80)])
    palette = np.zeros((count + 1, 3), dtype=np.uint8)
    palette[1:] = fills[np.arange(count) % 3]
    palette[labels[0, 0]] = ground
    nearest = ndimage.distance_transform_edt(ink, return_distances=False, return_indices=True)
    pixels = palette[labels[tuple(nearest)]]
    if outlined:
        pixels[ink] = (25, 20, 20)
    return Image.fromarray(pixels)


@pytest.mark.parametrize("ground", [(255, 255, 255), (120, 190, 240)])
def test_a_filled_drawing_gives_its_outlines(ground):
    result = normalise_sketch(coloured(ground, outlined=True))
    assert agreement(result, canonical()) > 0.93
    assert "colour_lines_used" in codes(result)


def test_areas_without_outlines_give_their_borders():
    result = normalise_sketch(coloured((255, 255, 255), outlined=False, name="elephant"))
    border = distance_to(canonical("elephant").centre)[result.centre]
    assert (border <= 4).mean() > 0.95
    assert "colour_lines_used" in codes(result)


def test_coloured_pens_count_like_black():
    cover = 1 - np.asarray(sketch(), dtype=float)[..., None] / 255
    pens = np.zeros((512, 512, 3))
    pens[:256], pens[256:] = (250, 220, 0), (220, 40, 120)
    result = normalise_sketch(Image.fromarray((255 * (1 - cover) + pens * cover).astype(np.uint8)))
    assert agreement(result, canonical()) > 0.98
    assert "colour_lines_used" not in codes(result)


def test_an_edge_detector_can_be_handed_in():
    seen = []

    def edges(picture):
        seen.append(picture)
        found = torch.zeros(1, 1, *picture.shape[-2:])
        found[..., 100:300, 256] = 1
        return found

    rng = np.random.default_rng(0)
    noise = ndimage.gaussian_filter(rng.random((200, 200, 3)), (9, 9, 0))
    scene = Image.fromarray((255 * (noise - noise.min()) / np.ptp(noise)).astype(np.uint8))
    result = normalise_sketch(scene, edges=edges)
    assert seen[0].shape == (1, 3, 512, 512)
    assert seen[0].min() >= 0
    assert seen[0].max() <= 1
    rows, columns = np.nonzero(result.centre)
    assert set(columns) <= {127, 128}
    assert rows.min() == pytest.approx(50, abs=2)
    assert rows.max() == pytest.approx(149, abs=2)
    assert "picture_lines_used" in codes(result)


# --- format ---------------------------------------------------------------------------------------


def test_a_wide_page_is_padded_with_white_and_keeps_its_aspect():
    wide = Image.new("L", (1024, 512), 255)
    wide.paste(sketch(), (256, 0))
    result = normalise_sketch(wide)
    assert not result.lines[: WORKING // 4].any()
    assert not result.lines[-WORKING // 4 :].any()
    assert "padded_to_square" in codes(result)
    rows, columns = np.nonzero(result.centre)
    reference = np.nonzero(canonical().centre)
    assert np.ptp(rows) == pytest.approx(np.ptp(reference[0]) / 2, abs=2)
    assert np.ptp(columns) == pytest.approx(np.ptp(reference[1]) / 2, abs=2)


@pytest.mark.parametrize("margin", [0.0, 0.1])
def test_a_margin_crops_to_the_drawing(margin):
    corner = Image.new("L", (2000, 1500), 255)
    corner.paste(sketch(), (1400, 900))
    result = normalise_sketch(corner, margin=margin)
    rows, columns = np.nonzero(result.centre)
    assert max(np.ptp(rows), np.ptp(columns)) == pytest.approx((1 - 2 * margin) * WORKING, abs=3)
    assert rows.min() + rows.max() == pytest.approx(WORKING - 1, abs=3)
    assert agreement(result, normalise_sketch(sketch(), margin=margin)) > 0.97
    assert "cropped_to_content" in codes(result)


def test_notes_are_known_and_speak_both_languages():
    result = normalise_sketch(photo(page(kind="ruled")), margin=0.1)
    assert set(codes(result)) <= set(NOTE_CODES)
    assert len(set(codes(result))) == len(codes(result))
    for n in result.notes:
        assert "{" not in n.text("en") + n.text("ru")


# --- bad input ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "blank",
    [
        Image.new("L", (256, 256), 255),
        Image.new("L", (256, 256), 0),
        Image.new("RGBA", (256, 256), (0, 0, 0, 0)),
        Image.new("RGB", (300, 200), (120, 190, 240)),
    ],
)
def test_a_blank_page_is_refused(blank):
    with pytest.raises(ImageError, match=r"`face` holds no lines: .* got a blank page"):
        normalise_sketch(blank, name="face")


def test_a_photographed_blank_page_is_refused():
    bare = np.ones((600, 450, 3)) * np.array(PAPER) / 255
    with pytest.raises(ImageError, match="blank page"):
        normalise_sketch(photo(bare))


def test_a_scribbled_over_page_is_refused():
    tangle = Image.new("L", (512, 512), 255)
    pen = ImageDraw.Draw(tangle)
    for k in range(0, 1024, 26):
        pen.line((k, 0, 0, k), fill=0, width=3)
        pen.line((512 - k, 0, 512, k), fill=0, width=3)
    with pytest.raises(ImageError, match=r"at most 50% ink, got a page \d+% full"):
        normalise_sketch(tangle)


def test_bounds_are_named():
    with pytest.raises(ImageError, match="at most 10 times as long as wide, got 1200x100"):
        normalise_sketch(Image.new("L", (1200, 100), 255))
    with pytest.raises(InputError, match=r"`size` must be in \[16, 2048\], got 8"):
        normalise_sketch(sketch(), 8)
    with pytest.raises(InputError, match=r"`line_width` must be in \[0.5, 8\], got 9"):
        normalise_sketch(sketch(), 64, 9)
    with pytest.raises(InputError, match=r"`margin` must be in \[0, 0.4\], got 0.5"):
        normalise_sketch(sketch(), margin=0.5)


# --- human sketches -------------------------------------------------------------------------------


@pytest.mark.slow
def test_human_sketches_become_thin_connected_lines():
    path = data_root() / "pacs" / "test.parquet"
    if not path.is_file():
        pytest.skip(f"no image sets at {data_root()}: set PALITRA_DATA")
    rows = [r for r in read_rows(path, ["image", "domain"]) if r["domain"] == "sketch"][::16]
    assert len(rows) >= 16
    recalls = []
    for row in rows:
        image = Image.open(io.BytesIO(row["image"]["bytes"])).convert("L")
        result = normalise_sketch(image)
        assert 0.01 < result.lines.mean() < 0.4
        assert set(codes(result)) <= {
            "lines_thickened",
            "lines_thinned",
            "specks_removed",
            "colour_lines_used",
        }
        grey = np.asarray(image.resize((WORKING, WORKING), Image.Resampling.BICUBIC))
        recalls.append((distance_to(result.centre)[grey < 128] <= 3).mean())
        assert (distance_to(grey < 225)[result.centre] <= 3).mean() > 0.97  # nothing is made up
    assert min(recalls) > 0.85  # hatching becomes fewer lines, nothing else is lost
    assert np.mean(recalls) > 0.97
