import pytest

from palitra.study.answers import Answer, sieve
from palitra.study.design import NOISE


def check(number, place, *right):
    """A check whose questions were answered rightly or wrongly; noise is on the left."""
    return [
        Answer(number, place, q, NOISE, 0, "right" if r else "left")
        for q, r in zip(("edit", "structure"), right, strict=True)
    ]


def real(number, place=9):
    return Answer(number, place, "edit", 0, 1, "left")


def test_who_fails_more_than_allowed_is_left_out_and_counted():
    answers = [
        *check(0, 0, True, True),
        *check(0, 1, True, True),
        real(0),
        *check(1, 0, True, False),
        *check(1, 1, True, True),
        real(1),
        *check(2, 0, False, False),
        *check(2, 1, False, True),
        real(2),
    ]
    strict, mild = sieve(answers, 2, 0), sieve(answers, 2, 1)
    assert (strict.participants, strict.left_out, strict.answers) == (1, 2, (real(0),))
    assert (mild.participants, mild.left_out, mild.answers) == (2, 1, (real(0), real(1)))
    assert sieve(answers, 2, 2).left_out == 0


def test_who_saw_no_check_counts_only_where_there_is_none():
    answers = [real(0), *check(1, 3, True, True), real(1)]
    made = sieve(answers, 2, 1)
    assert (made.participants, made.unchecked, made.answers) == (1, 1, (real(1),))
    assert sieve([real(0)], 0, 0).participants == 1


@pytest.mark.parametrize(
    ("left", "right", "choice", "fine"),
    [
        (NOISE, 2, "right", True),
        (NOISE, 2, "left", False),
        (2, NOISE, "left", True),
        (2, NOISE, "right", False),
        (2, NOISE, "equal", False),
    ],
)
def test_noise_is_never_the_better_one(left, right, choice, fine):
    answer = Answer(0, 0, "edit", left, right, choice)
    assert answer.is_check
    assert answer.is_attentive == fine


def test_of_no_answers_there_is_nobody():
    assert sieve([], 4, 1) == sieve([], 0, 0)
