import pytest

from palitra.errors import InputError
from palitra.service.filters.words import WordFilter, skeleton, words_of
from palitra.service.settings import Settings

LIST = ["nude", "porn*", "порн*", "голый", "обнажён*  # with every ending", "", "# a remark"]


@pytest.fixture
def words():
    return WordFilter(LIST)


@pytest.mark.parametrize(
    "prompt",
    [
        "a nude",
        "NUDE, on a chair",
        "a (nude:1.2) person",
        "pornographic",
        "порнография",
        "голый человек",
        "ГОЛЫЙ",
        "обнаженная",
        "обнажённая натура",
        "n u d e",
        "n.u-d_e",
        "nuuuude",
        "nüde",
        "nu\u200bde",
        "nu\u00adde",
        "ｎｕｄｅ",
        "𝓃𝓊𝒹𝑒",
        "nud\u0435",  # Cyrillic е
        "p0rn",
        "гoлый",  # Latin o
        "пopнo",  # Latin o and p
        "he said: nude",
    ],
)
def test_words_of_the_list_are_found_however_they_are_disguised(words, prompt):
    assert words.refuses_prompt(prompt)


@pytest.mark.parametrize(
    "prompt",
    [
        "",
        "a photo of a giraffe",
        "denude the landscape",
        "a popcorn stand",
        "головной убор",
        "голыш на берегу",
        "горе и радость",
        "обнажать",
        "a n u",
        "300 spartans",
        "a, b, c",
        "🙂" * 50,
        "\x00\ud800",
    ],
)
def test_other_words_pass(words, prompt):
    assert not words.refuses_prompt(prompt)


def test_skeletons_are_the_same_for_what_looks_the_same():
    assert skeleton("Ночь") == skeleton("HOЧЬ".replace("H", "Н"))
    assert skeleton("scope") == skeleton("ѕсоре")
    assert words_of("a b c d") == ["a", "b", "c", "d", "abcd"]


def test_the_shipped_list_says_no_to_what_it_is_for_and_yes_to_pictures(tmp_path):
    shipped = WordFilter.of(Settings(folder=tmp_path))
    assert all(map(shipped.refuses_prompt, ("nsfw", "голые люди", "порно", "расчленёнка", "nudes")))
    for prompt in ("a photo of a cat", "рисунок дома", "a red car", "кот на окне", "гора, горный пейзаж"):
        assert not shipped.refuses_prompt(prompt)


def test_an_own_list_takes_its_place(tmp_path):
    path = tmp_path / "words.txt"
    path.write_text("кот\n", "utf-8")
    own = WordFilter.of(Settings(folder=tmp_path, filter_words=path))
    assert own.refuses_prompt("рыжий кот")
    assert not own.refuses_prompt("nsfw")
    with pytest.raises(InputError, match="`filter_words` must be a readable text file"):
        WordFilter.of(Settings(folder=tmp_path, filter_words=tmp_path / "none.txt"))


def test_an_empty_list_refuses_nothing():
    assert not WordFilter([]).refuses_prompt("anything")


def test_long_prompts_are_read_quickly(words):
    assert not words.refuses_prompt("a " * 1000)
    assert not words.refuses_prompt("ааааа" * 400)
