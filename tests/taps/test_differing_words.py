import pytest

from palitra.models.clip_text import load_tokenizer
from palitra.models.tiny import write_tiny_stable_diffusion
from palitra.taps.differing_words import differing_words
from palitra.taps.prompt_tokens import read_prompt


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory):
    return load_tokenizer(write_tiny_stable_diffusion(tmp_path_factory.mktemp("words") / "m") / "tokenizer")


def told(tokenizer, source, target):
    """The text of the lost and of the new words."""
    old, new = read_prompt(tokenizer, source), read_prompt(tokenizer, target)
    gone, come = differing_words(old, new)

    def text(prompt, positions):
        spans = dict(zip(prompt.positions, prompt.spans, strict=True))
        return " ".join("".join(prompt.text[slice(*spans[p])]) for p in positions)

    return text(old, gone), text(new, come)


@pytest.mark.parametrize(
    ("source", "target", "lost", "new"),
    [
        ("a photo of a cat", "a photo of a dog", "cat", "dog"),
        ("a photo of a cat", "a photo of a red cat", "", "red"),
        ("a photo of a cat in snow", "a photo of a cat", "in snow", ""),
        ("a photo of a cat", "a painting of the dog", "photo cat", "painting dog"),
        ("A photo of a Cat.", "a photo of the cat", "", ""),
        ("", "a photo of a dog", "", "photo of dog"),
        ("", "", "", ""),
    ],
)
def test_words_that_come_and_go(tokenizer, source, target, lost, new):
    made = tuple(t.replace("i n", "in") for t in told(tokenizer, source, target))
    assert made == (lost, new)


def test_punctuation_beside_a_word_is_not_looked_at(tokenizer):
    assert told(tokenizer, "a photo", "a photo, dog!")[1] == "dog"
