import contextlib
import io
import struct
import subprocess
import sys
import warnings
import zlib

import numpy as np
import pytest
import torch
from PIL import Image, ImageCms, PngImagePlugin

from palitra.data.images import flatten, open_image, to_image, to_tensor
from palitra.errors import ImageError, InputError, PalitraError


def encoded(image, format, **options):
    stream = io.BytesIO()
    image.save(stream, format, **options)
    return stream.getvalue()


def picture(width=40, height=24):
    rng = np.random.default_rng(0)
    return Image.fromarray(rng.integers(0, 256, (height, width, 3), dtype=np.uint8))


def png_header(width, height, bits=8, colour=2):
    """A PNG whose header claims a size and whose pixels are one short zlib stream."""

    def chunk(kind, body):
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    head = struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", head)
        + chunk(b"IDAT", zlib.compress(b"\0" * 9))
        + chunk(b"IEND", b"")
    )


def codes(opened):
    return [n.code for n in opened.notes]


# --- identities -----------------------------------------------------------------------------------


@pytest.mark.parametrize("format", ["PNG", "BMP", "TIFF"])
def test_lossless_formats_give_the_same_pixels_and_no_note(format):
    opened = open_image(encoded(picture(), format))
    assert opened.image.mode == "RGB"
    assert opened.image.tobytes() == picture().tobytes()
    assert opened.notes == ()


@pytest.mark.parametrize("format", ["JPEG", "WEBP", "GIF"])
def test_lossy_formats_open_with_their_size(format):
    opened = open_image(encoded(picture(), format))
    assert (opened.image.mode, opened.image.size, opened.notes) == ("RGB", (40, 24), ())


def test_path_text_bytes_and_stream_are_one(tmp_path):
    path = tmp_path / "odd.suffix"
    path.write_bytes(encoded(picture(), "PNG"))
    pixels = {
        open_image(s).image.tobytes()
        for s in (path, str(path), path.read_bytes(), io.BytesIO(path.read_bytes()))
    }
    assert len(pixels) == 1


def test_tensor_and_image_are_inverse_to_each_other():
    image = picture()
    x = to_tensor(image)
    assert x.shape == (1, 3, 24, 40)
    assert x.dtype == torch.float32
    assert x.min() >= 0
    assert x.max() <= 1
    assert to_image(x).tobytes() == image.tobytes()
    assert to_image(x[0] * 3 - 1).size == image.size  # clamped, not wrapped


def test_metadata_is_dropped():
    info = PngImagePlugin.PngInfo()
    info.add_text("comment", "secret")
    exif = Image.Exif()
    exif[0x8825] = {1: "N", 2: (55.0, 45.0, 0.0)}
    image = open_image(encoded(picture(), "PNG", pnginfo=info, exif=exif)).image
    assert image.info == {}
    assert len(image.getexif()) == 0
    assert b"secret" not in encoded(image, "PNG")


# --- every kind of pixel --------------------------------------------------------------------------


