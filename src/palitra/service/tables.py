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

STUDIES = Table(
    "palitra_studies",  # blind comparisons by people
    METADATA,
    Column("name", String(60), primary_key=True),
    Column("title", String(200), nullable=False),
    Column("state", String(10), nullable=False),  # making, open, closed
    Column("arms", JSON, nullable=False),  # names, in the order that numbers of arms mean
    Column("items", JSON, nullable=False),  # id, source, target, target_ru; in the order of their numbers
    Column("pairs", Integer, nullable=False),  # of one participant, as checks
    Column("checks", Integer, nullable=False),
    Column("allowed", Integer, nullable=False),  # checks that may be failed
    Column("against", Integer),
    Column("seed", Integer, nullable=False),
    Column("equal", Boolean, nullable=False, default=False),  # "about the same" is an answer
    Column("members", Boolean, nullable=False, default=False),  # a login is asked for
    Column("joined", Integer, nullable=False, default=0),
    Column("created_at", Float, nullable=False),
    Column("closed_at", Float),
)

STUDY_PICTURES = Table(
    "palitra_study_pictures",
    METADATA,
    Column("id", String(32), primary_key=True),  # by chance: an address says nothing about the arm
    Column("study", String(60), ForeignKey("palitra_studies.name", ondelete="CASCADE"), nullable=False),
    Column("item", Integer, nullable=False),
    Column("arm", Integer, nullable=False),  # -1: noise, -2: the photo
    Column("blob", String(64), nullable=False),
    UniqueConstraint("study", "item", "arm", name="palitra_study_pictures_once"),
    Index("palitra_study_pictures_blob", "blob"),
)

PARTICIPANTS = Table(
    "palitra_participants",
    METADATA,
    Column("study", String(60), ForeignKey("palitra_studies.name", ondelete="CASCADE"), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("hash", String(64), nullable=False),  # of the study and the session's token
    Column("joined_at", Float, nullable=False),
    UniqueConstraint("study", "hash", name="palitra_participants_once"),
)

STUDY_TRIALS = Table(
    "palitra_study_trials",  # what a participant is shown; arms as in palitra_study_pictures
    METADATA,
    Column("study", String(60), ForeignKey("palitra_studies.name", ondelete="CASCADE"), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("place", Integer, primary_key=True),
    Column("item", Integer, nullable=False),
    Column("left", Integer, nullable=False),
    Column("right", Integer, nullable=False),
)

STUDY_ANSWERS = Table(
    "palitra_study_answers",
    METADATA,
    Column("study", String(60), ForeignKey("palitra_studies.name", ondelete="CASCADE"), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("place", Integer, primary_key=True),
    Column("question", String(10), primary_key=True),
    Column("choice", String(5), nullable=False),
    Column("at", Float, nullable=False),
)
