import asyncio
import io

import pytest

from palitra.service.live.frames import LENGTHS, MOST_BYTES, Frame, pack, read_frame, receive_frame

FRAMES = [Frame({"do": "draw", "prompt": "кот"}, b"\x00png"), Frame({"ready": True})]


def received(data):
    async def receive():
        reader = asyncio.StreamReader()
        reader.feed_data(data)
        reader.feed_eof()
        return [await receive_frame(reader) for _ in range(3)]

    return asyncio.run(receive())


def test_frames_come_as_they_were_sent_and_then_an_end():
    data = b"".join(map(pack, FRAMES))
    stream = io.BytesIO(data)
    assert [read_frame(stream) for _ in range(3)] == [*FRAMES, None]
    assert received(data) == [*FRAMES, None]


def test_half_a_frame_is_an_end():
    for length in (3, 9, len(pack(FRAMES[0])) - 1):
        assert read_frame(io.BytesIO(pack(FRAMES[0])[:length])) is None


@pytest.mark.parametrize(
    "data", [LENGTHS.pack(10, MOST_BYTES + 1), LENGTHS.pack(2**31, 0), LENGTHS.pack(2, 0) + b"[]"]
)
def test_what_is_no_frame_is_refused(data):
    with pytest.raises(ValueError, match=r"frame"):
        read_frame(io.BytesIO(data))
    with pytest.raises(ValueError, match=r"frame"):
        received(data)
