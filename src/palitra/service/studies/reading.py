"""Reads a study's answers out of the database, for its report."""

from __future__ import annotations

from sqlalchemy import Engine, func, select

from palitra.service.studies.study import Study
from palitra.service.tables import STUDY_ANSWERS, STUDY_TRIALS
from palitra.study.answers import Answer
from palitra.study.report import Report, make_report


def read_answers(engine: Engine, study: Study) -> list[Answer]:
    """Every answer with the arms that were on its two sides, checks among them."""
    columns = (
        STUDY_ANSWERS.c.number,
        STUDY_ANSWERS.c.place,
        STUDY_ANSWERS.c.question,
        STUDY_TRIALS.c.left,
        STUDY_TRIALS.c.right,
        STUDY_ANSWERS.c.choice,
    )
    shown = (
        (STUDY_TRIALS.c.study == STUDY_ANSWERS.c.study)
        & (STUDY_TRIALS.c.number == STUDY_ANSWERS.c.number)
        & (STUDY_TRIALS.c.place == STUDY_ANSWERS.c.place)
    )
    wanted = select(*columns).join(STUDY_TRIALS, shown).where(STUDY_ANSWERS.c.study == study.name)
    with engine.connect() as connection:
        return [Answer(*row) for row in connection.execute(wanted)]


def count_finished(engine: Engine, study: Study) -> int:
    """How many participants came to the end."""
    places = func.count(func.distinct(STUDY_ANSWERS.c.place))
    ended = (
        select(STUDY_ANSWERS.c.number)
        .where(STUDY_ANSWERS.c.study == study.name)
        .group_by(STUDY_ANSWERS.c.number)
        .having(places == study.design.pairs + study.design.checks)
    )
    wanted = select(func.count()).select_from(ended.subquery())
    with engine.connect() as connection:
        return int(connection.scalar(wanted) or 0)


def report_study(engine: Engine, study: Study, resamples: int = 1000, level: float = 0.95) -> Report:
    """The study's answers in numbers.

    Raises:
        InputError: settings out of bounds.
    """
    return make_report(
        study.name,
        study.title,
        study.arms,
        study.design,
        read_answers(engine, study),
        allowed=study.allowed,
        finished=count_finished(engine, study),
        resamples=resamples,
        level=level,
    )
