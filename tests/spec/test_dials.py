import pytest

from palitra.spec.build import RECIPES
from palitra.spec.classes import ClassesParams
from palitra.spec.dials import LANGUAGES, batch_key, batching_of
from palitra.spec.recipes import RecipeParams, SketchToImageParams, TextToImageParams

FIELDS = [(kind, name) for kind in RECIPES.values() for name in kind.model_fields]


@pytest.mark.parametrize(("kind", "name"), FIELDS)
def test_every_field_says_whether_it_is_part_of_the_batch_key(kind, name):
    assert batching_of(kind, name) in ("key", "exempt")


def test_a_field_that_does_not_say_is_found():
    class Forgetful(RecipeParams):
        size: int = 64

    with pytest.raises(LookupError, match="`size` of Forgetful"):
        batching_of(Forgetful, "size")
    with pytest.raises(LookupError):
        batch_key(Forgetful())


def test_words_and_seeds_may_differ_within_a_key():
    one = SketchToImageParams(prompt="a cat", seed=1, n=2, negative="fog")
    assert batch_key(one) == batch_key(SketchToImageParams(prompt="a dog"))


@pytest.mark.parametrize(
    "change",
    [
        {"steps": 20},
        {"prompt_scale": 2.0},
        {"model": "sd15"},
        {"sampler": "euler"},
        {"fidelity": 0.7},
        {"beta": 1.0},
        {"stop": 0.1},
        {"best_of": 2},
        {"partial": True},
    ],
)
def test_what_the_network_calls_depend_on_parts_keys(change):
    keys = {batch_key(SketchToImageParams(prompt="a cat", **values)) for values in ({}, change)}
    assert len(keys) == 2


@pytest.mark.parametrize("change", [{"truncation": 0.5}, {"guidance": 1.0}, {"steps": 9}, {"model": "b"}])
def test_what_classes_are_drawn_with_parts_keys(change):
    keys = {batch_key(ClassesParams(**{"model": "a", **values})) for values in ({}, change)}
    assert len(keys) == 2
    assert batch_key(ClassesParams(model="a", label="cat", n=3)) == batch_key(ClassesParams(model="a"))


def test_recipes_never_share_a_key():
    assert batch_key(TextToImageParams(prompt="x")) != batch_key(SketchToImageParams(prompt="x"))


@pytest.mark.parametrize(("kind", "name"), FIELDS)
def test_every_field_a_form_shows_has_words_in_every_language(kind, name):
    extra = kind.model_fields[name].json_schema_extra
    if name == "recipe":
        return
    for language in LANGUAGES:
        words = extra["text"][language]
        assert words["label"]
        assert words["help"].endswith(".")


@pytest.mark.parametrize("kind", RECIPES.values())
def test_recipes_and_their_inputs_have_words_in_every_language(kind):
    for language in LANGUAGES:
        assert kind.title[language].label
        for given in kind.inputs:
            assert getattr(given, language).help.endswith(".")
