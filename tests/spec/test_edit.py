"""The recipe of edits: wishes by lines, and sentences for what cannot be asked."""

import typing

import pytest

from palitra.errors import InputError
from palitra.spec.build import build, recipe_params, title_of
from palitra.spec.edit import EDIT_METHODS, EditMethodName, EditParams


def test_a_line_is_a_wish_and_the_same_line_twice_is_one():
    params = EditParams(target="  a cat \n\n a dog\na cat\n")
    assert params.wishes() == ["a cat", "a dog"]
    assert params.work() == 2 * 50
    assert EditParams(target="a cat\na dog", n=3, steps=10).work() == 60


def test_a_title_says_from_what_to_what():
    assert EditParams(target="a cat\na dog").wish() == "… → a cat; a dog"
    stored = EditParams(source="a fox", target="a cat").model_dump(mode="json")
    assert title_of(stored) == "a fox → a cat"
    assert recipe_params(stored) == EditParams(source="a fox", target="a cat")


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({}, "`target` must be given"),
        ({"target": " \n "}, r"`target` must not be empty, got ' \n '"),
        (
            {"target": "\n".join(map(str, range(17)))},
            "`target` must have at most 16 lines, one wish each, got 17",
        ),
        (
            {"target": "\n".join(map(str, range(16))), "n": 5},
            "`target` must ask for at most 64 pictures (wishes times `n`), got 80",
        ),
        ({"target": "a cat", "n": 17}, "`n` must be in [1, 16], got 17"),
        ({"target": "a cat", "strength": 1.5}, "`strength` must be in [0, 1], got 1.5"),
        ({"target": "a cat", "method": "magic"}, "`method` must be one of guide-and-rescale, "),
        ({"target": "a cat", "prompt": "a dog"}, "`prompt` must be one of seed, n, model, recipe, target"),
    ],
)
def test_bad_values_name_field_bound_and_value(values, sentence):
    with pytest.raises(InputError) as told:
        build(EditParams, values)
    assert str(told.value).startswith(sentence)


def test_every_method_has_words_and_a_place_among_the_values():
    assert typing.get_args(EditMethodName) == tuple(EDIT_METHODS)
    schema = EditParams.model_json_schema()["properties"]
    assert schema["method"]["enum"] == list(EDIT_METHODS)
    assert schema["method"]["choices"].keys() == EDIT_METHODS.keys()
    assert schema["preset"]["choices"]["style"]["ru"]["label"] == "Стиль"
    for method in EDIT_METHODS.values():
        assert method.en.help.endswith(".")
        assert method.ru.help.endswith(".")
