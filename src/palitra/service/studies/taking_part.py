"""A participant's way through a study: join, see the next pair, answer. Every call may be repeated."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Engine, Row, insert, select, update
from sqlalchemy.exc import IntegrityError

from palitra.errors import ConflictError, InputError, NotFoundError
from palitra.service.studies.study import PHOTO, Item, Study
from palitra.service.tables import PARTICIPANTS, STUDIES, STUDY_ANSWERS, STUDY_PICTURES, STUDY_TRIALS
from palitra.study.answers import Choice, Question
from palitra.study.design import plan


@dataclass(frozen=True)
class Pair:
    """What is shown now: ids of pictures, which say nothing about their arms."""

    place: int
    item: Item
    photo: str
    left: str
    right: str


@dataclass(frozen=True)
class Turn:
    """How far a participant is, the pair that waits for their answer, and the one after it."""

    done: int
    total: int
    pair: Pair | None
    ahead: Pair | None


def participant_hash(study: str, who: str) -> str:
    """What is kept of a participant; of two studies it differs, so nobody can be followed."""
    return hashlib.sha256(f"study\0{study}\0{who}".encode()).hexdigest()


def find_number(engine: Engine, study: Study, who: str) -> int | None:
    """The participant's number; None before they have joined."""
    with engine.connect() as connection:
        return _number(connection, study, participant_hash(study.name, who))


def join(engine: Engine, study: Study, who: str) -> int:
    """Take the next number and its list of pairs; who has joined keeps theirs.

    Raises:
        ConflictError: the study is closed.
        NotFoundError: it was removed meanwhile.
    """
    known = find_number(engine, study, who)
    if known is not None:
        return known
    _check_open(study)
    hashed = participant_hash(study.name, who)
    try:
        with engine.begin() as connection:
            # the row's lock makes numbers gapless and different
            taken = update(STUDIES).where(STUDIES.c.name == study.name).values(joined=STUDIES.c.joined + 1)
            joined = connection.execute(taken.returning(STUDIES.c.joined)).scalar()
            if joined is None:
                raise _gone(study)
            number = int(joined) - 1
            connection.execute(
                insert(PARTICIPANTS).values(
                    study=study.name, number=number, hash=hashed, joined_at=time.time()
                )
            )
            trials = [
                {"study": study.name, "number": number, "place": place, **vars(trial)}
                for place, trial in enumerate(plan(study.design, number))
            ]
            connection.execute(insert(STUDY_TRIALS), trials)
    except IntegrityError:
        # another request of theirs was quicker
        known = find_number(engine, study, who)
        if known is None:
            raise _gone(study) from None
        return known
    return number


def turn(engine: Engine, study: Study, number: int) -> Turn:
    """The participant's next pair."""
    with engine.connect() as connection:
        answered = set(connection.scalars(_of(study, number, select(STUDY_ANSWERS.c.place).distinct())))
        trials = connection.execute(_of(study, number, select(STUDY_TRIALS), STUDY_TRIALS)).all()
        waiting = sorted((t for t in trials if t.place not in answered), key=lambda t: t.place)[:2]
        pairs = [_pair(connection, study, trial) for trial in waiting]
    return Turn(len(answered), len(trials), pairs[0] if pairs else None, pairs[1] if len(pairs) > 1 else None)


def answer(engine: Engine, study: Study, number: int, place: int, choices: Mapping[Question, Choice]) -> None:
    """Keep the answers to all questions of one pair; the same once more changes nothing.

    Raises:
        InputError: no such place in the participant's list, or "equal" where a side has to be chosen.
        ConflictError: the pair was answered otherwise before, or the study is closed.
    """
    if not study.equal and "equal" in choices.values():
        raise InputError("`choice` must be left or right in this study, got equal")
    if not 0 <= place < study.design.pairs + study.design.checks:
        most = study.design.pairs + study.design.checks - 1
        raise InputError(f"`place` must be in [0, {most}], got {place}")
    if _same(engine, study, number, place, choices):
        return
    _check_open(study)
    now = time.time()
    rows = [
        {
            "study": study.name,
            "number": number,
            "place": place,
            "question": question,
            "choice": choice,
            "at": now,
        }
        for question, choice in choices.items()
    ]
    try:
        with engine.begin() as connection:
            connection.execute(insert(STUDY_ANSWERS), rows)
    except IntegrityError:
        # the other click of two was quicker: fine when it said the same
        if not _same(engine, study, number, place, choices):
            raise _gone(study) from None


def picture_blob(engine: Engine, study: str, picture: str) -> str:
    """The blob of a study's picture.

    Raises:
        NotFoundError: there is no such picture.
    """
    wanted = select(STUDY_PICTURES.c.blob).where(
        STUDY_PICTURES.c.id == picture, STUDY_PICTURES.c.study == study
    )
    with engine.connect() as connection:
        blob = connection.scalar(wanted)
    if blob is None:
        raise NotFoundError(f"`picture` must be one of this study, got {picture[:40]}")
    return str(blob)


def _same(engine: Engine, study: Study, number: int, place: int, choices: Mapping[Question, Choice]) -> bool:
    """Whether the pair was answered so; False when it was not answered."""
    wanted = select(STUDY_ANSWERS.c.question, STUDY_ANSWERS.c.choice).where(STUDY_ANSWERS.c.place == place)
    with engine.connect() as connection:
        before = {row.question: row.choice for row in connection.execute(_of(study, number, wanted))}
    if before and before != dict(choices):
        raise ConflictError(f"`place` must not be answered yet, got {place}: its first answer is kept")
    return bool(before)


def _gone(study: Study) -> NotFoundError:
    """It was removed while somebody took part."""
    return NotFoundError(f"`study` must be the name of a study, got {study.name}")


def _check_open(study: Study) -> None:
    if not study.is_open:
        raise ConflictError(f"`study` must be open, got {study.name}, which is closed")


def _number(connection: Connection, study: Study, hashed: str) -> int | None:
    wanted = select(PARTICIPANTS.c.number).where(
        PARTICIPANTS.c.study == study.name, PARTICIPANTS.c.hash == hashed
    )
    number = connection.scalar(wanted)
    return None if number is None else int(number)


def _of(study: Study, number: int, wanted: Any, table: Any = STUDY_ANSWERS) -> Any:
    return wanted.where(table.c.study == study.name, table.c.number == number)


def _pair(connection: Connection, study: Study, trial: Row[Any]) -> Pair:
    wanted = select(STUDY_PICTURES.c.arm, STUDY_PICTURES.c.id).where(
        STUDY_PICTURES.c.study == study.name, STUDY_PICTURES.c.item == trial.item
    )
    shown = {row.arm: row.id for row in connection.execute(wanted)}
    item = study.items[trial.item]
    return Pair(trial.place, item, shown[PHOTO], shown[trial.left], shown[trial.right])
