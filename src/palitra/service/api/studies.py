"""`/v1/studies`: blind comparisons by people. Whoever has the link takes part; the rest is the operator's."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Body, Depends, Query, Request, Response
from pydantic import BaseModel, Field
from sqlalchemy import Engine

from palitra.errors import ConflictError
from palitra.service.api.context import OperatorDep, ServiceDep, caller_of, service_of
from palitra.service.audit import record
from palitra.service.studies.reading import count_finished, report_study
from palitra.service.studies.study import Study, close_study, find_study, list_studies
from palitra.service.studies.taking_part import Pair, answer, find_number, join, picture_blob, turn
from palitra.study.answers import Choice, Question

router = APIRouter(prefix="/v1/studies", tags=["studies"])


class StudyView(BaseModel):
    """A study as participants may know it: nothing about arms. `joined`: who asks takes part already."""

    name: str
    title: str
    open: bool
    equal: bool
    total: int
    joined: bool


class PairView(BaseModel):
    """Ids of three pictures, and the wish in words; `target_ru` is empty where nobody wrote it."""

    place: int
    source: str
    target: str
    target_ru: str
    photo: str
    left: str
    right: str


class TurnView(BaseModel):
    """How many pairs are done; `pair` waits for its answers, `ahead` comes after it."""

    done: int
    total: int
    pair: PairView | None
    ahead: PairView | None


class Choices(BaseModel):
    """The answers to a pair: which shows the wanted edit better, which keeps the photo's structure better."""

    place: Annotated[int, Field(ge=0, le=1000)]
    edit: Choice
    structure: Choice


class StudyLine(BaseModel):
    """A study as the operator sees it in a list."""

    name: str
    title: str
    open: bool
    arms: list[str]
    items: int
    pairs: int
    checks: int
    joined: int
    finished: int
    created_at: float
    closed_at: float | None


class ShareView(BaseModel):
    """How often `first` was preferred to `second`, with Wilson's interval; `share` is null of no answers."""

    first: str
    second: str
    wins: int
    equal: int
    answers: int
    share: float | None
    low: float
    high: float


class PlaceView(BaseModel):
    """An arm in the Bradley-Terry ranking: log strength with its interval, share against any other."""

    arm: str
    strength: float
    low: float | None
    high: float | None
    expected: float


class QuestionView(BaseModel):
    """What was said to one question; the ranking is best first."""

    question: Question
    shares: list[ShareView]
    ranking: list[PlaceView]
    notes: list[str]


class ReportView(BaseModel):
    """A study's answers in numbers: `palitra study report`."""

    study: str
    title: str
    arms: list[str]
    participants: int
    left_out: int
    unchecked: int
    finished: int
    level: float
    questions: list[QuestionView]


@dataclass(frozen=True)
class Taking:
    """A study, and who takes part in it: a session, or a login where the study asks for one."""

    study: Study
    who: str


def taking_part(study: str, request: Request) -> Taking:
    """The study of the path and who asks.

    Raises:
        AccessError: the study is for those who have a login.
        NotFoundError: there is no such study.
    """
    found = find_study(service_of(request).engine, study)
    if found.members:
        return Taking(study=found, who=f"owner {caller_of(request).owner}")
    return Taking(study=found, who=f"session {request.state.session}")


TakingDep = Annotated[Taking, Depends(taking_part)]


@router.get("")
def look(service: ServiceDep, caller: OperatorDep) -> list[StudyLine]:
    """Every study, the oldest first; for the operator."""
    return [_line(service.engine, study) for study in list_studies(service.engine)]


@router.get("/{study}")
def show(taking: TakingDep, service: ServiceDep) -> StudyView:
    """What a participant is told before they begin."""
    study = taking.study
    return StudyView(
        name=study.name,
        title=study.title,
        open=study.is_open,
        equal=study.equal,
        total=study.design.pairs + study.design.checks,
        joined=find_number(service.engine, study, taking.who) is not None,
    )


@router.post("/{study}/participants")
def begin(taking: TakingDep, service: ServiceDep) -> TurnView:
    """Take part; who does already goes on where they were."""
    number = join(service.engine, taking.study, taking.who)
    return _turn(service.engine, taking.study, number)


@router.get("/{study}/next")
def following(taking: TakingDep, service: ServiceDep) -> TurnView:
    """The pair that waits for an answer."""
    return _turn(service.engine, taking.study, _number(service.engine, taking))


@router.post("/{study}/answers")
def choose(choices: Annotated[Choices, Body()], taking: TakingDep, service: ServiceDep) -> TurnView:
    """Answer a pair; returns the next one. The first answer is kept, and the same once more does no harm."""
    number = _number(service.engine, taking)
    given: dict[Question, Choice] = {"edit": choices.edit, "structure": choices.structure}
    answer(service.engine, taking.study, number, choices.place, given)
    return _turn(service.engine, taking.study, number)


@router.get(
    "/{study}/pictures/{picture}",
    response_class=Response,
    responses={200: {"content": {"image/png": {}}}},
)
def picture(picture: str, taking: TakingDep, service: ServiceDep) -> Response:
    """A picture's bytes; its id is drawn by chance."""
    data = service.blobs.get(picture_blob(service.engine, taking.study.name, picture))
    headers = {"cache-control": "private, max-age=31536000, immutable"}
    return Response(data, media_type="image/png", headers=headers)


@router.post("/{study}/close")
def close(study: str, service: ServiceDep, caller: OperatorDep) -> StudyLine:
    """Take no more answers; for the operator."""
    closed = close_study(service.engine, study)
    record("study.closed", caller.owner, study=study)
    return _line(service.engine, closed)


@router.get("/{study}/report")
def report(
    study: str,
    service: ServiceDep,
    caller: OperatorDep,
    resamples: Annotated[int, Query(ge=1, le=10_000)] = 1000,
) -> ReportView:
    """Shares of preference with intervals and the ranking, for each question; for the operator."""
    found = find_study(service.engine, study)
    record("study.read", caller.owner, study=study)
    return ReportView(**report_study(service.engine, found, resamples).to_dict())


def _line(engine: Engine, study: Study) -> StudyLine:
    return StudyLine(
        name=study.name,
        title=study.title,
        open=study.is_open,
        arms=list(study.arms),
        items=len(study.items),
        pairs=study.design.pairs,
        checks=study.design.checks,
        joined=study.joined,
        finished=count_finished(engine, study),
        created_at=study.created_at,
        closed_at=study.closed_at,
    )


def _number(engine: Engine, taking: Taking) -> int:
    number = find_number(engine, taking.study, taking.who)
    if number is None:
        raise ConflictError("`study` must be begun first: POST to its participants")
    return number


def _turn(engine: Engine, study: Study, number: int) -> TurnView:
    now = turn(engine, study, number)
    return TurnView(done=now.done, total=now.total, pair=_pair(now.pair), ahead=_pair(now.ahead))


def _pair(pair: Pair | None) -> PairView | None:
    if pair is None:
        return None
    words = {"source": pair.item.source, "target": pair.item.target, "target_ru": pair.item.target_ru}
    return PairView(place=pair.place, photo=pair.photo, left=pair.left, right=pair.right, **words)
