import pytest

from palitra.errors import InputError
from palitra.models.tiny import _tokenizer
from palitra.taps.prompt_tokens import read_prompt


@pytest.fixture(scope="module")
def tokenizer():
    return _tokenizer()


def published_word_tokens(tokenizer, text, word):
    """The published rule: decoded lengths are counted until a word between spaces is covered."""
    words, found, k, covered = text.split(" "), [], 0, 0
    ids = tokenizer(text).input_ids[1:-1]
    for position, token in enumerate(ids):
        covered += len(tokenizer.decode([token]).strip())
        if words[k] == word:
            found.append(position + 1)
        if covered >= len(words[k]):
            k, covered = k + 1, 0
    return tuple(found)


@pytest.mark.parametrize("word", ["cat", "zebra", "photo", "a", "striped", "snow"])
def test_plain_words_have_the_published_tokens(tokenizer, word):
    text = "a photo of a striped zebra and a cat in snow"
    assert read_prompt(tokenizer, text).find(word) == published_word_tokens(tokenizer, text, word)


def test_tokens_are_those_of_the_whole_prompt(tokenizer):
    prompt = read_prompt(tokenizer, "a photo of a cat")
    assert list(prompt.ids) == tokenizer("a photo of a cat").input_ids[1:-1]
    assert prompt.positions == (1, 2, 3, 4, 5)
    assert prompt.marks == (0, 6)
    assert prompt.padding == tuple(range(7, 77))


def test_case_and_punctuation_do_not_count(tokenizer):
    prompt = read_prompt(tokenizer, 'A Cat, sleeping; the "cat" (red)')
    first, second = (w for w in prompt.words if w.core == "cat")
    assert prompt.find("cat") == (*first.core_tokens, *second.core_tokens)
    assert len(prompt.find("cat")) == 2
    assert prompt.find("Cat,") == (*first.tokens, *second.core_tokens)
    assert len(prompt.find("Cat,")) == 3


def test_a_word_inside_another_is_not_found(tokenizer):
    with pytest.raises(InputError, match="got `cat`"):
        read_prompt(tokenizer, "a catalogue of red-cat houses").find("cat")


def test_words_in_a_row_are_found_together(tokenizer):
    prompt = read_prompt(tokenizer, "a red car on a red car and a red house")
    assert len(prompt.find("red car")) == 4
    assert set(prompt.find("red car")) < {*prompt.find("red"), *prompt.find("car")}


def test_letters_of_several_bytes_stay_in_their_word(tokenizer):
    prompt = read_prompt(tokenizer, "кот  и café, 猫")
    assert [w.text for w in prompt.words] == ["кот", "и", "café,", "猫"]
    assert sorted(p for w in prompt.words for p in w.tokens) == list(prompt.positions)
    assert all(w.tokens for w in prompt.words)


def test_pieces_are_tokenised_as_they_are_encoded(tokenizer):
    # a weight on a part of a word makes pieces that a tokenizer would not cut
    prompt = read_prompt(tokenizer, ["a c", "at in ", "snow"])
    joined = [i for p in ("a c", "at in ", "snow") for i in tokenizer(p).input_ids[1:-1]]
    assert list(prompt.ids) == joined
    assert len(prompt.find("cat")) == len(tokenizer("c").input_ids) + len(tokenizer("at").input_ids) - 4


def test_windows_have_marks_of_their_own(tokenizer):
    prompt = read_prompt(tokenizer, " ".join(["cat"] * 80), windows=2)
    assert prompt.length == 154
    assert prompt.positions[74:76] == (75, 78)
    assert prompt.marks == (0, 76, 77, 83)
    assert prompt.padding == tuple(range(84, 154))


def test_what_does_not_fit_is_refused(tokenizer):
    with pytest.raises(InputError, match="at most 75 tokens, got 80"):
        read_prompt(tokenizer, " ".join(["cat"] * 80))


@pytest.mark.parametrize("word", ["dog", "", "photo cat"])
def test_absent_words_are_named(tokenizer, word):
    with pytest.raises(InputError, match=f"got `{word}`"):
        read_prompt(tokenizer, "a photo of a cat").find(word)
