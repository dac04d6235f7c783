import numpy as np
import pytest

from palitra.errors import InputError
from palitra.recipes.draft_sketch import check_same_live
from palitra.spec.build import build
from palitra.spec.recipes import SketchToImageParams
from tests.recipes.test_sketch_to_image import _png
from tests.tiny_studio import drawing

WORDS = "a photo of a cat"


@pytest.fixture(scope="module")
def drawn(studio):
    return studio.prepare(_png(drawing()))


@pytest.fixture(scope="module")
def drafts(studio, drawn):
    return studio.sketch(drawn, WORDS, quality="draft", n=2, seed=3)


def test_drafts_are_what_the_live_way_draws(studio, drawn, drafts):
    assert [p.seed for p in drafts.pictures] == [3, 4]
    alone = studio.sketch(drawn, WORDS, quality="draft", seed=4)
    assert np.array_equal(np.asarray(alone.pictures[0].image), np.asarray(drafts.pictures[1].image))
    # two pictures of six steps, three of which are guided: those ask for each half of guidance apart
    assert (drafts.network_calls, drafts.network_samples) == (2 * 9, 2 * 12)


def test_again_repeats_a_draft_and_refuses_one_of_other_live_weights(studio, drafts, tmp_path):
    repeated = studio.again(drafts.pictures[1].save(tmp_path / "draft.png"))
    assert [p.seed for p in repeated.pictures] == [4]
    assert np.array_equal(np.asarray(repeated.pictures[0].image), np.asarray(drafts.pictures[1].image))
    with pytest.raises(InputError, match="is a draft made with other live weights"):
        check_same_live({"live": "student-0-0"}, studio.live())


def test_lines_fade_where_strictness_is_zero(studio, drawn):
    free = studio.sketch(drawn, WORDS, quality="draft", strictness=_png(drawing().point(lambda _: 0)))
    bound = studio.sketch(drawn, WORDS, quality="draft")
    assert not np.array_equal(np.asarray(free.pictures[0].image), np.asarray(bound.pictures[0].image))


def test_best_quality_begins_eight_times_as_many(studio, drawn):
    run = studio.sketch(drawn, WORDS, quality="best", steps=3, upscale=False)
    assert len(run.scores) == 8
    assert run.pictures[0].seed == min(run.scores, key=run.scores.__getitem__)


def test_begun_seeds_by_quality():
    def begun(**values):
        return build(SketchToImageParams, {"prompt": "x", **values}).begun()

    assert begun() is None
    assert begun(quality="draft") is None
    assert begun(quality="best", n=3) == 24
    assert begun(quality="best", n=64) == 256
    assert begun(quality="best", best_of=5) == 5
    # nothing to compare seeds by
    assert begun(quality="best", fidelity=0) is None


def test_what_drafts_cannot_do_is_refused(studio, drawn):
    with pytest.raises(InputError, match="`best_of` must be left out of drafts, got 4"):
        studio.sketch(drawn, WORDS, quality="draft", best_of=4)
    with pytest.raises(InputError, match="`quality` must be one of draft, normal, best, got quick"):
        studio.sketch(drawn, WORDS, quality="quick")
    with pytest.raises(InputError, match=r"`polish` must be left out of drafts, got 0\.5"):
        studio.sketch(drawn, WORDS, quality="draft", polish=0.5)


def test_polish_of_nothing_is_the_draft_and_of_everything_the_normal_picture(studio, drawn, drafts):
    untouched = studio.sketch(drawn, WORDS, polish=0, n=2, seed=3, steps=4)
    assert all(
        np.array_equal(np.asarray(a.image), np.asarray(b.image))
        for a, b in zip(untouched.pictures, drafts.pictures, strict=True)
    )
    anew = studio.sketch(drawn, WORDS, polish=1, seed=3, steps=4)
    normal = studio.sketch(drawn, WORDS, seed=3, steps=4)
    assert np.array_equal(np.asarray(anew.pictures[0].image), np.asarray(normal.pictures[0].image))
    assert anew.network_calls == normal.network_calls


def test_a_polished_draft_is_near_it_and_is_repeated(studio, drawn, drafts, tmp_path):
    polished = studio.sketch(drawn, WORDS, polish=0.2, n=2, seed=3, steps=10)
    # two steps with words alone: the guided ones are before them
    assert (polished.network_calls, polished.network_samples) == (2, 2 * 2 * 2)

    def distance(others):
        pairs = zip(polished.pictures, others, strict=True)
        return sum(np.abs(np.asarray(a.image, float) - np.asarray(b.image)).mean() for a, b in pairs)

    assert distance(drafts.pictures) < distance(drafts.pictures[::-1])
    repeated = studio.again(polished.pictures[1].save(tmp_path / "polished.png"))
    assert np.array_equal(np.asarray(repeated.pictures[0].image), np.asarray(polished.pictures[1].image))


def test_the_best_of_polished_drafts(studio, drawn):
    run = studio.sketch(drawn, WORDS, polish=0.8, best_of=3, steps=5)
    assert len(run.scores) == 3
    assert run.pictures[0].seed == min(run.scores, key=run.scores.__getitem__)
    with pytest.raises(InputError, match=r"`best_of` needs `polish` above 0.5, .*, got 0.4"):
        studio.sketch(drawn, WORDS, polish=0.4, best_of=3, steps=5)
