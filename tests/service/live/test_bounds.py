import io

import pytest
from PIL import Image

from palitra.errors import ImageError
from palitra.service.live.bounds import LIVE_BYTES, check_png


def picture(width=64, height=64, form="PNG"):
    buffer = io.BytesIO()
    Image.new("L", (width, height), 255).save(buffer, form)
    return buffer.getvalue()


def test_a_small_png_passes():
    check_png(picture())
    check_png(picture(1024, 16))


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (picture(1025, 64), "at most 1024 px a side, got 1025x64"),
        (picture(form="JPEG"), "got something else"),
        (b"", "got something else"),
        (picture()[:20], "got something else"),
        (picture()[:8] + b"\x00" * 40, "got 0x0"),
        (picture() + b"\x00" * LIVE_BYTES, f"at most {LIVE_BYTES} bytes"),
    ],
)
def test_all_else_is_refused_before_it_is_decoded(data, said):
    with pytest.raises(ImageError, match=said):
        check_png(data)
