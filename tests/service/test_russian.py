"""Every sentence that the service can answer has a Russian form: they are found in the source."""

import ast
import re

import pytest
from pydantic import ValidationError

from palitra.errors import InputError, PalitraError
from palitra.service.api import problems
from palitra.service.api.keys import KeyWish
from palitra.service.api.validation import request_sentence
from palitra.service.russian import _forms, in_russian
from palitra.spec.build import build
from palitra.spec.recipes import SketchToImageParams
from tests.architecture.modules import PACKAGE, modules

CYRILLIC = re.compile("[а-яё]")
# where errors are raised that can reach people through the service
PARTS = (
    "service/",
    "data/images.py",
    "data/sketch_input.py",
    "spec/build.py",
    "recipes/generate.py",
    "recipes/together.py",
    "recipes/sketch_to_image.py",
    "recipes/class_conditional.py",
    "zoo/embedded.py",
    "models/zoo.py",
    "conditions/",
)
# told to the operator who starts the service
OPERATORS = (
    "service/settings.py",
    "service/migrations.py",
    "service/filters/",
    "service/files/provenance.py",
)
BUILT = "service/api/validation.py"
"""Builds its sentences of pieces; its own tests below say them whole."""


def text_of(node):
    """A string or an f-string with its values as 7."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(str(v.value) if isinstance(v, ast.Constant) else "7" for v in node.values)
    return None


def sentences():
    for module in modules():
        if not module.name.startswith(PARTS) or module.name.startswith((*OPERATORS, BUILT)):
            continue
        inside = {part for n in ast.walk(module.tree) if isinstance(n, ast.JoinedStr) for part in n.values}
        for node in ast.walk(module.tree):
            text = text_of(node) if node not in inside else None
            if text and re.match(r"`[\w./-]+`(\.| of| weights|) (must|needs|holds|7 is) ?", text):
                yield module.name, text


FOUND = sorted(set(sentences()))


def test_there_are_many():
    assert len(FOUND) > 60


@pytest.mark.parametrize(("where", "sentence"), FOUND)
def test_a_sentence_of_the_source_has_a_russian_form(where, sentence):
    # what is read from a file's first bytes is a phrase of its own
    assert CYRILLIC.search(in_russian(sentence)), f"{where}: {sentence}"


def test_every_form_takes_over_the_values_of_the_english_one():
    forms, phrases = _forms()
    assert len(forms) > 60
    for form, russian in forms:
        used = set(re.findall(r"\{(\w+)\}", russian))
        assert used <= form.groupindex.keys(), russian
        assert CYRILLIC.search(russian), russian
    assert all(CYRILLIC.search(phrase) for phrase in phrases.values())


def codes():
    """Every stable code: of the error classes and of the problems that have none."""

    def below(kind):
        yield kind
        for each in kind.__subclasses__():
            yield from below(each)

    own = {kind.code for kind in below(PalitraError) if kind.__module__.startswith("palitra.")}
    return sorted(own | set(problems.TITLES) | {code for code, _ in problems.BY_STATUS.values()})


@pytest.mark.parametrize("code", codes())
def test_every_code_has_a_title_in_both_languages(code):
    titles = problems.TITLES[code]
    assert titles.keys() == {"en", "ru"}
    assert CYRILLIC.search(titles["ru"])
    assert not CYRILLIC.search(titles["en"])


@pytest.mark.parametrize(
    "detail",
    [problems.DATABASE, problems.FAULT, problems.UNREADABLE, *(d for _, d in problems.BY_STATUS.values())],
)
def test_details_without_an_error_class_are_in_both_languages(detail):
    assert CYRILLIC.search(in_russian(detail))


@pytest.mark.parametrize(
    ("change", "russian"),
    [
        ({"steps": 0}, "`steps`: допустимо [1, 1000], получено 0"),
        ({"fidelity": 3}, "`fidelity`: допустимо [0, 1], получено 3"),
        ({"prompt": " "}, "`prompt`: не может быть пустым, получено ' '"),
        ({"prompt": "x" * 2001}, "`prompt`: не больше 2000 знаков, получено 2001"),
        ({"sampler": "best"}, "`sampler`: бывает ddim, ddpm, euler, heun, dpm++, получено best"),
        ({"seed": "seven"}, "`seed`: ожидается целое число, получено 'seven'"),
        ({"n": 1.5}, "`n`: ожидается целое число, получено 1.5"),
        ({"negative": 5}, "`negative`: ожидается строка, получено 5"),
    ],
)
def test_dials_name_field_bound_and_value_in_russian(change, russian):
    with pytest.raises(InputError) as bad:
        build(SketchToImageParams, {"prompt": "a cat", **change})
    assert in_russian(str(bad.value)) == russian


@pytest.mark.parametrize(
    ("wish", "english", "russian"),
    [
        ({}, "`owner` must be given", "`owner`: это нужно указать"),
        (
            {"owner": "a" * 81},
            "`owner` must have at most 80 characters, got 81",
            "`owner`: не больше 80 знаков, получено 81",
        ),
        (
            {"owner": "a", "role": "god"},
            "`role` must be one of user, operator, agent, got god",
            "`role`: бывает user, operator, agent, получено god",
        ),
        (
            {"owner": ""},
            "`owner` must have at least 1 characters, got 0",
            "`owner`: не меньше 1 знаков, получено 0",
        ),
        ({"owner": 5}, "`owner` must be a valid string, got 5", "`owner`: ожидается строка, получено 5"),
    ],
)
def test_requests_name_field_bound_and_value(wish, english, russian):
    with pytest.raises(ValidationError) as bad:
        KeyWish(**wish)
    error = bad.value.errors()[0]
    told = request_sentence({**error, "loc": ("body", *error["loc"])})
    assert told == english
    assert in_russian(told) == russian


def test_what_nobody_wrote_stays_english():
    assert in_russian("a sentence that nobody knows") == "a sentence that nobody knows"


def test_braces_and_line_breaks_in_values_do_no_harm():
    assert (
        in_russian("`recipe` must be one of a, b, got {x}\n{0}") == "`recipe`: бывает a, b, получено {x}\n{0}"
    )


def test_the_package_carries_the_forms():
    assert (PACKAGE / "locale" / "sentences_ru.toml").is_file()
