import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from palitra.conditions.prompt_syntax import WeightedText, parse_prompt
from palitra.errors import InputError


def pieces(prompt):
    return [(p.text, pytest.approx(p.weight)) for p in parse_prompt(prompt)]


@pytest.mark.parametrize(
    ("prompt", "expected"),
    [
        ("", [("", 1)]),
        ("a cat", [("a cat", 1)]),
        ("a (cat)", [("a ", 1), ("cat", 1.1)]),
        ("a ((cat)) here", [("a ", 1), ("cat", 1.21), (" here", 1)]),
        ("a [cat]", [("a ", 1), ("cat", 1 / 1.1)]),
        ("a (cat:1.3), (dog:0.5)", [("a ", 1), ("cat", 1.3), (", ", 1), ("dog", 0.5)]),
        ("(cat:.5)", [("cat", 0.5)]),
        ("(cat:-1)", [("cat", -1)]),
        ("(cat: 1.5 )", [("cat", 1.5)]),
        ("(a (b:1.5) c:2)", [("a ", 2), ("b", 3), (" c", 2)]),
        ("([a])", [("a", 1)]),
        ("([a]) ([b])", [("a b", 1)]),
        (r"\(a\) \[b\] \\", [(r"(a) [b] " + "\\", 1)]),
        (r"(a \(b\):1.2)", [("a (b)", 1.2)]),
        ("(a", [("a", 1.1)]),
        ("x [a (b", [("x ", 1), ("a ", 1 / 1.1), ("b", 1)]),
        ("a) b]", [("a) b]", 1)]),
        ("a :) b", [("a :) b", 1)]),
        ("12:30 (noon:high)", [("12:30 ", 1), ("noon:high", 1.1)]),
        ("[a:1.3]", [("a:1.3", 1 / 1.1)]),
        ("a:1.3)", [("a:1.3)", 1)]),
        ("()", [("", 1)]),
        ("(a:1)(b)", [("a", 1), ("b", 1.1)]),
        (r"a\b", [(r"a\b", 1)]),
        ("line\nbreak (x\ny:2)", [("line\nbreak ", 1), ("x\ny", 2)]),
    ],
)
def test_notation(prompt, expected):
    assert pieces(prompt) == expected


@given(st.text(st.characters(exclude_characters="()[]\\")))
def test_text_without_brackets_is_itself(text):
    assert parse_prompt(text) == [WeightedText(text, 1.0)]


@given(st.text())
def test_escaped_text_is_itself(text):
    escaped = "".join(f"\\{c}" if c in "()[]\\" else c for c in text)
    assert parse_prompt(escaped) == [WeightedText(text, 1.0)]


@given(st.text("ab:.1()[]\\ ", max_size=60))
def test_any_text_is_read_and_neighbours_differ(text):
    try:
        found = parse_prompt(text)
    except InputError:
        return
    assert found
    assert all(a.weight != b.weight for a, b in itertools.pairwise(found))


@pytest.mark.parametrize("number", ["11", "-10.5", "99999"])
def test_weight_out_of_bounds_is_named(number):
    with pytest.raises(InputError, match=rf"`prompt` weights must be in \[-10, 10\], got {float(number):g}"):
        parse_prompt(f"a (cat:{number})")


def test_long_text_of_brackets_is_read_quickly():
    assert parse_prompt("(" * 20_000)[0].text == ""
