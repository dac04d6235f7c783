import itertools

import pytest
import torch

from palitra.errors import InputError
from palitra.models.tiny import _tokenizer
from palitra.taps.prompt_tokens import read_prompt
from palitra.taps.word_alignment import (
    at_positions,
    refinement,
    replacement,
    stacked,
    swapped_words,
)


@pytest.fixture(scope="module")
def read():
    tokenizer = _tokenizer()
    return lambda text, windows=1: read_prompt(tokenizer, text, windows)


PAIRS = [
    ("a photo of a cat", "a photo of a dog"),
    ("a photo of a cat", "a photo of a zebra in snow"),
    ("a photo of a zebra in snow", "a photo of a cat"),
    ("a cat", "a red cat, a photo"),
    ("", "a photo of a cat"),
    ("a photo of a cat", ""),
]


@pytest.mark.parametrize("way", [refinement, replacement])
@pytest.mark.parametrize("official", [False, True])
@pytest.mark.parametrize("text", ["", "a photo of a zebra, in snow"])
def test_equal_prompts_align_as_they_are(read, way, official, text):
    found = way(read(text), read(text), official)
    assert torch.equal(found.transport, torch.eye(77))
    assert torch.equal(found.taken, torch.ones(77))


def best_score(x, y):
    """Score of the best global alignment, by trying every choice of pairs."""
    best = 0
    for count in range(min(len(x), len(y)) + 1):
        for i, j in itertools.product(
            itertools.combinations(range(len(x)), count), itertools.combinations(range(len(y)), count)
        ):
            best = max(best, sum(1 if x[a] == y[b] else -1 for a, b in zip(i, j, strict=True)))
    return best


@pytest.mark.parametrize(("source", "target"), [*PAIRS[:1], PAIRS[3], ("a cat a dog", "dog a cat a a")])
def test_refinement_is_a_best_alignment_of_equal_tokens(read, source, target):
    x, y = read(source), read(target)
    transport = refinement(x, y).transport
    pairs = [(i - 1, j - 1) for i, j in transport.nonzero().tolist() if i in x.positions and j in y.positions]
    assert all(x.ids[i] == y.ids[j] for i, j in pairs)
    assert pairs == sorted(pairs)
    assert len({i for i, _ in pairs}) == len(pairs) == len({j for _, j in pairs})
    assert len(pairs) == best_score(x.ids, y.ids)


def published_refinement(x, y, length=77):
    """Mapper and mask as the published code gives them: scores with the marks in, traced from the end."""
    n, m = len(x), len(y)
    score, way = torch.zeros(n + 1, m + 1), {}
    for i, j in itertools.product(range(1, n + 1), range(1, m + 1)):
        options = (
            (score[i, j - 1], "left"),
            (score[i - 1, j], "up"),
            (score[i - 1, j - 1] + (1 if x[i - 1] == y[j - 1] else -1), "pair"),
        )
        score[i, j] = max(o[0] for o in options)
        way[i, j] = next(o[1] for o in options if o[0] == score[i, j])
    mapper = list(range(length))
    i, j = n, m
    while i or j:
        step = "left" if i == 0 else "up" if j == 0 else way[i, j]
        if step == "pair":
            i, j = i - 1, j - 1
            mapper[j] = i
        elif step == "left":
            j -= 1
            mapper[j] = -1
        else:
            i -= 1
    return mapper


@pytest.mark.parametrize(("source", "target"), [*PAIRS, ("a cat a dog a", "a dog a a cat a")])
def test_official_refinement_is_the_published_one(read, source, target):
    x, y = read(source), read(target)
    found = refinement(x, y, official=True)
    mapper = published_refinement([-1, *x.ids, -2], [-1, *y.ids, -2])
    assert found.taken.tolist() == [float(i != -1) for i in mapper]
    for j, i in enumerate(mapper):
        wanted = at_positions([i] if i != -1 else [], 77)
        assert torch.equal(found.transport[:, j], wanted)


@pytest.mark.parametrize(("source", "target"), PAIRS)
def test_refinement_pairs_padding_with_padding(read, source, target):
    x, y = read(source), read(target)
    transport = refinement(x, y).transport
    for i, j in transport.nonzero().tolist():
        assert (i in x.padding) == (j in y.padding)
        assert (i in x.marks) == (j in y.marks)
    assert float(transport.sum(1).max()) == 1
    common = min(len(x.padding), len(y.padding))
    assert float(transport[:, list(y.padding)].sum()) == common


def test_new_tokens_are_left_to_the_edit(read):
    x, y = read("a photo of a cat"), read("a photo of a red cat")
    found = refinement(x, y)
    assert found.taken[list(y.find("red"))].tolist() == [0]
    assert found.transport[x.find("cat")[0], y.find("cat")[0]] == 1
    # all of the photo's map is used but for the last padding token, which moved out of the window
    assert found.transport.sum(1).tolist() == [1] * 76 + [0]


