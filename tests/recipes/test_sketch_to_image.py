from functools import partial

import numpy as np
import pytest
import torch

from palitra.core.progress import Hooks
from palitra.errors import Cancelled, ComposeError, InputError
from palitra.recipes.sketch_codec import pack_sketch, unpack_sketch
from tests.tiny_studio import drawing

WORDS = "a photo of a cat"


def pixels(run):
    return [np.asarray(p.image) for p in run.pictures]


@pytest.fixture(scope="module")
def drawn(studio):
    return studio.prepare(_png(drawing()))


def _png(image):
    import io

    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


def test_fidelity_zero_is_the_picture_of_the_words_alone(studio, drawn):
    guided = studio.sketch(drawn, WORDS, fidelity=0, steps=4, seed=3)
    plain = studio.text(WORDS, steps=4, seed=3)
    assert np.array_equal(pixels(guided)[0], pixels(plain)[0])


def test_guidance_changes_the_picture_and_lowers_the_edge_error(studio, drawn):
    weak = studio.sketch(drawn, WORDS, beta=1e-6, stop=0, steps=6, seed=1)
    strong = studio.sketch(drawn, WORDS, beta=1.0, stop=0, steps=6, seed=1)
    assert not np.array_equal(pixels(weak)[0], pixels(strong)[0])
    assert strong.scores[1] < weak.scores[1]


def test_a_strictness_of_zero_everywhere_is_unguided(studio, drawn):
    free = studio.sketch(drawn, WORDS, strictness=_png(drawing().point(lambda _: 0)), steps=3, seed=2)
    plain = studio.text(WORDS, steps=3, seed=2)
    # guided steps make two calls of one sample instead of one of two: at most one grey level by rounding
    assert np.abs(pixels(free)[0].astype(int) - pixels(plain)[0].astype(int)).max() <= 1


def test_two_calls_while_guided_and_one_after(studio, drawn):
    run = studio.sketch(drawn, WORDS, beta=1.0, stop=0.5, steps=4)
    assert run.network_calls == 2 * 2 + 2
    assert run.network_samples == 2 * 4


def test_best_of_finishes_the_seeds_with_the_lowest_error(studio, drawn):
    run = studio.sketch(drawn, WORDS, n=2, best_of=5, steps=5, seed=10)
    ranked = sorted(run.scores, key=run.scores.__getitem__)
    assert len(run.scores) == 5
    assert [p.seed for p in run.pictures] == ranked[:2]


def test_best_of_cannot_be_below_n(studio, drawn):
    with pytest.raises(InputError, match="`best_of` must be at least `n` = 3, got 2"):
        studio.sketch(drawn, WORDS, n=3, best_of=2, steps=2)


def test_again_repeats_bit_for_bit(studio, drawn, tmp_path):
    run = studio.sketch(drawn, WORDS, n=3, steps=3, seed=4)
    file = run.pictures[1].save(tmp_path / "made.png")
    repeated = studio.again(file)
    assert [p.seed for p in repeated.pictures] == [run.pictures[1].seed]
    assert np.array_equal(pixels(repeated)[0], pixels(run)[1])


def test_again_repeats_the_best_of_several(studio, drawn, tmp_path):
    run = studio.sketch(drawn, WORDS, n=1, best_of=3, steps=5, strictness=_png(drawing()))
    repeated = studio.again(run.pictures[0].save(tmp_path / "best.png"))
    assert np.array_equal(pixels(repeated)[0], pixels(run)[0])


def test_a_picture_depends_on_its_seed_not_on_its_batch(studio, drawn):
    together = studio.sketch(drawn, WORDS, n=3, steps=3, seed=0)
    alone = studio.sketch(drawn, WORDS, n=1, steps=3, seed=2)
    difference = np.abs(pixels(together)[2].astype(int) - pixels(alone)[0].astype(int))
    # other batch sizes block matrix products differently: at most one grey level by rounding
    assert difference.max() <= 1


def test_partial_sketches_bind_only_near_their_lines(studio, drawn):
    whole = studio.sketch(drawn, WORDS, steps=3)
    near_lines = studio.sketch(drawn, WORDS, steps=3, partial=True)
    assert not np.array_equal(pixels(whole)[0], pixels(near_lines)[0])


@pytest.mark.parametrize("sketched", [False, True])
def test_cancelling_keeps_the_finished_batches(studio, drawn, sketched):
    done, steps = [], []
    hooks = Hooks(steps.append, lambda: len(steps) >= 3)
    draw = partial(studio.sketch, drawn) if sketched else studio.text
    with pytest.raises(Cancelled, match="stopped on request after step 1 of 2"):
        draw(WORDS, n=9, steps=2, hooks=hooks, on_picture=done.append)
    assert len(done) == 8


@pytest.mark.parametrize("sampler", ["ddim", "ddpm", "euler", "heun", "dpm++"])
def test_every_sampler_follows(studio, drawn, sampler):
    run = studio.sketch(drawn, WORDS, steps=3, sampler=sampler)
    assert run.pictures[0].image.size == (64, 64)


def test_a_predictor_of_another_model_is_refused(studio, drawn):
    from palitra.models.edge_predictor import SD_TAPS, EdgePredictor, EdgePredictorConfig
    from palitra.recipes.sketch_to_image import edge_target

    other = EdgePredictor(EdgePredictorConfig(SD_TAPS, (4,) * 9, 16))
    with pytest.raises(ComposeError, match="latents of 16 channels"):
        edge_target(studio.model, other, drawn)


def test_the_sketch_in_a_recipe_comes_back_whole(drawn):
    strictness = torch.linspace(0, 1, 64 * 64).view(1, 1, 64, 64)
    sketch, back = unpack_sketch(pack_sketch(drawn, strictness))
    assert np.array_equal(sketch.lines, drawn.lines)
    assert np.array_equal(np.asarray(sketch.picture), np.asarray(drawn.picture))
    # eight bits of grey
    assert float((back - strictness).abs().max()) <= 0.5 / 255 + 1e-6


@pytest.mark.parametrize("packed", [None, {}, {"picture": "AAAA", "lines": "x", "centre": "!"}])
def test_a_damaged_sketch_in_a_recipe_is_one_sentence(packed):
    with pytest.raises(InputError, match="`file` must carry"):
        unpack_sketch(packed)
