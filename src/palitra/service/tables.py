"""The service's own tables, beside those of DBOS in the same database. Times are UTC seconds."""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    UniqueConstraint,
)

METADATA = MetaData()

JOBS = Table(
    "palitra_jobs",
    METADATA,
    Column("id", String(36), primary_key=True),
    Column("owner", String(80), nullable=False),
    Column("recipe", String(60), nullable=False),
    Column("params", JSON, nullable=False),
    Column("inputs", JSON, nullable=False),  # name of the input -> file id
    Column("batch_key", String(16), nullable=False),
    Column("cost_key", String(120), nullable=False),
    Column("priority", Integer, nullable=False, default=0),  # smaller is sooner
    Column("state", String(10), nullable=False),
    Column("created_at", Float, nullable=False),
    Column("started_at", Float),
    Column("finished_at", Float),
    Column("deadline_at", Float, nullable=False),
    Column("worker", String(120)),
    Column("fence", String(32)),  # of the run that may write; drawn anew at each beginning
    Column("crashes", Integer, nullable=False, default=0),
    Column("done", Integer, nullable=False, default=0),
    Column("total", Integer, nullable=False),
    Column("notes", JSON),
    Column("error_code", String(40)),
    Column("error", String(1000)),
    Column("idempotency_key", String(200)),
    Column("request_hash", String(64), nullable=False),
    Column("retry_of", String(36)),
    Column("consent", Boolean, nullable=False, default=False),  # the people in the photos agree
    UniqueConstraint("owner", "idempotency_key", name="palitra_jobs_idempotency"),
    Index("palitra_jobs_owner", "owner", "created_at"),
    Index("palitra_jobs_state", "state", "created_at"),
)

EVENTS = Table(
    "palitra_events",
    METADATA,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("job", String(36), ForeignKey("palitra_jobs.id", ondelete="CASCADE"), nullable=False),
    Column("seq", Integer, nullable=False),
    Column("kind", String(20), nullable=False),
    Column("data", JSON, nullable=False),
    Column("at", Float, nullable=False),
    UniqueConstraint("job", "seq", name="palitra_events_order"),
)

PREVIEWS = Table(
    "palitra_previews",
    METADATA,
    Column("job", String(36), ForeignKey("palitra_jobs.id", ondelete="CASCADE"), primary_key=True),
    Column("seq", Integer, nullable=False),
    Column("jpeg", LargeBinary, nullable=False),
)

FILES = Table(
    "palitra_files",
    METADATA,
    Column("id", String(64), primary_key=True),  # SHA-256 of the re-encoded picture
    Column("owner", String(80), primary_key=True),
    Column("name", String(200), nullable=False),
    Column("width", Integer, nullable=False),
    Column("height", Integer, nullable=False),
    Column("bytes", Integer, nullable=False),
    Column("notes", JSON, nullable=False),
    Column("created_at", Float, nullable=False),
    Index("palitra_files_owner", "owner", "created_at"),
)

PICTURES = Table(
    "palitra_pictures",
    METADATA,
    Column("id", String(36), primary_key=True),
    Column("job", String(36), ForeignKey("palitra_jobs.id", ondelete="CASCADE"), nullable=False),
    Column("owner", String(80), nullable=False),
    # of a sheet: "s" and its first part's; of the second, third, … wish of a job: "b", "c", … before it
    Column("seed", String(20), nullable=False),
    Column("rank", Integer, nullable=False),
    Column("kind", String(10), nullable=False, default="picture"),  # picture, sheet, or part of a sheet
    Column("name", String(200)),  # of a part: its class; of an edit: its wish
    Column("blob", String(64), nullable=False),
    Column("bytes", Integer, nullable=False, default=0),
    Column("width", Integer, nullable=False),
    Column("height", Integer, nullable=False),
    Column("favourite", Boolean, nullable=False, default=False),
    Column("created_at", Float, nullable=False),
    UniqueConstraint("job", "seed", name="palitra_pictures_once"),
    Index("palitra_pictures_owner", "owner", "created_at"),
    Index("palitra_pictures_blob", "blob"),
)

TIMINGS = Table(
    "palitra_timings",
    METADATA,
    Column("cost_key", String(120), primary_key=True),
    Column("seconds", Float, nullable=False),  # running mean for one picture
    Column("count", Integer, nullable=False),
)

WORKERS = Table(
    "palitra_workers",
    METADATA,
    Column("id", String(120), primary_key=True),
    Column("device", String(60), nullable=False),
    Column("models", JSON, nullable=False),
    Column("started_at", Float, nullable=False),
    Column("beat_at", Float, nullable=False),
)

FLAGS = Table("palitra_flags", METADATA, Column("name", String(40), primary_key=True))

KEYS = Table(
    "palitra_keys",
    METADATA,
    Column("id", String(36), primary_key=True),
    Column("owner", String(80), nullable=False),
    Column("name", String(80), nullable=False),
    Column("role", String(10), nullable=False, default="user"),
    Column("hash", String(64), nullable=False, unique=True),
    Column("created_at", Float, nullable=False),
    Column("last_used_at", Float),
)

SESSIONS = Table(
    "palitra_sessions",  # of people who logged in with a key; the key's owner and role are theirs
    METADATA,
    Column("hash", String(64), primary_key=True),
    Column("key", String(36), ForeignKey("palitra_keys.id", ondelete="CASCADE"), nullable=False),
    Column("created_at", Float, nullable=False),
    Column("expires_at", Float, nullable=False),
    Index("palitra_sessions_key", "key"),
)
