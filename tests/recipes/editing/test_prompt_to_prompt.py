import pytest
import torch

from palitra.errors import InputError
from palitra.guiders.cfg import ClassifierFree, Conditional
from palitra.guiders.local_blend import LocalBlend
from palitra.guiders.source import PHOTO, Watch
from palitra.recipes.editing.direct_inversion import edit_with
from palitra.recipes.editing.prompt_to_prompt import Published, prompt_to_prompt
from palitra.taps.prompt_to_prompt import CrossAttentionEdit, SelfAttentionReplacement

SAME = ("a photo of a cat",)
SWAP = {"sources": ("a photo of a cat in snow",), "targets": ("a photo of a dog in snow",)}


def parts(job, **options):
    return prompt_to_prompt(job, job.trajectory(), Published(**options))


def test_published_settings_are_those_of_strength_half(job_of):
    held = parts(job_of(steps=50, **SWAP))
    cross, own = held.taps
    assert isinstance(cross, CrossAttentionEdit)
    assert isinstance(own, SelfAttentionReplacement)
    assert cross.open == [True] * 20 + [False] * 31
    assert own.shares == 0.6
    assert [type(g) for g in held.guiders] == [LocalBlend]
    assert held.guiders[0].threshold == 0.3
    assert held.until == 1.0


def test_the_new_word_counts_twice_and_both_are_blended(job_of):
    job = job_of(**SWAP)
    source, target = (job.words(w[0]) for w in (job.source_words, job.target_words))
    held = parts(job)
    cat, dog = list(source.find("cat")), list(target.find("dog"))
    gated = held.taps[0].gated[0, 0]
    assert gated[dog].tolist() == [2.0] * len(dog)
    assert float(gated.sum()) == 77 + len(dog)
    words = held.guiders[0].taps[0].words
    assert words["source"][0].nonzero().flatten().tolist() == cat
    assert words["target"][0].nonzero().flatten().tolist() == dog


@pytest.mark.parametrize(
    ("strength", "cross", "own", "threshold"), [(0, 8, 10, 0.6), (0.75, 2, 3, 0.15), (0.9, 0, 1, 0.06)]
)
def test_strength_moves_what_holds_the_photo(job_of, strength, cross, own, threshold):
    held = parts(job_of(strength=strength, **SWAP))
    assert sum(held.taps[0].open) == cross
    assert int(held.taps[1].shares * 10) == own
    assert held.guiders[0].threshold == pytest.approx(threshold)


def test_strength_1_holds_nothing(job_of):
    held = parts(job_of(strength=1, **SWAP))
    assert (held.taps, held.guiders, held.until) == ((), (), 0.0)


@pytest.mark.parametrize(
    "options",
    [
        {"sources": ("a cat",), "targets": ("a red cat",)},
        {"sources": ("a cat on snow",), "targets": ("a dog on a house",)},
        SWAP | {"preset": "style"},
    ],
)
def test_without_one_swap_the_photo_is_read_only_while_held(job_of, options):
    held = parts(job_of(steps=10, **options))
    assert held.guiders == ()
    assert held.until == 0.6
    assert float(held.taps[0].gated.max()) == 1


def test_equal_words_are_told_by_a_note(job_of):
    job = job_of(n_rows=2, sources=SAME, targets=SAME)
    parts(job)
    assert [n.code for n in job.notes] == ["words_equal"]


def test_equal_words_give_the_plain_reconstruction(job_of):
    """Without guidance nothing but rounding in float32 is left between both, over six steps."""
    job = job_of("direct-inversion", 2, steps=6, sources=SAME, targets=SAME, prompt_scale=1.0)
    # the photo's own sample, so that its branch is the edit's
    path = [job.trajectory()[0]]
    predictor = job.predictor([Conditional(job.source)])
    for i, (t, u) in enumerate(zip(job.times[:-1], job.times[1:], strict=True)):
        p = predictor(path[-1], t, i, 6)
        b = job.model.schedule.signal(u)
        path.append(b**0.5 * p.x0 + (1 - b) ** 0.5 * p.eps)
    held = prompt_to_prompt(job, path)
    guiders = [ClassifierFree(job.target, job.empty, 1.0), Watch(job.source, held.until)]
    made = job.run(guiders, path[0], taps=held.taps, tracks={PHOTO: path})
    assert torch.allclose(made, path[-1], atol=1e-4)


def test_word_by_word_only_where_asked(job_of):
    free = job_of(sources=("a cat",), targets=("a red cat",))
    with pytest.raises(InputError, match="as the source for word replacement, 2, got 3"):
        parts(free, way="replace")
    refined, replaced = (parts(job_of(**SWAP), way=w).taps[0] for w in ("refine", "replace"))
    assert not torch.equal(refined.transport, replaced.transport)


def test_words_of_several_windows_are_aligned(job_of):
    long = " ".join(["house"] * 80)
    job = job_of("direct-inversion", steps=2, sources=(f"a cat {long}",), targets=(f"a dog {long}",))
    assert job.target.text.shape[1] == 154
    assert torch.isfinite(edit_with(job)).all()


def test_weights_in_words_do_not_move_tokens(job_of):
    job = job_of(sources=("a (photo:1.3) of a cat",), targets=("a photo of a [dog]",))
    words = parts(job).guiders[0].taps[0].words
    assert words["source"][0].nonzero().flatten().tolist() == [5]
    assert words["target"][0].nonzero().flatten().tolist() == [5]
