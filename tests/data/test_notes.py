import string

import pytest

from palitra.data.notes import _TEXTS, NOTE_CODES, note
from palitra.errors import InputError


@pytest.mark.parametrize("code", NOTE_CODES)
def test_both_languages_name_the_same_values(code):
    names = [{f for _, f, _, _ in string.Formatter().parse(text) if f} for text in _TEXTS[code]]
    assert names[0] == names[1]
    filled = note(code, **dict.fromkeys(names[0], 3.14159))
    assert all(filled.text(language).endswith(".") for language in ("en", "ru"))
    assert filled.text("en") != filled.text("ru")


def test_values_are_shown_and_words_translated():
    assert "3.1 px" in note("lines_thinned", found=3.14, wanted=1.25).text("en")
    assert "белый цвет" in note("transparency_flattened", ground="white").text("ru")


def test_other_languages_are_refused():
    with pytest.raises(InputError, match="`language` must be en or ru, got 'de'"):
        note("specks_removed", count=2).text("de")