def test_replacement_spreads_a_word_over_its_new_tokens(read):
    x, y = read("a photo of a cat in snow"), read("a photo of a zebra in snow")
    found = replacement(x, y)
    new = list(y.find("zebra"))
    assert len(new) == 5
    assert torch.allclose(found.transport[x.find("cat")[0], new], torch.full((5,), 0.2))
    assert found.transport[x.find("snow")[0], y.find("snow")[0]] == 1
    assert torch.equal(found.taken, torch.ones(77))


def test_replacement_gathers_a_word_of_more_tokens(read):
    x, y = read("a photo of a zebra in snow"), read("a photo of a cat in snow")
    transport = replacement(x, y).transport
    assert transport[list(x.find("zebra")), y.find("cat")[0]].tolist() == [1] * 5
    assert torch.equal(transport.sum(1), torch.ones(77))


def published_replacement(source, target, x_words, y_words, length=77):
    """The published walk over both prompts, with its slip behind the last different word."""
    old = [w.tokens for w, v in zip(x_words, y_words, strict=True) if w.text != v.text]
    new = [v.tokens for w, v in zip(x_words, y_words, strict=True) if w.text != v.text]
    made = torch.zeros(length, length)
    i = j = k = 0
    while i < length and j < length:
        if k < len(old) and old[k][0] == i:
            for a in range(len(old[k])):
                for b in range(len(new[k])):
                    same = len(old[k]) == len(new[k])
                    made[old[k][a], new[k][b]] = float(a == b) if same else 1 / len(new[k])
            i, j, k = i + len(old[k]), j + len(new[k]), k + 1
        else:
            made[i if k < len(old) else j, j] = 1
            i, j = i + 1, j + 1
    return made


@pytest.mark.parametrize(
    ("source", "target"),
    [
        ("a photo of a cat in snow", "a photo of a zebra in snow"),
        ("a photo of a zebra in snow", "a photo of a cat in snow"),
        ("a photo of a cat in snow", "a photo of a dog in snow"),
        ("a zebra of a cat in snow", "a cat of a zebra in house"),
    ],
)
def test_official_replacement_has_the_published_slip(read, source, target):
    x, y = read(source), read(target)
    wanted = published_replacement(source, target, x.words, y.words)
    assert torch.equal(replacement(x, y, official=True).transport, wanted)
    assert torch.equal(replacement(x, y).transport, wanted) == (len(x.ids) == len(y.ids))


def test_long_prompts_align_across_windows(read):
    words = ["house"] * 74
    x, y = read(" ".join([*words, "cat", "dog"]), 2), read(" ".join(["red", *words, "cat", "dog"]), 2)
    found = refinement(x, y)
    assert found.transport.shape == (154, 154)
    assert found.transport[x.find("cat")[0], y.find("cat")[0]] == 1
    assert (x.find("cat"), y.find("cat")) == ((75,), (78,))
    assert found.taken[list(y.find("red"))].tolist() == [0]
    with pytest.raises(InputError, match="at most 75 tokens as published, got 77"):
        refinement(x, y, official=True)


def test_replacement_needs_equally_many_words(read):
    with pytest.raises(InputError, match="as the source for word replacement, 2, got 3"):
        replacement(read("a cat"), read("a red cat"))


def test_pairs_stack_to_a_batch(read):
    pairs = [refinement(read(a), read(b)) for a, b in PAIRS]
    batch = stacked(pairs)
    assert batch.transport.shape == (len(PAIRS), 77, 77)
    assert torch.equal(batch.taken[2], pairs[2].taken)


@pytest.mark.parametrize(
    ("source", "target", "was", "now"),
    [
        ("a photo of a cat", "a photo of a dog", "cat", "dog"),
        ("A photo of a cat.", "a photo of an owl", "cat", "owl"),
        ("a cat on snow", "a red zebra on snow", "cat", "red zebra"),
    ],
)
def test_one_swap_is_found(read, source, target, was, now):
    x, y = read(source), read(target)
    assert swapped_words(x, y) == (x.find(was), y.find(now))


@pytest.mark.parametrize(
    ("source", "target"),
    [
        ("a cat", "a cat"),
        ("a cat", "the cat"),
        ("a cat", "a red cat"),
        ("a red cat", "a cat"),
        ("a cat on snow", "a dog on a house"),
        ("", "a cat"),
        ("a cat", ""),
    ],
)
def test_other_changes_are_no_swap(read, source, target):
    assert swapped_words(read(source), read(target)) is None
