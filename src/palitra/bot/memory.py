"""What the bot remembers over a restart, in one SQLite file that nobody else writes.

Calls are synchronous: each is one statement on a local file, far below a millisecond of the event loop.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Row, create_engine, delete, event, insert, select, update
from sqlalchemy.dialects.sqlite import insert as upsert
from sqlalchemy.engine import make_url

from palitra.bot.tables import ALBUM_PICTURES, BUTTONS, DIALOGUES, METADATA, PEOPLE, SENT, WISHES
from palitra.bot.texts import Language

DAY_S: Final = 24 * 3600


@dataclass(frozen=True)
class Person:
    """What somebody chose: `dials` by recipe."""

    id: int
    language: Language | None = None
    recipe: str | None = None
    dials: dict[str, dict[str, Any]] = field(default_factory=dict)


@dataclass(frozen=True)
class Dialogue:
    """Said, but no wish yet: a picture without words, words without a picture, or a chosen recipe."""

    recipe: str | None = None
    files: tuple[str, ...] = ()
    words: str = ""


@dataclass(frozen=True)
class AlbumPicture:
    """One message of an album; `file` is Telegram's id."""

    chat: int
    message: int
    group: str
    person: int
    language: Language
    file: str
    words: str
    addressed: bool


@dataclass(frozen=True)
class Wish:
    """Something to be drawn, until it is delivered. `inputs` name a file of the API or of Telegram."""

    origin: str
    chat: int
    person: int
    answers: int | None
    language: Language
    recipe: str
    prompt: str
    fields: dict[str, Any]
    inputs: dict[str, dict[str, str]]
    job: str | None = None
    status: int | None = None
    state: str = "open"
    created_at: float = 0
    id: int = 0


@dataclass(frozen=True)
class Button:
    """What a button does, and for whom."""

    chat: int
    person: int
    action: str
    data: dict[str, Any]


