"""Enlarging as the last step of the recipes: the same picture, larger, and repeatable."""

import numpy as np
import pytest
from PIL import Image

from palitra.data.picture_files import read_recipe
from palitra.errors import InputError
from palitra.models.upscaler import embedded_upscaler
from palitra.recipes.together import Wish, draw_together
from palitra.recipes.upscale import LARGEST, enlarge, enlarged
from palitra.spec.dials import batch_key
from palitra.spec.recipes import SketchToImageParams, TextToImageParams
from tests.recipes.test_together import Heard
from tests.tiny_studio import drawing


def pixels(picture):
    return np.asarray(picture.image)


def test_not_wished_changes_nothing():
    image = Image.new("RGB", (8, 8), "red")
    assert enlarged(image, wanted=False) == (image, {})


def test_large_pictures_stay_as_they_are():
    image = Image.new("RGB", (LARGEST + 1, 8), "red")
    assert enlarged(image) == (image, {})
    assert enlarged(image.crop((0, 0, LARGEST, 8)))[0].size == (2 * LARGEST, 16)


def test_words_and_sketches_are_the_small_pictures_enlarged(studio):
    for draw in (studio.text, lambda prompt, **more: studio.sketch(studio.prepare(_file()), prompt, **more)):
        small = draw("a photo of a cat", n=2, steps=2).pictures
        large = draw("a photo of a cat", n=2, steps=2, upscale=True).pictures
        for one, other in zip(small, large, strict=True):
            assert other.image.size == (2 * one.image.width, 2 * one.image.height)
            assert np.array_equal(pixels(other), np.asarray(enlarge(one.image, embedded_upscaler())))
        assert "upscaler" not in small[0].recipe
        assert large[0].recipe["upscaler"] == embedded_upscaler().fingerprint


def test_again_repeats_bit_for_bit(studio, tmp_path):
    run = studio.text("a photo of a cat", n=2, steps=2, seed=5, upscale=True)
    repeated = studio.again(run.pictures[1].save(tmp_path / "a.png"))
    assert np.array_equal(pixels(repeated.pictures[0]), pixels(run.pictures[1]))


def test_a_recipe_of_before_is_still_repeated(studio, tmp_path):
    run = studio.text("a photo of a cat", steps=2)
    del run.pictures[0].recipe["params"]["upscale"]
    file = run.pictures[0].save(tmp_path / "a.png")
    assert "upscale" not in read_recipe(file)["params"]
    assert np.array_equal(pixels(studio.again(file).pictures[0]), pixels(run.pictures[0]))


def test_another_upscaler_is_refused_by_name(studio, tmp_path):
    run = studio.text("a photo of a cat", steps=1, upscale=True)
    run.pictures[0].recipe["upscaler"] = "0" * 16
    with pytest.raises(InputError, match="other weights of the upscaler"):
        studio.again(run.pictures[0].save(tmp_path / "a.png"))


def test_large_and_small_wishes_share_a_batch(studio):
    large, small = (TextToImageParams(prompt="a cat", steps=2, upscale=u) for u in (True, False))
    assert batch_key(large) == batch_key(small)
    heard = Heard()
    draw_together(studio.model, [Wish(large), Wish(small)], heard)
    one, other = (heard.pictures[i][0] for i in (0, 1))
    assert np.array_equal(pixels(one), np.asarray(enlarge(other.image, embedded_upscaler())))


@pytest.mark.parametrize("kind", [TextToImageParams, SketchToImageParams])
def test_people_are_offered_it_and_programs_are_not(kind):
    field = kind.model_json_schema()["properties"]["upscale"]
    assert (field["default"], field["offered"]) == (False, True)


def _file():
    import io

    buffer = io.BytesIO()
    drawing().save(buffer, "PNG")
    return buffer.getvalue()
