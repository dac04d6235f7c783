import pytest
from transformers import CLIPTokenizer

from palitra.train.tokenizer import train_tokenizer
from tests.train.tiny_mini import captioned_set


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tokenizer")
    train_tokenizer(captioned_set().captions, folder, vocab_size=560)
    return CLIPTokenizer.from_pretrained(folder)


TEXTS = (
    "a photo of a big dog",
    "a photo of an elephant, painting",
    "рыжий кот на синем диване",
    "ёжик, съешь ещё щи!",
    "日本語のテキスト",
    "emoji 🐱 and %$#@ signs",
    "naïve café",
)


@pytest.mark.parametrize("text", TEXTS)
def test_any_text_is_encoded_and_comes_back(tokenizer, text):
    ids = tokenizer(text, truncation=False).input_ids
    assert ids[0] == tokenizer.bos_token_id
    assert ids[-1] == tokenizer.eos_token_id
    assert tokenizer.eos_token_id not in ids[1:-1]
    assert all(0 <= i < len(tokenizer) for i in ids)
    back = tokenizer.decode(ids, skip_special_tokens=True, clean_up_tokenization_spaces=False)
    assert back.replace(" ", "") == text.replace(" ", "").lower()


def test_every_byte_can_begin_and_end_a_word(tokenizer):
    # letters whose UTF-8 bytes cover much of 0x80 to 0xbf and the leading bytes of four scripts
    words = [chr(c) for c in (*range(0x21, 0x7F), *range(0xC0, 0x180), *range(0x400, 0x460), 0x4E2D, 0x1F600)]
    for word in words:
        ids = tokenizer(word).input_ids
        assert tokenizer.eos_token_id not in ids[1:-1], word


def test_words_of_the_captions_are_few_tokens(tokenizer):
    assert len(tokenizer("a photo of a big dog").input_ids) <= 8
    assert len(tokenizer("zzz").input_ids) == 5


def test_texts_are_padded_and_cut_to_77(tokenizer):
    made = tokenizer(["", "dog " * 200], padding="max_length", truncation=True, return_tensors="pt").input_ids
    assert made.shape == (2, 77)
    assert made[0, 0] == tokenizer.bos_token_id
    assert (made[0, 1:] == tokenizer.eos_token_id).all()
    assert made[1, -1] == tokenizer.eos_token_id


def test_capitals_and_spaces_do_not_matter(tokenizer):
    assert tokenizer("A  Photo of a DOG").input_ids == tokenizer("a photo of a dog").input_ids


def test_training_twice_gives_the_same_files(tmp_path):
    for name in ("one", "two"):
        train_tokenizer(captioned_set().captions, tmp_path / name, vocab_size=560)
    for file in sorted((tmp_path / "one").iterdir()):
        assert file.read_bytes() == (tmp_path / "two" / file.name).read_bytes()
