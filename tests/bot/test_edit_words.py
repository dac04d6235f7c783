import pytest

from palitra.bot.edit_words import edit_words


@pytest.mark.parametrize(
    ("words", "source", "target"),
    [
        ("dog -> cat", "a photo of a dog", "a photo of a cat"),
        ("dog→cat", "a photo of a dog", "a photo of a cat"),
        ("Dog => elephant", "a photo of a Dog", "a photo of an elephant"),
        ("собака -> кошка", "a photo of a dog", "a photo of a cat"),
        ("Дом ➡️ слон", "a photo of a house", "a photo of an elephant"),
        ("a dog on a sofa --> a cat on a sofa", "a dog on a sofa", "a cat on a sofa"),
        (
            "dog -> cat; an oil painting of a dog;",
            "a photo of a dog",
            "a photo of a cat\nan oil painting of a dog",
        ),
        ("dog -> cat\nhorse", "a photo of a dog", "a photo of a cat\na photo of a horse"),
        ("-> cat", "", "a photo of a cat"),
        ("dog -> cat -> horse", "a photo of a dog", "cat -> horse"),
    ],
)
def test_an_arrow_parts_what_is_there_from_what_should_be(words, source, target):
    found = edit_words(words)
    assert (found.source, found.target) == (source, target)


@pytest.mark.parametrize(
    "words", ["", "a cat", "dog ->", "->", "dog -> ;", "a well-known cat", "2 > 1", "cat - dog"]
)
def test_without_an_arrow_or_a_wish_it_is_no_edit(words):
    assert edit_words(words) is None
