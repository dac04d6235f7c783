"""Safe decoding of pictures that users hand in, and the way to tensors and back.

The size is read from the file's header and checked before a single pixel is decoded; only six
formats are tried, chosen by the file's first bytes; every metadata field is dropped. Pillow's
global limits are neither used nor changed.
"""

from __future__ import annotations

import io
import struct
import threading
import warnings
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final

import numpy as np
from PIL import (
    BmpImagePlugin,
    GifImagePlugin,
    Image,
    ImageCms,
    ImageFile,
    ImageOps,
    JpegImagePlugin,
    PngImagePlugin,
    TiffImagePlugin,
    WebPImagePlugin,
)

from palitra.data.notes import Note, note
from palitra.errors import ImageError, InputError, PalitraError

if TYPE_CHECKING:
    from torch import Tensor

FORMATS: Final = "PNG, JPEG, WebP, BMP, GIF or TIFF"
MAX_BYTES: Final = 64 * 2**20
MAX_PIXELS: Final = 64_000_000
MIN_SIDE: Final = 16
MAX_SIDE: Final = 8192

# What Pillow's decoders raise on damaged files, beside OSError.
_DAMAGE: Final = (
    OSError, SyntaxError, ValueError, TypeError, LookupError, ArithmeticError, AttributeError, EOFError,
    RuntimeError, struct.error, zlib.error, Image.DecompressionBombError, MemoryError,
)  # fmt: skip
# `warnings.catch_warnings` swaps process-wide state, so only one thread at a time may hold it.
_QUIET: Final = threading.RLock()


@dataclass(frozen=True, slots=True)
class Opened:
    """A decoded picture, mode RGB or (only when something is transparent) RGBA, and what was done to it."""

    image: Image.Image
    notes: tuple[Note, ...] = ()


def open_image(
    source: Path | str | bytes | BinaryIO,
    *,
    name: str = "image",
    max_pixels: int = MAX_PIXELS,
    min_side: int = MIN_SIDE,
    max_side: int = MAX_SIDE,
    max_bytes: int = MAX_BYTES,
) -> Opened:
    """Decode a PNG, JPEG, WebP, BMP, GIF or TIFF file from anywhere into upright 8-bit sRGB.

    Animated files give their first frame; CMYK, 16-bit, float, palette and grey pictures are
    converted without clipping; an embedded colour profile is applied; EXIF orientation is applied
    and then all metadata dropped. Costs at most about 16 bytes of memory per pixel.

    Args:
        source: path, whole file content, or an open binary stream (read from where it stands).
        name: the field to name in error sentences.
        max_pixels: bound on width x height, checked before decoding.
        min_side: shortest side allowed, in pixels.
        max_side: longest side allowed, in pixels.
        max_bytes: bound on the file's size.

    Raises:
        ImageError: not such a file, damaged, or outside a bound; one sentence.
    """
    data = _read(source, name, max_bytes)
    with _QUIET, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        plugin = _plugin(data, name)
        if plugin is WebPImagePlugin.WebPImageFile:
            # this one decoder allocates its canvas while opening
            _check_size(_webp_size(data, name), name, max_pixels, min_side, max_side)
        try:
            with plugin(io.BytesIO(data)) as file:
                _check_size(file.size, name, max_pixels, min_side, max_side)
                return _decode(file, name)
        except _DAMAGE as error:
            raise ImageError(
                f"`{name}` must be an undamaged picture, got one that is cut short or corrupt: "
                f"{_reason(error)}"
            ) from error


def to_tensor(image: Image.Image) -> Tensor:
    """An image as float32 (1, 3, H, W) in [0, 1]; transparent parts are laid on white."""
    import torch

    pixels = np.asarray(flatten(image), dtype=np.float32) / 255.0
    return torch.from_numpy(pixels.copy()).permute(2, 0, 1)[None].contiguous()