@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_is_applied(orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    opened = open_image(encoded(picture(), "PNG", exif=exif))
    expected = picture() if orientation == 1 else picture().transpose(_TURNS[orientation])
    assert opened.image.tobytes() == expected.tobytes()
    assert codes(opened) == ([] if orientation == 1 else ["orientation_applied"])


_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


@pytest.mark.parametrize("format", ["PNG", "TIFF"])
def test_sixteen_bits_are_scaled_not_clipped(format):
    ramp = np.linspace(0, 65535, 32 * 32).round().astype(np.uint16).reshape(32, 32)
    opened = open_image(encoded(Image.fromarray(ramp), format))
    assert codes(opened) == ["deep_colour_reduced"]
    expected = (ramp / 257).round().astype(np.uint8)
    assert np.array_equal(np.asarray(opened.image)[..., 0], expected)


def test_float_pixels_are_scaled():
    ramp = np.linspace(0, 1, 32 * 32, dtype=np.float32).reshape(32, 32)
    opened = open_image(encoded(Image.fromarray(ramp), "TIFF"))
    assert np.array_equal(np.asarray(opened.image)[..., 0], (ramp * 255).round().astype(np.uint8))
    with pytest.raises(ImageError, match="finite"):
        open_image(encoded(Image.fromarray(ramp * np.float32("nan")), "TIFF"))


def test_cmyk_becomes_rgb():
    solid = Image.new("CMYK", (32, 32), (0, 255, 255, 0))
    opened = open_image(encoded(solid, "TIFF"))
    assert opened.image.getpixel((0, 0)) == (255, 0, 0)
    assert codes(opened) == ["cmyk_converted"]
    jpeg = open_image(encoded(solid, "JPEG", quality=95)).image.getpixel((5, 5))
    assert np.allclose(jpeg, (255, 0, 0), atol=3)  # JPEG rounding


@pytest.mark.parametrize("mode", ["1", "L", "P"])
def test_grey_and_palette_become_rgb(mode):
    image = picture().convert(mode)
    opened = open_image(encoded(image, "PNG"))
    assert opened.image.tobytes() == image.convert("RGB").tobytes()


def test_transparency_is_kept_in_every_form():
    alpha = Image.fromarray(np.arange(24 * 40, dtype=np.uint32).reshape(24, 40).astype(np.uint8))
    colour = picture()
    colour.putalpha(alpha)
    assert open_image(encoded(colour, "PNG")).image.tobytes() == colour.tobytes()
    grey = picture().convert("L")
    grey.putalpha(alpha)
    assert open_image(encoded(grey, "PNG")).image.tobytes() == grey.convert("RGBA").tobytes()
    palette = picture().convert("P")
    keyed = open_image(encoded(palette, "PNG", transparency=palette.getpixel((0, 0)))).image
    assert keyed.mode == "RGBA"
    assert keyed.getpixel((0, 0))[3] == 0
    opaque = picture()
    opaque.putalpha(255)
    assert open_image(encoded(opaque, "PNG")).image.mode == "RGB"


def test_transparent_parts_become_white_in_tensors():
    image = Image.new("RGBA", (16, 16), (10, 20, 30, 0))
    assert to_tensor(image).eq(1).all()
    assert flatten(image, (0, 0, 0)).getpixel((3, 3)) == (0, 0, 0)


@pytest.mark.parametrize("format", ["GIF", "PNG", "WEBP", "TIFF"])
def test_animation_gives_its_first_frame_with_a_note(format):
    frames = [Image.new("RGB", (32, 32), c) for c in ((255, 0, 0), (0, 255, 0), (0, 0, 255))]
    options = {"lossless": True} if format == "WEBP" else {}
    opened = open_image(encoded(frames[0], format, save_all=True, append_images=frames[1:], **options))
    assert codes(opened) == ["first_frame_used"]
    assert opened.image.convert("RGB").getpixel((3, 3)) == (255, 0, 0)


def test_colour_profile_is_applied_and_a_damaged_one_ignored():
    lab_free = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    same = open_image(encoded(picture(), "PNG", icc_profile=lab_free))
    assert same.image.tobytes() == picture().tobytes()
    damaged = open_image(encoded(picture(), "PNG", icc_profile=b"not a profile"))
    assert codes(damaged) == ["colour_profile_ignored"]
    assert damaged.image.tobytes() == picture().tobytes()
    # the same curves under another name must go through the transform
    renamed = lab_free.replace("sRGB".encode("utf-16-be"), "mine".encode("utf-16-be")).replace(
        b"sRGB b", b"mine b"
    )
    applied = open_image(encoded(picture(), "PNG", icc_profile=renamed))
    assert codes(applied) == ["colour_profile_applied"]
    assert (
        np.abs(np.asarray(applied.image, int) - np.asarray(picture(), int)).max() <= 1
    )  # rounding of the transform


# --- bad input ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "an empty file"),
        (b"hello world, this is no picture", "a text file"),
        (b"%PDF-1.7 ...", "a PDF document"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "an SVG drawing"),
        (b"\0\0\0\x18ftypheic", "a HEIC or AVIF picture"),
        (b"\x80\x02}q\x00.", "pickled"),
        (bytes(range(128, 255)), "a file of another kind"),
        (b"%!PS-Adobe-3.0 EPSF-3.0", "a text file"),
    ],
)
def test_other_files_are_named(data, words):
    with pytest.raises(ImageError, match=words) as caught:
        open_image(data, name="sketch")
    assert str(caught.value).startswith(
        "`sketch` must be a picture (PNG, JPEG, WebP, BMP, GIF or TIFF), got "
    )
    assert caught.value.exit_code == 2


