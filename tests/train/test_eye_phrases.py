import pytest

from palitra.train.eye_phrases import collect_phrases, eye_phrasings


@pytest.mark.parametrize(
    ("caption", "concept", "expected"),
    [
        (
            "a photo of a siamese cat",
            "cat",
            (
                *("a photo of a siamese cat", "a photo of a cat", "photo of a siamese cat"),
                *("a siamese cat", "siamese cat"),
            ),
        ),
        (
            "a sketch of an elephant",
            "elephant",
            (
                *("a sketch of an elephant", "sketch of an elephant", "an elephant", "elephant"),
                *("elephant sketch", "an elephant, sketch"),
            ),
        ),
    ],
)
def test_phrasings_keep_kind_and_thing(caption, concept, expected):
    assert eye_phrasings(caption, concept) == expected


def test_words_without_a_kind_fit_every_kind():
    captions = ("a photo of a horse", "a sketch of a horse", "a photo of a dog")
    phrases, fits = collect_phrases(captions, ("horse", "horse", "dog"))
    assert fits[:, phrases.index("horse")].tolist() == [True, True, False]
    assert fits[:, phrases.index("a sketch of a horse")].tolist() == [False, True, False]
    assert len(set(phrases)) == len(phrases)


def test_a_breed_fits_its_concept_but_not_the_other_way_round():
    phrases, fits = collect_phrases(("a photo of a cat", "a photo of a siamese cat"), ("cat", "cat"))
    assert fits[:, phrases.index("a photo of a cat")].tolist() == [True, True]
    assert fits[:, phrases.index("siamese cat")].tolist() == [False, True]
