import numpy as np
import pytest
from PIL import Image

from palitra.errors import Cancelled, ImageError, InputError
from tests.tiny_studio import drawing

WORDS = "a photo of a cat"


@pytest.fixture
def live(studio):
    return studio.live()


def test_the_same_drawing_words_and_seed_give_the_same_picture(live):
    one, again = (np.asarray(live.draw(drawing(), WORDS, 3)) for _ in range(2))
    other = np.asarray(live.draw(drawing(), WORDS, 4))
    assert one.shape == (64, 64, 3)
    assert np.array_equal(one, again)
    assert not np.array_equal(one, other)


def test_words_matter_and_none_are_needed(live):
    with_words, without = (np.asarray(live.draw(drawing(), words, 3)) for words in (WORDS, ""))
    assert not np.array_equal(with_words, without)


def test_long_words_are_drawn(live):
    assert live.draw(drawing(), "a photo of the red car " * 30, 0).size == (64, 64)


def test_it_stops_between_steps(live):
    asked = []

    def stop():
        asked.append(1)
        return len(asked) == 3

    with pytest.raises(Cancelled):
        live.draw(drawing(), WORDS, 0, stop)
    assert len(asked) == 3


def test_a_dot_is_refused_in_a_sentence(live):
    dot = Image.new("RGB", (128, 128), "white")
    dot.putpixel((60, 60), (0, 0, 0))
    with pytest.raises(ImageError, match="`sketch` must hold lines"):
        live.draw(dot, WORDS, 0)


def test_a_seed_out_of_bounds_is_refused(live):
    with pytest.raises(InputError, match="`seed` must be in"):
        live.draw(drawing(), WORDS, -1)


def test_words_are_encoded_once(studio):
    live = studio.live()
    assert live.ready(WORDS) is live.ready(WORDS)
    for i in range(70):
        live.ready(f"cat {i}")
    assert len(live._words) == 64