@pytest.mark.parametrize("format", ["PNG", "JPEG", "WEBP", "BMP", "GIF", "TIFF"])
def test_truncated_files_are_refused_at_every_length(format):
    data = encoded(picture(), format)
    for length in sorted({*range(1, 40), *range(40, len(data) - len(data) // 8, max(1, len(data) // 40))}):
        with pytest.raises(ImageError) as caught:
            open_image(data[:length])
        assert str(caught.value).startswith("`image` must be")
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize("format", ["PNG", "JPEG", "WEBP", "BMP", "GIF", "TIFF"])
def test_flipped_bytes_never_raise_anything_else(format):
    data = encoded(picture(), format)
    rng = np.random.default_rng(1)
    for _ in range(150):
        broken = bytearray(data)
        for place in rng.integers(0, min(len(data), 300), 4):
            broken[place] = rng.integers(0, 256)
        with contextlib.suppress(ImageError):
            open_image(bytes(broken), max_side=512)


def test_bombs_are_refused_before_decoding():
    with pytest.raises(ImageError, match=r"at most 64 million pixels, got 8192x8192 \(67.1 million\)"):
        open_image(png_header(8192, 8192))
    with pytest.raises(ImageError, match=r"sides of 16 to 8192 pixels, got 20000x20000"):
        open_image(png_header(20000, 20000))
    huge_webp = bytearray(encoded(picture(), "WEBP", lossless=True))
    huge_webp[21:25] = struct.pack("<I", 0x3FFF | 0x3FFF << 14)
    with pytest.raises(ImageError, match="got 16384x16384"):
        open_image(bytes(huge_webp))
    with pytest.raises(ImageError, match=r"`face` must be at most 0.25 MiB"):
        open_image(b"\x89PNG\r\n\x1a\n" + b"0" * 2**18, name="face", max_bytes=2**18)


@pytest.mark.parametrize(("width", "height"), [(1, 40), (40, 1), (20_000, 16), (16, 20_000)])
def test_sides_outside_the_bounds_are_refused(width, height):
    with pytest.raises(
        ImageError, match=f"`image` must have sides of 16 to 8192 pixels, got {width}x{height}"
    ):
        open_image(encoded(Image.new("L", (width, height)), "PNG"))


def test_missing_files_and_folders_are_named(tmp_path):
    with pytest.raises(ImageError, match=r"no file is: .*gone\.png"):
        open_image(tmp_path / "gone.png")
    with pytest.raises(ImageError, match="a folder"):
        open_image(tmp_path)


def test_no_warning_leaks_and_no_global_limit_changes(monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 600)  # Image.open would warn here
    data = encoded(picture(), "PNG")
    filters = list(warnings.filters)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        open_image(data)
    assert caught == []
    assert Image.MAX_IMAGE_PIXELS == 600
    assert list(warnings.filters) == filters


def test_decoding_works_without_torch():
    code = "import sys, palitra.data.images; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_tensors_of_a_wrong_shape_or_with_nan_are_refused():
    with pytest.raises(InputError, match=r"shape \(1, 3, H, W\) or \(3, H, W\), got \(2, 3, 4, 4\)"):
        to_image(torch.zeros(2, 3, 4, 4))
    with pytest.raises(PalitraError, match="finite"):
        to_image(torch.full((3, 4, 4), torch.nan))
