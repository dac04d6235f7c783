"""Uploads that mean harm or are merely broken: an endless, repeatable stream of (kind, bytes)."""

import io
import itertools
import random
import struct
import zlib

from PIL import Image

FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "GIF", "TIFF")
EPS = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n{ loop } loop\n%%EOF"
SVG = b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"><image href="file:///etc/passwd"/></svg>'
HTML = b"<!doctype html><script>alert(1)</script>"
PNG = b"\x89PNG\r\n\x1a\n"


def whole(form, size=(64, 48), mode="RGB", **more):
    buffer = io.BytesIO()
    Image.new(mode, size, more.pop("colour", 90)).save(buffer, form, **more)
    return buffer.getvalue()


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png_of(width, height, data, depth=8, colour=0, extra=b""):
    head = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    body = chunk(b"IHDR", head) + extra + chunk(b"IDAT", data) + chunk(b"IEND", b"")
    return PNG + body


def animated(rng):
    frames = [Image.new("RGB", (40, 40), (i * 9 % 256, 0, 0)) for i in range(rng.randint(2, 30))]
    buffer = io.BytesIO()
    frames[0].save(buffer, rng.choice(["GIF", "WEBP", "PNG"]), save_all=True, append_images=frames[1:])
    return buffer.getvalue()


def flipped(rng):
    data = bytearray(whole(rng.choice(FORMATS)))
    for _ in range(rng.randint(1, 40)):
        data[rng.randrange(len(data))] = rng.randrange(256)
    return bytes(data)


def stuffed(rng):
    data = bytearray(whole(rng.choice(FORMATS)))
    at = rng.randrange(len(data))
    data[at:at] = rng.randbytes(rng.randint(1, 5000))
    return bytes(data)


def text_bomb(rng):
    """A megabyte of text in a compressed chunk of a tiny picture, or sixteen of them."""
    text = b"palitra\0\0" + zlib.compress(b"x" * 2**20 * rng.choice([1, 16]))
    return png_of(16, 16, zlib.compress(b"\0" * 17 * 16), extra=chunk(b"zTXt", text))


KINDS = {
    "cut": lambda rng: whole(form := rng.choice(FORMATS))[: rng.randrange(len(whole(form)))],
    "flipped bytes": flipped,
    "stuffed": stuffed,
    "another's head": lambda rng: whole(rng.choice(FORMATS))[:8] + whole(rng.choice(FORMATS))[8:],
    "bomb": lambda rng: png_of(30_000, 30_000, zlib.compress(b"\0" * rng.randint(9, 9000))),
    "full bomb": lambda rng: png_of(9000, 9000, zlib.compress(bytes(9001 * 9000), 9)),
    "text bomb": text_bomb,
    "huge header": lambda rng: png_of(2**31 - 1, rng.choice([1, 2**31 - 1]), b""),
    "no size": lambda rng: png_of(0, rng.randint(0, 9), b""),
    "nothing": lambda rng: b"",
    "zero bytes": lambda rng: bytes(rng.randint(1, 100_000)),
    "noise": lambda rng: rng.randbytes(rng.randint(1, 100_000)),
    "animated": animated,
    "CMYK": lambda rng: whole(rng.choice(["JPEG", "TIFF"]), mode="CMYK", colour=(9, 99, 199, 9)),
    "16 bit": lambda rng: whole(rng.choice(["PNG", "TIFF"]), mode="I;16", colour=40_000),
    "floats": lambda rng: whole("TIFF", mode="F", colour=rng.choice([0.5, float("nan"), 1e30])),
    "SVG": lambda rng: SVG,
    "EPS": lambda rng: EPS,
    "PDF": lambda rng: b"%PDF-1.7\n" + rng.randbytes(rng.randint(0, 3000)),
    "PNG that is HTML": lambda rng: PNG + HTML * rng.randint(1, 9),
    "picture and HTML": lambda rng: whole(rng.choice(FORMATS)) + HTML,
    "picture and ZIP": lambda rng: whole("PNG") + b"PK\x03\x04" + rng.randbytes(500),
    "pickle": lambda rng: b"\x80\x04cos\nsystem\n(S'true'\ntR.",
    "long and thin": lambda rng: whole("PNG", (rng.choice([1, 8000]), 1)),
    "FITS": lambda rng: b"SIMPLE  =                    T" + b" " * 2850,
}


def hostile_uploads(seed=0):
    """Kinds in turn, for ever; equal seeds give equal bytes."""
    rng = random.Random(seed)
    for kind in itertools.cycle(KINDS):
        yield kind, KINDS[kind](rng)
