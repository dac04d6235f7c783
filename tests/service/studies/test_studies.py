"""Studies below the API, on every database: making, taking part at once, answers that stay."""

import io
import threading
from collections import Counter

import pytest
from PIL import Image
from sqlalchemy import func, select, update

from palitra.errors import ConflictError, InputError, NotFoundError
from palitra.service.files.naming import drop_unnamed
from palitra.service.files.retention import sweep_orphans
from palitra.service.studies.making import Terms, make_study, remove_study
from palitra.service.studies.reading import count_finished, read_answers, report_study
from palitra.service.studies.study import close_study, find_study, list_studies
from palitra.service.studies.taking_part import answer, join, picture_blob, turn
from palitra.service.tables import (
    PARTICIPANTS,
    STUDIES,
    STUDY_ANSWERS,
    STUDY_PICTURES,
    STUDY_TRIALS,
)
from palitra.study.answers import Answer
from palitra.study.design import plan

BOTH_LEFT = {"edit": "left", "structure": "left"}


@pytest.fixture
def database(any_database):
    return any_database


def count(engine, table):
    with engine.connect() as connection:
        return connection.scalar(select(func.count()).select_from(table))


def colour(engine, blobs, study, picture):
    with Image.open(io.BytesIO(blobs.get(picture_blob(engine, study, picture)))) as image:
        assert image.format == "PNG"
        assert "palitra" not in image.info
        return image.getpixel((0, 0))


def test_a_study_is_made_once_with_all_its_pictures(engine, blobs, make, show):
    make()
    study = find_study(engine, "pilot")
    assert study.is_open
    assert study.arms == ["ours", "theirs", "third"]
    assert [item.target_ru for item in study.items] == ["кот 0", "кот 1", "кот 2", "кот 3"]
    # of each item three arms, the photo and noise
    assert count(engine, STUDY_PICTURES) == 4 * 5
    with pytest.raises(ConflictError, match="`name` must be new, got pilot"):
        make_study(engine, blobs, "pilot", show, Terms(pairs=6))
    assert count(engine, STUDY_PICTURES) == 4 * 5


def test_what_is_shown_is_what_the_plan_says(engine, blobs, make):
    make()
    study = find_study(engine, "pilot")
    number = join(engine, study, "ann")
    for place, trial in enumerate(plan(study.design, number)):
        now = turn(engine, study, number)
        assert (now.done, now.total, now.pair.place) == (place, 8, place)
        assert colour(engine, blobs, "pilot", now.pair.photo) == (0, 40 * trial.item, 200)
        for arm, picture in ((trial.left, now.pair.left), (trial.right, now.pair.right)):
            if arm >= 0:
                assert colour(engine, blobs, "pilot", picture) == (100 + 50 * arm, 40 * trial.item, 0)
        assert now.pair.item.id == "abcd"[trial.item]
        answer(engine, study, number, place, BOTH_LEFT)
    assert turn(engine, study, number).pair is None
    assert count_finished(engine, study) == 1
    given = read_answers(engine, study)
    assert {(a.place, a.left, a.right) for a in given} == {
        (place, t.left, t.right) for place, t in enumerate(plan(study.design, number))
    }
    assert Counter(a.question for a in given) == {"edit": 8, "structure": 8}
    assert isinstance(given[0], Answer)
    report = report_study(engine, study, resamples=10)
    # who always says left fails one of two checks, the one whose noise is there
    assert (report.participants, report.left_out, report.finished) == (0, 1, 1)


def test_addresses_of_pictures_are_chance(engine, make):
    make()
    make("second")
    with engine.connect() as connection:
        rows = connection.execute(select(STUDY_PICTURES)).all()
    assert len({row.id for row in rows}) == 2 * 20
    assert all(len(row.id) == 32 for row in rows)
    same = {(row.item, row.arm): row.id for row in rows if row.study == "pilot"}
    assert all(same[row.item, row.arm] != row.id for row in rows if row.study == "second")


