import numpy as np
import pytest

from palitra.errors import InputError
from palitra.recipes.together import Wish, draw_together
from palitra.spec.recipes import SketchToImageParams, TextToImageParams
from tests.tiny_studio import drawing

LONG = "a photo of " + "a very " * 100 + "small cat"


class Heard:
    """Records everything; drops what `drop` says once that many steps were heard."""

    def __init__(self, drop=None):
        self.pictures, self.steps, self.drop = {}, [], drop or {}

    def step(self, wish, done, total, x0):
        assert x0.ndim == 3
        self.steps.append((wish, done, total))

    def picture(self, wish, picture):
        self.pictures.setdefault(wish, {})[picture.seed] = picture

    def dropped(self):
        return {wish for wish, after in self.drop.items() if len(self.steps) >= after}

    def pixels(self, wish):
        return [np.asarray(p.image, dtype=int) for _, p in sorted(self.pictures[wish].items())]


@pytest.fixture(scope="module")
def drawn(studio, tmp_path_factory):
    file = tmp_path_factory.mktemp("drawn") / "cat.png"
    drawing().save(file)
    return studio.prepare(file)


def draw(studio, wishes, **drop):
    heard = Heard(**drop)
    draw_together(studio.model, wishes, heard, studio.predictor()[0])
    return heard


def words(prompt, seed=0, n=1, **more):
    return Wish(TextToImageParams(prompt=prompt, seed=seed, n=n, steps=3, **more))


def sketched(drawn, prompt, seed=0, n=1, **more):
    return Wish(SketchToImageParams(prompt=prompt, seed=seed, n=n, steps=4, **more), drawn)


def close(one, other):
    """One grey level: batched products round otherwise than single ones."""
    return all(np.abs(a - b).max() <= 1 for a, b in zip(one, other, strict=True))


def test_words_together_are_the_pictures_drawn_alone(studio):
    wishes = [words("a cat", 1, 2), words("a dog", 7), words("a house", 3, 3, negative="fog")]
    together = draw(studio, wishes)
    for i, wish in enumerate(wishes):
        alone = studio.text(**wish.params.model_dump(exclude={"recipe", "model"}))
        assert close(together.pixels(i), [np.asarray(p.image, dtype=int) for p in alone.pictures])
    assert not close(together.pixels(1), together.pixels(0)[:1])


@pytest.mark.parametrize("sampler", ["ddim", "dpm++"])
def test_sketches_together_are_the_pictures_drawn_alone(studio, drawn, sampler):
    other = studio.prepare(_mirrored())
    wishes = [
        sketched(drawn, "a cat", 1, 2, sampler=sampler),
        Wish(SketchToImageParams(prompt="a dog", seed=9, steps=4, sampler=sampler), other),
    ]
    together = draw(studio, wishes)
    for i, wish in enumerate(wishes):
        alone = studio.sketch(wish.sketch, **wish.params.model_dump(exclude={"recipe", "model"}))
        assert close(together.pixels(i), [np.asarray(p.image, dtype=int) for p in alone.pictures])


def _mirrored():
    import io

    from PIL import ImageOps

    buffer = io.BytesIO()
    ImageOps.mirror(drawing()).save(buffer, "PNG")
    return buffer.getvalue()


def test_more_rows_than_a_batch_holds(studio):
    heard = draw(studio, [words("a cat", 0, 6), words("a dog", 0, 5)])
    assert [len(heard.pictures[w]) for w in (0, 1)] == [6, 5]
    assert max(done for wish, done, _ in heard.steps if wish == 1) == 15
    assert {total for wish, _, total in heard.steps if wish == 1} == {15}


def test_a_dropped_wish_stops_and_the_others_do_not_notice(studio, drawn):
    whole = draw(studio, [sketched(drawn, "a cat", 1), sketched(drawn, "a dog", 2)])
    dropped = draw(studio, [sketched(drawn, "a cat", 1), sketched(drawn, "a dog", 2)], drop={0: 2})
    assert 0 not in dropped.pictures
    assert max(done for wish, done, _ in dropped.steps if wish == 0) == 1
    assert close(dropped.pixels(1), whole.pixels(1))


def test_when_all_are_dropped_nothing_goes_on(studio):
    heard = draw(studio, [words("a cat"), words("a dog")], drop={0: 2, 1: 2})
    assert heard.pictures == {}
    assert len(heard.steps) == 2


def test_a_long_prompt_does_not_change_its_mates(studio):
    heard = draw(studio, [words("a cat", 5), words(LONG, 5)])
    assert close(heard.pixels(0), draw(studio, [words("a cat", 5)]).pixels(0))
    assert len(heard.pictures[1]) == 1


def test_a_picture_made_together_carries_a_recipe_of_its_own(studio, drawn, tmp_path):
    heard = draw(studio, [sketched(drawn, "a cat", 1), sketched(drawn, "a dog", 2)])
    picture = heard.pictures[1][2]
    assert picture.recipe["params"]["prompt"] == "a dog"
    again = studio.again(picture.save(tmp_path / "dog.png"))
    assert close([np.asarray(again.pictures[0].image, dtype=int)], heard.pixels(1))


def test_nothing_wished_is_nothing_drawn(studio):
    assert draw(studio, []).pictures == {}


def test_what_cannot_be_drawn_together_is_refused(studio, drawn):
    with pytest.raises(InputError, match="`wishes` must be of one batch key"):
        draw(studio, [words("a cat"), words("a dog", sampler="euler")])
    with pytest.raises(InputError, match="`best_of` must be drawn alone"):
        draw(studio, [sketched(drawn, "a cat", best_of=2)])
    with pytest.raises(InputError, match="`edges` must be given"):
        draw_together(studio.model, [sketched(drawn, "a cat")], Heard())
    with pytest.raises(InputError, match="`sketch` must be given"):
        draw(studio, [Wish(SketchToImageParams(prompt="a cat", steps=2))])
