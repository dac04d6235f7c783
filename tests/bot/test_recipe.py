"""New recipes appear by their schema alone."""

import pytest

from palitra.bot.conversation import recipe_for
from palitra.bot.memory import Dialogue, Person
from palitra.bot.recipe import Preset, Recipe
from palitra.errors import InputError

TEXT = {"en": {"label": "Label", "help": ""}, "ru": {"label": "Имя", "help": ""}}


def recipe(name="r", inputs=(), **properties):
    given = [{"name": n, "kind": kind, "required": required} for n, kind, required in inputs]
    fields = {k: {"level": "basic", "text": TEXT, **v} for k, v in properties.items()}
    return Recipe.of(name, {"title": TEXT, "inputs": given, "schema": {"properties": fields}})


def test_dials_are_basic_fields_with_few_choices():
    found = recipe(
        n={"type": "integer", "minimum": 1, "maximum": 64, "default": 1},
        share={"type": "number", "minimum": 0, "maximum": 1, "default": 0.5},
        on={"type": "boolean", "default": False},
        mode={"enum": ["a", "b"], "type": "string"},
        words={"type": "string"},
        free={"type": "number"},
        hidden={"type": "boolean", "level": "hidden"},
    ).dials()
    assert {dial.name: dial.choices for dial in found} == {
        "n": (1, 2, 3, 4),
        "share": (0, 0.2, 0.4, 0.5, 0.6, 0.8, 1),
        "on": (False, True),
        "mode": ("a", "b"),
    }


def classes():
    return recipe(
        model={"enum": ["a", "b"], "default": "a", "type": "string"},
        label={
            "depends": {"on": "model", "choices": {"a": ["all", "cat"], "b": ["all"]}},
            "titles": {"en": {}, "ru": {"all": "все"}},
        },
        steps={"type": "integer", "depends": {"on": "model", "only": ["b"]}},
        n={"type": "integer", "minimum": 1, "maximum": 100, "default": 10},
    )


def test_subjects_and_fields_follow_the_model():
    one, best = classes(), [Preset("best", TEXT, {"steps": 40})]
    assert (one.subject, one.subjects({}), one.subjects({"model": "b"})) == (
        "label",
        ("all", "cat"),
        ("all",),
    )
    assert one.fields({"quality": "best"}, best) == {}
    assert one.fields({"quality": "best", "model": "b"}, best) == {"steps": 40, "model": "b"}
    assert one.subjects({"model": "gone"}) == ("all", "cat")
    assert recipe(prompt={}, mode={"enum": ["a"]}).subject is None
    assert {dial.name: dial.choices for dial in one.dials()}["n"] == (1, 2, 3, 4, 10)


def test_subjects_are_shown_in_the_language_asked_for():
    one = classes()
    assert [one.subject_title(name, "ru") for name in ("all", "cat")] == ["все", "cat"]
    assert one.subject_title("all", "en") == "all"
    assert recipe(prompt={}).subject_title("all", "ru") == "all"


def test_words_never_go_to_a_recipe_that_takes_none():
    chosen = {"classes": classes(), "words": recipe("words", prompt={})}
    person = Person(7, recipe="classes")
    assert recipe_for(chosen, Dialogue(), person, pictures=False).name == "words"


def test_a_preset_fills_in_what_the_recipe_has_and_dials_win():
    one = recipe(steps={"type": "integer"}, n={"type": "integer"})
    presets = [Preset("best", TEXT, {"steps": 40, "n": 2, "best_of": 8})]
    assert one.fields({"quality": "best", "n": 3}, presets) == {"steps": 40, "n": 3}
    assert one.fields({"preset": "gone"}, presets) == {}


def test_a_recipe_for_one_picture_makes_a_job_of_each():
    sketch = recipe(inputs=[("sketch", "sketch", True), ("strictness", "map", False)])
    assert sketch.portions([{"file": "1"}, {"file": "2"}]) == [
        {"sketch": {"file": "1"}},
        {"sketch": {"file": "2"}},
    ]


def test_a_recipe_for_several_photos_takes_them_together():
    names = [("photo", "photo", True), ("photo_2", "photo", False), ("photo_3", "photo", False)]
    portions = recipe(inputs=names).portions([{"file": str(i)} for i in range(4)])
    assert [list(portion) for portion in portions] == [["photo", "photo_2", "photo_3"], ["photo"]]


def test_the_chosen_recipe_counts_where_it_fits():
    words, sketch = recipe("words"), recipe("sketch", [("sketch", "sketch", True)])
    other = recipe("other", [("photo", "photo", True)])
    recipes = {each.name: each for each in (words, sketch, other)}
    anybody = Person(7)
    assert recipe_for(recipes, Dialogue(), anybody, pictures=False) is words
    assert recipe_for(recipes, Dialogue(), anybody, pictures=True) is sketch
    assert recipe_for(recipes, Dialogue("other"), anybody, pictures=True) is other
    assert recipe_for(recipes, Dialogue(), Person(7, recipe="other"), pictures=True) is other
    assert recipe_for(recipes, Dialogue("other"), anybody, pictures=False) is words
    with pytest.raises(InputError, match="must take pictures"):
        recipe_for({"words": words}, Dialogue(), anybody, pictures=True)


def test_what_people_are_offered_is_asked_for_until_they_choose_otherwise():
    one = recipe(
        upscale={"type": "boolean", "default": False, "offered": True, "level": "advanced"},
        large={"type": "boolean", "default": False, "offered": True},
    )
    assert [(dial.name, dial.default) for dial in one.dials()] == [("large", True)]
    assert one.fields({}, ()) == {"upscale": True, "large": True}
    assert one.fields({"large": False}, ()) == {"upscale": True, "large": False}
    assert recipe(n={"type": "integer"}).fields({}, ()) == {}