def to_image(picture: Tensor) -> Image.Image:
    """A float tensor (1, 3, H, W) or (3, H, W) in [0, 1] as an RGB image; values outside are clamped.

    Raises:
        InputError: another shape.
        PalitraError: the picture holds NaN or infinity.
    """
    pixels = picture.detach()
    if pixels.ndim == 4 and pixels.shape[0] == 1:
        pixels = pixels[0]
    if pixels.ndim != 3 or pixels.shape[0] != 3:
        raise InputError(
            f"`picture` must have the shape (1, 3, H, W) or (3, H, W), got {tuple(picture.shape)}"
        )
    values = pixels.float().cpu().permute(1, 2, 0).numpy()
    if not np.isfinite(values).all():
        raise PalitraError(
            "`picture` must hold finite values, got NaN or infinity: the model's numbers overflowed"
        )
    return Image.fromarray((values.clip(0, 1) * 255).round().astype(np.uint8))


def flatten(image: Image.Image, ground: tuple[int, int, int] = (255, 255, 255)) -> Image.Image:
    """The image as RGB, transparent parts laid on the colour `ground`."""
    if image.mode == "RGB":
        return image
    layer = image.convert("RGBA")
    paper = Image.new("RGBA", layer.size, (*ground, 255))
    return Image.alpha_composite(paper, layer).convert("RGB")


def _read(source: Path | str | bytes | BinaryIO, name: str, max_bytes: int) -> bytes:
    """The whole file, never more than one byte above the bound."""
    if isinstance(source, bytes):
        data = source
    elif isinstance(source, Path | str):
        path = Path(source)
        if not path.is_file():
            kind = "a folder" if path.is_dir() else "a path where no file is"
            raise ImageError(f"`{name}` must be a picture file, got {kind}: {path}")
        try:
            with path.open("rb") as stream:
                data = stream.read(max_bytes + 1)
        except OSError as error:
            raise ImageError(f"`{name}` must be a readable file, got {path} ({error.strerror})") from error
    else:
        data = source.read(max_bytes + 1)
    if len(data) > max_bytes:
        raise ImageError(f"`{name}` must be at most {max_bytes / 2**20:g} MiB, got a larger file")
    if not data:
        raise ImageError(f"`{name}` must be a picture ({FORMATS}), got an empty file")
    return data


def _plugin(data: bytes, name: str) -> type[ImageFile.ImageFile]:
    """The decoder for the file's first bytes; its suffix counts for nothing."""
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return PngImagePlugin.PngImageFile
    if data.startswith(b"\xff\xd8\xff"):
        return JpegImagePlugin.JpegImageFile
    if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        return WebPImagePlugin.WebPImageFile
    if data.startswith((b"GIF87a", b"GIF89a")):
        return GifImagePlugin.GifImageFile
    if data.startswith((b"II*\x00", b"MM\x00*", b"II+\x00", b"MM\x00+")):
        return TiffImagePlugin.TiffImageFile
    if data.startswith(b"BM"):
        return BmpImagePlugin.BmpImageFile
    raise ImageError(f"`{name}` must be a picture ({FORMATS}), got {_looks_like(data)}")


def _looks_like(data: bytes) -> str:
    """A word on a file that is none of the six formats."""
    head = data[:512].lstrip().lower()
    if data[4:8] == b"ftyp":
        return "a HEIC or AVIF picture or a film; save it as PNG or JPEG first"
    if head.startswith(b"%pdf"):
        return "a PDF document"
    if head.startswith((b"<svg", b"<?xml")) and b"svg" in head:
        return "an SVG drawing; export it as PNG first"
    if data.startswith((b"\x80\x02", b"PK\x03\x04", b"\x1f\x8b")):
        return "an archive or a pickled file"
    printable = sum(32 <= byte < 127 or byte in b"\r\n\t" for byte in data[:64])
    return "a text file" if printable >= 0.9 * len(data[:64]) else "a file of another kind"


def _webp_size(data: bytes, name: str) -> tuple[int, int]:
    """Width and height in a WebP header (RFC 9649, sections 2.5 to 2.7)."""
    kind, body = data[12:16], data[20:30]
    if len(body) == 10:
        if kind == b"VP8X":
            return 1 + int.from_bytes(body[4:7], "little"), 1 + int.from_bytes(body[7:10], "little")
        if kind == b"VP8L":
            bits = int.from_bytes(body[1:5], "little")
            return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
        if kind == b"VP8 ":
            width, height = struct.unpack("<HH", body[6:10])
            return width & 0x3FFF, height & 0x3FFF
    raise ImageError(f"`{name}` must be an undamaged picture, got one whose WebP header is corrupt")