class Memory:
    """The bot's database."""

    def __init__(self, url: str) -> None:
        address = make_url(url)
        assert address.database is not None
        Path(address.database).parent.mkdir(parents=True, exist_ok=True)
        self.engine = create_engine(address)

        @event.listens_for(self.engine, "connect")
        def prepare(connection: Any, record: object) -> None:
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("PRAGMA foreign_keys=ON")

        METADATA.create_all(self.engine)

    def close(self) -> None:
        """Close the file."""
        self.engine.dispose()

    def person(self, person: int) -> Person:
        """What somebody chose so far."""
        row = self._row(select(PEOPLE).where(PEOPLE.c.id == person))
        return Person(person) if row is None else Person(row.id, row.language, row.recipe, row.dials)

    def keep_person(self, person: Person) -> None:
        """Remember what somebody chose."""
        values = vars(person)
        self._run(upsert(PEOPLE).values(**values).on_conflict_do_update(index_elements=["id"], set_=values))

    def dialogue(self, chat: int, person: int) -> Dialogue:
        """What was said and is no wish yet."""
        row = self._row(select(DIALOGUES).where(DIALOGUES.c.chat == chat, DIALOGUES.c.person == person))
        return Dialogue() if row is None else Dialogue(row.recipe, tuple(row.files), row.words)

    def keep_dialogue(self, chat: int, person: int, dialogue: Dialogue) -> None:
        """Remember what was said; an empty dialogue is forgotten."""
        if dialogue == Dialogue():
            self._run(delete(DIALOGUES).where(DIALOGUES.c.chat == chat, DIALOGUES.c.person == person))
            return
        values = {**vars(dialogue), "files": list(dialogue.files), "chat": chat, "person": person}
        there = ["chat", "person"]
        self._run(upsert(DIALOGUES).values(**values).on_conflict_do_update(index_elements=there, set_=values))

    def keep_album_picture(self, picture: AlbumPicture) -> None:
        """Remember a picture of an album that is still arriving."""
        self._run(upsert(ALBUM_PICTURES).values(**vars(picture)).on_conflict_do_nothing())

    def album(self, chat: int, group: str) -> list[AlbumPicture]:
        """The pictures of an album so far, in order."""
        here = (ALBUM_PICTURES.c.chat == chat) & (ALBUM_PICTURES.c.group == group)
        wanted = select(ALBUM_PICTURES).where(here).order_by(ALBUM_PICTURES.c.message)
        return [AlbumPicture(**row._mapping) for row in self._rows(wanted)]

    def albums(self) -> set[tuple[int, str]]:
        """Chat and group of all albums that are still arriving."""
        return {(row.chat, row.group) for row in self._rows(select(ALBUM_PICTURES))}

    def forget_album(self, pictures: Sequence[AlbumPicture]) -> None:
        """These pictures have been dealt with."""
        for picture in pictures:
            here = (ALBUM_PICTURES.c.chat == picture.chat) & (ALBUM_PICTURES.c.message == picture.message)
            self._run(delete(ALBUM_PICTURES).where(here))

    def add_wish(self, wish: Wish) -> Wish | None:
        """Accept a wish; None when its origin was accepted before."""
        values = {k: v for k, v in vars(wish).items() if k != "id"} | {"created_at": time.time()}
        with self.engine.begin() as connection:
            done = upsert(WISHES).values(**values).on_conflict_do_nothing().returning(WISHES)
            row = connection.execute(done).first()
        return None if row is None else _wish(row)

    def wish(self, wish: int) -> Wish | None:
        """One wish."""
        row = self._row(select(WISHES).where(WISHES.c.id == wish))
        return None if row is None else _wish(row)

    def open_wishes(self, chat: int | None = None, person: int | None = None) -> list[Wish]:
        """Wishes that are not delivered yet, the oldest first."""
        wanted = select(WISHES).where(WISHES.c.state != "ended").order_by(WISHES.c.id)
        if chat is not None:
            wanted = wanted.where(WISHES.c.chat == chat, WISHES.c.person == person)
        return [_wish(row) for row in self._rows(wanted)]

    def change_wish(self, wish: int, **values: Any) -> None:
        """Write down how far a wish is."""
        self._run(update(WISHES).where(WISHES.c.id == wish).values(**values))

    def sent(self, wish: int) -> dict[str, bool]:
        """Pictures that were sent, and whether it is known that they arrived."""
        return {row.image: row.arrived for row in self._rows(select(SENT).where(SENT.c.wish == wish))}

    def note_sent(self, wish: int, image: str, arrived: bool) -> None:
        """Write down that a picture is about to be sent, and then that it arrived."""
        values = {"wish": wish, "image": image, "arrived": arrived}
        there = ["wish", "image"]
        self._run(upsert(SENT).values(**values).on_conflict_do_update(index_elements=there, set_=values))

    def add_buttons(
        self, chat: int, person: int, wanted: Sequence[tuple[str, Mapping[str, Any]]]
    ) -> list[str]:
        """Opaque ids for actions with their data; only this person in this chat can use them."""
        ids = [secrets.token_urlsafe(9) for _ in wanted]
        rows = [
            {"id": i, "chat": chat, "person": person, "action": action, "data": dict(data)}
            for i, (action, data) in zip(ids, wanted, strict=True)
        ]
        if rows:
            self._run(insert(BUTTONS).values([{**row, "created_at": time.time()} for row in rows]))
        return ids

    def button(self, button: str) -> Button | None:
        """What a button does; None for an unknown or forgotten one."""
        row = self._row(select(BUTTONS).where(BUTTONS.c.id == button))
        return None if row is None else Button(row.chat, row.person, row.action, row.data)

    def forget(self, older_than_days: float) -> None:
        """Drop buttons and ended wishes of that age."""
        before = time.time() - older_than_days * DAY_S
        self._run(delete(BUTTONS).where(BUTTONS.c.created_at < before))
        self._run(delete(WISHES).where(WISHES.c.created_at < before, WISHES.c.state == "ended"))

    def _run(self, statement: Any) -> None:
        with self.engine.begin() as connection:
            connection.execute(statement)

    def _row(self, statement: Any) -> Row[Any] | None:
        with self.engine.connect() as connection:
            return connection.execute(statement).first()

    def _rows(self, statement: Any) -> Sequence[Row[Any]]:
        with self.engine.connect() as connection:
            return connection.execute(statement).all()


def _wish(row: Row[Any]) -> Wish:
    return Wish(**row._mapping)
