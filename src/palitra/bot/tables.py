"""The bot's own tables, in a file of their own. Times are UTC seconds."""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
)

METADATA = MetaData()

PEOPLE = Table(
    "bot_people",
    METADATA,
    Column("id", BigInteger, primary_key=True, autoincrement=False),
    Column("language", String(2)),  # null until /language: then Telegram's own counts
    Column("recipe", String(60)),  # whose dials /settings shows
    Column("dials", JSON, nullable=False),  # recipe -> field -> value; "preset" beside the fields
)

DIALOGUES = Table(
    "bot_dialogues",  # what was said but is no wish yet
    METADATA,
    Column("chat", BigInteger, primary_key=True, autoincrement=False),
    Column("person", BigInteger, primary_key=True, autoincrement=False),
    Column("recipe", String(60)),
    Column("files", JSON, nullable=False),  # ids of the API
    Column("words", String(4096), nullable=False),
)

ALBUM_PICTURES = Table(
    "bot_album_pictures",  # of albums that are still arriving
    METADATA,
    Column("chat", BigInteger, primary_key=True, autoincrement=False),
    Column("message", BigInteger, primary_key=True, autoincrement=False),
    Column("group", String(64), nullable=False),
    Column("person", BigInteger, nullable=False),
    Column("language", String(2), nullable=False),
    Column("file", String(200), nullable=False),  # Telegram's id
    Column("words", String(4096), nullable=False),
    Column("addressed", Boolean, nullable=False),
)

WISHES = Table(
    "bot_wishes",
    METADATA,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("origin", String(80), nullable=False, unique=True),  # the update: one that comes twice counts once
    Column("chat", BigInteger, nullable=False),
    Column("person", BigInteger, nullable=False),
    Column("answers", BigInteger),  # the message that is answered
    Column("language", String(2), nullable=False),
    Column("recipe", String(60), nullable=False),
    Column("prompt", String(4096), nullable=False),
    Column("fields", JSON, nullable=False),
    Column("inputs", JSON, nullable=False),  # name -> {"file": id of the API} or {"telegram": id of Telegram}
    Column("job", String(36)),
    Column("status", BigInteger),  # the status message
    # asked (for consent), open, cancelled (to be told to the API), ended
    Column("state", String(10), nullable=False),
    Column("created_at", Float, nullable=False),
    Index("bot_wishes_state", "state"),
)

SENT = Table(
    "bot_sent",  # pictures on their way to the chat: written before and after
    METADATA,
    Column("wish", Integer, ForeignKey("bot_wishes.id", ondelete="CASCADE"), primary_key=True),
    Column("image", String(36), primary_key=True),
    Column("arrived", Boolean, nullable=False),
)

BUTTONS = Table(
    "bot_buttons",
    METADATA,
    Column("id", String(16), primary_key=True),
    Column("chat", BigInteger, nullable=False),
    Column("person", BigInteger, nullable=False),
    Column("action", String(20), nullable=False),
    Column("data", JSON, nullable=False),
    Column("created_at", Float, nullable=False),
)