def test_many_join_at_once_and_get_different_numbers(engine, make):
    make()
    study = find_study(engine, "pilot")
    numbers, threads = [], []
    for i in range(12):
        # everybody comes twice, as a double click does
        for _ in range(2):
            threads.append(
                threading.Thread(target=lambda who=f"p{i}": numbers.append((who, join(engine, study, who))))
            )
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(numbers) == 24
    assert len(set(numbers)) == 12
    assert sorted({n for _, n in numbers}) == list(range(12))
    assert count(engine, PARTICIPANTS) == 12
    assert count(engine, STUDY_TRIALS) == 12 * 8


def test_many_answers_at_once_leave_one(engine, make):
    make()
    study = find_study(engine, "pilot")
    number = join(engine, study, "ann")
    outcomes = []

    def one(choice):
        try:
            answer(engine, study, number, 0, {"edit": choice, "structure": choice})
            outcomes.append((choice, "kept"))
        except ConflictError:
            outcomes.append((choice, "refused"))

    threads = [threading.Thread(target=one, args=(c,)) for c in ["left", "right"] * 6]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    kept = {a.choice for a in read_answers(engine, study)}
    assert len(kept) == 1
    assert count(engine, STUDY_ANSWERS) == 2
    (winner,) = kept
    assert sorted(set(outcomes)) == sorted(
        {(winner, "kept"), ({"left": "right", "right": "left"}[winner], "refused")}
    )


def test_bad_answers_are_refused(engine, make):
    make()
    study = find_study(engine, "pilot")
    number = join(engine, study, "ann")
    with pytest.raises(InputError, match=r"`place` must be in \[0, 7\], got 8"):
        answer(engine, study, number, 8, BOTH_LEFT)
    with pytest.raises(InputError, match="`choice` must be left or right"):
        answer(engine, study, number, 0, {"edit": "equal", "structure": "left"})
    assert count(engine, STUDY_ANSWERS) == 0


def test_equal_is_an_answer_where_the_study_lets_it(engine, make):
    make(equal=True)
    study = find_study(engine, "pilot")
    answer(engine, study, join(engine, study, "ann"), 0, {"edit": "equal", "structure": "left"})
    assert count(engine, STUDY_ANSWERS) == 2


def test_a_closed_study_takes_nothing_new_and_keeps_what_it_has(engine, make):
    make()
    study = find_study(engine, "pilot")
    number = join(engine, study, "ann")
    answer(engine, study, number, 0, BOTH_LEFT)
    closed = close_study(engine, "pilot")
    assert (closed.state, closed.closed_at is None) == ("closed", False)
    assert close_study(engine, "pilot").closed_at == closed.closed_at
    assert join(engine, closed, "ann") == number
    for late in (lambda: join(engine, closed, "bob"), lambda: answer(engine, closed, number, 1, BOTH_LEFT)):
        with pytest.raises(ConflictError, match="`study` must be open, got pilot"):
            late()
    answer(engine, closed, number, 0, BOTH_LEFT)  # the same once more
    assert count(engine, STUDY_ANSWERS) == 2


def test_an_unfinished_making_is_seen_by_nobody_and_made_anew(engine, blobs, show, make, monkeypatch):
    from palitra.service.studies import making

    monkeypatch.setattr(making, "CHUNK", 1)
    with pytest.raises(KeyboardInterrupt):
        make_study(engine, blobs, "pilot", show, Terms(pairs=6), tick=interrupted)
    assert count(engine, STUDY_PICTURES) > 0
    assert list_studies(engine) == []
    with pytest.raises(NotFoundError):
        find_study(engine, "pilot")
    make()
    assert [s.name for s in list_studies(engine)] == ["pilot"]
    assert count(engine, STUDY_PICTURES) == 20


def interrupted(count):
    raise KeyboardInterrupt


