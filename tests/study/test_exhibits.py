import pytest

from palitra.errors import InputError
from palitra.study.exhibits import find_show
from tests.study.runs import WORDS, make_runs


def test_items_that_all_arms_have_are_shown_with_words_and_photo(tmp_path):
    runs = make_runs(tmp_path)
    (tmp_path / "theirs" / "b.png").unlink()
    show = find_show(runs)
    assert show.arms == ("ours", "theirs")
    assert [e.id for e in show.exhibits] == ["a", "c", "d"]
    assert show.left_out == ("b",)
    first = show.exhibits[0]
    assert (first.wish.source, first.wish.target, first.wish.target_ru) == ("a dog 0", "a cat 0", "кот 0")
    assert first.photo == tmp_path / "photos" / "a.png"
    assert first.edits == (tmp_path / "ours" / "a.png", tmp_path / "theirs" / "a.png")


def test_words_come_from_the_set_of_the_benchmark_too(tmp_path):
    runs = make_runs(tmp_path, words=False)
    rows = [f"{i},photos/{i}.png,a dog,a fox,swap" for i in "abcd"]
    (tmp_path / "set.csv").write_text("\n".join(["id,image,source,target,type", *rows]), encoding="utf-8")
    show = find_show(runs, tmp_path / "set.csv")
    assert {e.wish.target for e in show.exhibits} == {"a fox"}
    assert len(show.exhibits) == 4


def test_photos_may_come_from_the_set_alone(tmp_path):
    runs = make_runs(tmp_path, words=False)
    (tmp_path / "photos").rename(tmp_path / "elsewhere")
    rows = [f"{i},elsewhere/{i}.png,a dog,a fox,swap" for i in "abcd"]
    (tmp_path / "set.csv").write_text("\n".join(["id,image,source,target,type", *rows]), encoding="utf-8")
    assert len(find_show(runs, tmp_path / "set.csv").exhibits) == 4


def test_arms_may_be_named(tmp_path):
    runs = make_runs(tmp_path)
    make_runs(tmp_path / "later")
    show = find_show([runs[0], f"newer={tmp_path / 'later' / 'ours'}"])
    assert show.arms == ("ours", "newer")
    (tmp_path / "a=b").mkdir()
    with pytest.raises(InputError, match="must share at least 1 item"):
        find_show([runs[0], str(tmp_path / "a=b")])


def test_bad_input_is_one_sentence(tmp_path):
    runs = make_runs(tmp_path)
    make_runs(tmp_path / "later")
    for given, said in (
        ([runs[0]], "at least 2 folders, got 1"),
        ([runs[0], str(tmp_path / "none")], "must be folders of pictures, got"),
        ([runs[0], str(tmp_path / "later" / "ours")], "got ours twice: write NAME="),
    ):
        with pytest.raises(InputError, match=said):
            find_show(given)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("id,source\na,x\n", "must have the column target"),
        (WORDS + "a,x,,\n", "`target` of a must not be empty"),
        (WORDS + "z,x,y,\n", "`runs` must share at least 1 item"),
    ],
)
def test_bad_words_are_told(tmp_path, text, said):
    runs = make_runs(tmp_path)
    (tmp_path / "words.csv").write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=said):
        find_show(runs)
    (tmp_path / "words.csv").unlink()
    with pytest.raises(InputError, match=r"`set` must be given where no words.csv"):
        find_show(runs)
