import string

import pytest

from palitra.bot.texts import LANGUAGES, PLURALS, TEXTS, count, duration, language_of, say


def test_every_sentence_is_there_in_both_languages():
    assert {key: tuple(text) for key, text in TEXTS.items() if tuple(text) != LANGUAGES} == {}
    assert [key for key, text in TEXTS.items() if not all(text.values())] == []


def test_both_languages_have_the_same_values_to_fill_in():
    def fields(text):
        return sorted(name for _, name, _, _ in string.Formatter().parse(text) if name)

    assert [key for key, text in TEXTS.items() if fields(text["en"]) != fields(text["ru"])] == []


def test_plurals_have_the_forms_of_their_language():
    assert {len(forms["en"]) for forms in PLURALS.values()} == {2}
    assert {len(forms["ru"]) for forms in PLURALS.values()} == {3}


@pytest.mark.parametrize(
    ("n", "en", "ru"),
    [
        (0, "0 pictures", "0 картинок"),
        (1, "1 picture", "1 картинка"),
        (2, "2 pictures", "2 картинки"),
        (5, "5 pictures", "5 картинок"),
        (11, "11 pictures", "11 картинок"),
        (12, "12 pictures", "12 картинок"),
        (21, "21 pictures", "21 картинка"),
        (22, "22 pictures", "22 картинки"),
        (25, "25 pictures", "25 картинок"),
        (111, "111 pictures", "111 картинок"),
        (121, "121 pictures", "121 картинка"),
    ],
)
def test_numbers_and_their_nouns(n, en, ru):
    assert count("en", n, "pictures") == en
    assert count("ru", n, "pictures") == ru


@pytest.mark.parametrize(
    ("seconds", "en", "ru"),
    [
        (0, "5 seconds", "5 секунд"),
        (22, "20 seconds", "20 секунд"),
        (91, "2 minutes", "2 минуты"),
        (60 * 21, "21 minutes", "21 минуту"),
        (5400, "2 hours", "2 часа"),
    ],
)
def test_times_stand_after_about(seconds, en, ru):
    assert duration("en", seconds) == en
    assert say("ru", "left", time=duration("ru", seconds)) == f"ещё примерно {ru}"


@pytest.mark.parametrize(
    ("code", "language"), [("ru", "ru"), ("ru-RU", "ru"), ("en", "en"), ("de", "en"), (None, "en")]
)
def test_telegrams_language(code, language):
    assert language_of(code) == language