def _check_size(size: tuple[int, int], name: str, max_pixels: int, min_side: int, max_side: int) -> None:
    width, height = size
    if min(size) < min_side or max(size) > max_side:
        raise ImageError(f"`{name}` must have sides of {min_side} to {max_side} pixels, got {width}x{height}")
    if width * height > max_pixels:
        raise ImageError(
            f"`{name}` must have at most {max_pixels / 1e6:g} million pixels, got {width}x{height} "
            f"({width * height / 1e6:.1f} million)"
        )


def _decode(file: ImageFile.ImageFile, name: str) -> Opened:
    """Load the first frame and bring it to upright sRGB."""
    notes = [note("first_frame_used")] if getattr(file, "is_animated", False) else []
    profile = file.info.get("icc_profile")
    file.load()
    image: Image.Image = file
    if image.mode.startswith("I") or image.mode == "F":
        image = _to_eight_bits(image, name)
        notes.append(note("deep_colour_reduced", bits=16 if file.mode.startswith("I;16") else 32))
    elif file.mode == "CMYK":
        notes.append(note("cmyk_converted"))
    image, alpha = _split_alpha(image)
    image, done = _to_srgb(image, profile)
    notes += done
    if alpha is not None:
        image.putalpha(alpha)
    if file.getexif().get(0x0112, 1) in range(2, 9):
        exif = Image.Exif()
        exif[0x0112] = file.getexif()[0x0112]
        image.info["exif"] = exif.tobytes()
        image = ImageOps.exif_transpose(image)
        notes.append(note("orientation_applied"))
    image.info = {}
    return Opened(image, tuple(notes))


def _to_eight_bits(image: Image.Image, name: str) -> Image.Image:
    """Scale integer and float pictures to 8-bit grey: by their format's range, floats by 0..1 or 0..255."""
    values = np.asarray(image).astype(np.float32)
    if not np.isfinite(values).all():
        raise ImageError(f"`{name}` must hold finite pixel values, got NaN or infinity")
    low, high = float(values.min()), float(values.max())
    if low < 0:  # signed samples carry no agreed white: use their own range
        values, high = values - low, high - low
    if image.mode == "F":
        white = 1.0 if high <= 1 else 255.0 if high <= 255 else high
    elif image.mode == "I" and high > 65535:
        white = float(2**32 - 1) if high > 2**31 - 1 else float(2**31 - 1)
    else:
        white = 65535.0
    return Image.fromarray((values * (255 / white)).round().clip(0, 255).astype(np.uint8))


def _split_alpha(image: Image.Image) -> tuple[Image.Image, Image.Image | None]:
    """The picture without its transparency, and the alpha channel if anything is transparent."""
    if image.mode in ("La", "RGBa"):
        image = image.convert("LA" if image.mode == "La" else "RGBA")
    if image.mode in ("LA", "RGBA", "PA") or "transparency" in image.info:
        layer = image.convert("RGBA")
        alpha = layer.getchannel("A")
        opaque = alpha.getextrema() == (255, 255)
        return layer.convert("RGB"), None if opaque else alpha
    return image, None


def _to_srgb(image: Image.Image, profile: bytes | None) -> tuple[Image.Image, list[Note]]:
    """Convert to RGB, through the embedded colour profile where there is a usable one."""
    if image.mode in ("1", "P", "PA"):
        image = image.convert("RGB")
    notes: list[Note] = []
    if profile:
        try:
            source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            if "srgb" not in ImageCms.getProfileDescription(source).lower():
                converted = ImageCms.profileToProfile(
                    image, source, ImageCms.createProfile("sRGB"), outputMode="RGB"
                )
                assert converted is not None
                return converted, [note("colour_profile_applied")]
        except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
            notes.append(note("colour_profile_ignored"))
    return image.convert("RGB"), notes


def _reason(error: BaseException) -> str:
    words = " ".join(str(error).split()) or type(error).__name__
    return words if len(words) <= 80 else words[:77] + "..."
