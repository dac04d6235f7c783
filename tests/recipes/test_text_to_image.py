import numpy as np
import pytest

from palitra.errors import InputError, OutOfMemoryError
from palitra.recipes.generate import chunks, memory_words, seeds_of
from palitra.spec.recipes import TextToImageParams


def test_again_repeats_bit_for_bit(studio, tmp_path):
    run = studio.text("a photo of a cat", n=2, steps=2, seed=5)
    repeated = studio.again(run.pictures[0].save(tmp_path / "a.png"))
    assert np.array_equal(np.asarray(repeated.pictures[0].image), np.asarray(run.pictures[0].image))


def test_other_weights_are_refused_by_name(studio, tmp_path):
    run = studio.text("a photo of a cat", steps=1)
    run.pictures[0].recipe["fingerprint"] = "0" * 12
    with pytest.raises(InputError, match="made with other weights"):
        studio.again(run.pictures[0].save(tmp_path / "a.png"))


def test_scale_one_needs_half_the_samples(studio):
    plain = studio.text("a photo of a cat", steps=3, prompt_scale=1)
    guided = studio.text("a photo of a cat", steps=3, prompt_scale=5)
    assert (plain.network_samples, guided.network_samples) == (3, 6)


def test_a_negative_prompt_matters(studio):
    a = studio.text("a photo of a cat", steps=2)
    b = studio.text("a photo of a cat", steps=2, negative="a red car")
    assert not np.array_equal(np.asarray(a.pictures[0].image), np.asarray(b.pictures[0].image))


def test_saving_never_overwrites(studio, tmp_path):
    run = studio.text("a photo of a cat", steps=1)
    assert [p.name for p in run.save(tmp_path) + run.save(tmp_path)] == ["picture-0.png", "picture-0-2.png"]


def test_batches_hold_at_most_eight():
    assert [len(c) for c in chunks(range(19))] == [8, 8, 3]


def test_seeds_stay_below_the_bound():
    with pytest.raises(InputError, match="`seed` must leave room for 2 pictures"):
        seeds_of(TextToImageParams(prompt="x", seed=2**63 - 1), 2)


@pytest.mark.parametrize("error", [MemoryError(), RuntimeError("DefaultCPUAllocator: can't allocate memory")])
def test_memory_errors_say_what_to_lower(error):
    with pytest.raises(OutOfMemoryError, match="lower `n`"), memory_words():
        raise error


def test_other_runtime_errors_pass():
    with pytest.raises(RuntimeError, match="shape"), memory_words():
        raise RuntimeError("shape")