def test_tidying_spares_pictures_of_studies_and_removing_does_not(engine, blobs, make):
    make()
    with engine.connect() as connection:
        names = set(connection.scalars(select(STUDY_PICTURES.c.blob)))
    assert drop_unnamed(engine, blobs, names) == 0
    assert sweep_orphans(engine, blobs, now=4e9) == 0
    assert all(blobs.has(name) for name in names)
    study = find_study(engine, "pilot")
    answer(engine, study, join(engine, study, "ann"), 0, BOTH_LEFT)
    remove_study(engine, blobs, "pilot")
    assert not any(blobs.has(name) for name in names)
    for table in (STUDIES, STUDY_PICTURES, PARTICIPANTS, STUDY_TRIALS, STUDY_ANSWERS):
        assert count(engine, table) == 0, table.name
    with pytest.raises(NotFoundError, match="`study` must be the name of a study, got pilot"):
        remove_study(engine, blobs, "pilot")


def test_pictures_that_two_studies_share_stay_with_the_other(engine, blobs, make):
    make()
    make("second")
    remove_study(engine, blobs, "pilot")
    with engine.connect() as connection:
        assert all(blobs.has(name) for name in connection.scalars(select(STUDY_PICTURES.c.blob)))


def test_nobody_can_be_followed_from_study_to_study(engine, make):
    make()
    make("second")
    for name in ("pilot", "second"):
        join(engine, find_study(engine, name), "session abc")
    with engine.connect() as connection:
        hashes = list(connection.scalars(select(PARTICIPANTS.c.hash)))
    assert len(set(hashes)) == 2


BAD = [
    ("Pilot", {}, "`name` must be 1 to 60 of a-z"),
    ("a/b", {}, "`name` must be"),
    ("", {}, "`name` must be"),
    ("-a", {}, "`name` must be"),
    ("x", {"title": "t" * 201}, "`title` must have at most 200"),
    ("x", {"against": "nobody"}, "`against` must be one of ours, theirs, third, got nobody"),
    ("x", {"checks": 2, "allowed": 2}, r"`allowed` must be in \[0, 1\], got 2"),
    ("x", {"checks": 2, "allowed": -1}, "`allowed` must be"),
    ("x", {"pairs": 13}, r"`pairs` must be in \[1, 12\], got 13"),
    ("x", {"checks": 21}, r"`checks` must be in \[0, 20\]"),
    ("x", {"seed": -1}, "`seed` must be in"),
    ("x", {"seed": 2**31}, "`seed` must be in"),
]


def test_bad_terms_make_nothing(engine, make):
    for name, terms, said in BAD:
        with pytest.raises(InputError, match=said):
            make(name, **terms)
    assert count(engine, STUDIES) == 0


def test_who_takes_part_while_a_study_is_removed_is_told(engine, blobs, make):
    make()
    study = find_study(engine, "pilot")
    number = join(engine, study, "ann")
    remove_study(engine, blobs, "pilot")
    for late in (lambda: join(engine, study, "bob"), lambda: answer(engine, study, number, 0, BOTH_LEFT)):
        with pytest.raises(NotFoundError, match="`study` must be the name of a study"):
            late()


def test_a_picture_of_another_study_is_not_there(engine, make):
    make()
    make("second")
    with engine.connect() as connection:
        theirs = connection.scalar(select(STUDY_PICTURES.c.id).where(STUDY_PICTURES.c.study == "second"))
    with pytest.raises(NotFoundError):
        picture_blob(engine, "pilot", theirs)


@pytest.mark.parametrize(("checks", "allowed"), [(0, 0), (1, 0), (3, 0), (4, 1), (8, 2)])
def test_a_quarter_of_the_checks_may_be_failed(engine, make, checks, allowed):
    make(checks=checks)
    assert find_study(engine, "pilot").allowed == allowed


def test_a_study_keeps_its_terms_and_the_list_is_by_age(engine, make):
    make(against="third", title="Заголовок", members=True)
    with engine.begin() as connection:
        connection.execute(update(STUDIES).values(created_at=1.0))
    make("second")
    first, second = list_studies(engine)
    assert (first.name, first.title, first.design.against, first.members) == ("pilot", "Заголовок", 2, True)
    assert (second.name, second.design.against, second.members) == ("second", None, False)
