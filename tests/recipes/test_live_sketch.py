import shutil

import numpy as np
import pytest
import torch
from PIL import Image

from palitra.errors import Cancelled, ImageError, InputError
from palitra.models.live_files import save_live
from palitra.models.sketch_adapter import SketchAdapter
from palitra.models.sketch_adapter_files import adapter_config, save_sketch_adapter
from palitra.recipes.live_sketch import ADAPTED_STEPS, GUIDED_STEPS, LiveSketcher, LiveWish
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


@pytest.fixture(scope="module")
def taught(studio, tmp_path_factory):
    """Live weights for the tiny model: an adapter that says something, a student that differs."""
    folder = tmp_path_factory.mktemp("live")
    torch.manual_seed(0)
    adapter = SketchAdapter(adapter_config(studio.model))
    for output in adapter.outputs:
        torch.nn.init.normal_(output.weight, std=0.3)
    save_sketch_adapter(folder / "adapter", adapter, 1.25, studio.model.fingerprint)
    full = {
        f"{k}.full": 0.01 * torch.randn(v.shape) for k, v in studio.model.denoiser.unet.named_parameters()
    }
    save_live(folder / "student", full, [999, 499, -1], studio.model.fingerprint, "consistency")
    return folder


def sketcher(studio, folder, *parts):
    """A sketcher that finds only some of the live weights."""
    kept = folder.parent / "-".join(("some", *parts))
    for part in parts:
        if not (kept / part).is_dir():
            shutil.copytree(folder / part, kept / part)
    return LiveSketcher(studio.model, studio.predictor, kept)


def test_it_draws_with_the_best_that_is_there(studio, taught):
    ways = {
        ("student", "adapter"): ("student", 2),
        ("adapter",): ("adapter", ADAPTED_STEPS),
        ("student",): ("guidance", GUIDED_STEPS),
        (): ("guidance", GUIDED_STEPS),
    }
    for parts, (way, steps) in ways.items():
        live = sketcher(studio, taught, *parts)
        assert (live.way, live.steps) == (way, steps)
        assert live.made_with.startswith(way)


@pytest.mark.parametrize("parts", [("adapter",), ("student", "adapter")])
def test_the_drawing_the_words_and_the_seed_decide(studio, taught, parts):
    live = sketcher(studio, taught, *parts)
    made = np.asarray(live.draw(drawing(), WORDS, 3))
    assert np.array_equal(np.asarray(live.draw(drawing(), WORDS, 3)), made)
    for image, words, seed in (
        (drawing().rotate(90), WORDS, 3),
        (drawing(), "snow", 3),
        (drawing(), WORDS, 4),
    ):
        assert not np.array_equal(np.asarray(live.draw(image, words, seed)), made)


def test_strength_zero_is_the_student_without_a_drawing(studio, taught):
    live = sketcher(studio, taught, "student", "adapter")
    one, other = live.paper(drawing()), live.paper(drawing().rotate(90))
    free = [np.asarray(live.picture(p, LiveWish(WORDS, 1, strength=0.0))) for p in (one, other)]
    assert np.array_equal(*free)


def test_a_student_asks_once_a_step(studio, taught):
    live = sketcher(studio, taught, "student", "adapter")
    asked = []
    with pytest.MonkeyPatch.context() as patch:
        denoiser = live._student.denoiser
        forward = denoiser._forward
        patch.setattr(denoiser, "_forward", lambda x, *rest: asked.append(len(x)) or forward(x, *rest))
        live.draw(drawing(), WORDS, 0)
    assert asked == [1, 1]
