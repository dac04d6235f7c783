"""Every setting of the service: defaults, then `palitra.toml`, then the environment (`PALITRA_…`)."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from palitra.errors import InputError


class Settings(BaseSettings):
    """The service's settings; times are in seconds, sizes in bytes."""

    model_config = SettingsConfigDict(env_prefix="PALITRA_", toml_file="palitra.toml", extra="forbid")

    folder: Path = Field(default=Path("palitra-data"), description="Folder of the database and of files.")
    db: str | None = Field(default=None, description="sqlite:///FILE or postgresql://…; else in `folder`.")
    store: str | None = Field(default=None, description="file:///… or s3://…; else in `folder`.")
    host: str = "127.0.0.1"
    port: int = Field(default=8000, ge=0, le=65535)
    require_key: bool = Field(default=False, description="Every request needs an API key or a login.")
    session_days: float = Field(default=30, gt=0, le=400, description="A login ends after so many days.")
    trusted_hosts: tuple[str, ...] = ("127.0.0.1", "localhost", "[::1]")

    body_s: float = Field(default=120, gt=0, description="A request's body must arrive in this time.")
    rate: float = Field(default=50, ge=0, description="Requests per second of one caller; 0: no bound.")
    rate_burst: int = Field(default=500, ge=1, description="Requests of one caller at once.")
    rate_addresses: float = Field(default=4, ge=1, description="One address: so many callers' requests.")
    uploads_per_hour: int = Field(default=600, ge=0, description="Of one caller; 0: no bound.")
    joins_per_hour: int = Field(
        default=120, ge=0, description="People of one address who begin a study; 0: no bound."
    )

    filters: tuple[str, ...] = Field(default=(), description="Content filters: words, or plug-ins by name.")
    filter_words: Path | None = Field(default=None, description="The list of the filter `words`.")

    log: Literal["text", "json"] = Field(default="text", description="Logs for people or for machines.")
    audit: Path | None = Field(
        default=None, description="File of audit lines; else `audit.jsonl` in `folder`."
    )
    audit_prompts: bool = Field(default=False, description="Audit lines hold the prompts of jobs.")

    model: str = Field(default="mini", description="The model that is warm at start.")
    models: tuple[str, ...] = Field(
        default=(), description="Folders and hub ids that jobs may name, beside the known models."
    )
    class_models: tuple[Path, ...] = Field(
        default=(), description="Folders of zoo runs whose classes jobs may name, beside the embedded ones."
    )
    device: str = "auto"
    most_models_bytes: int = Field(default=4 * 2**30, ge=0, description="Models kept in memory.")
    claim: int = Field(default=8, ge=1, le=64, description="Jobs one worker holds at a time.")
    claim_per_owner: int = Field(default=4, ge=1, le=64, description="Of them, jobs of one owner.")
    poll_s: float = Field(default=0.1, gt=0, le=10)
    heartbeat_s: float = Field(default=5, gt=0)
    dead_after_s: float = Field(default=30, gt=0, description="A worker this long silent is dead.")
    grace_s: float = Field(default=10, ge=0, description="What runs may finish in it when asked to stop.")
    most_crashes: int = Field(default=3, ge=1, description="Crashes that make a job poison.")
    previews: bool = True

    keep_inversions_s: float = Field(
        default=3600, ge=0, description="Inverted photos stay on disk so long unused; 0: in memory only."
    )
    most_inversions_bytes: int = Field(default=2 * 2**30, ge=0, description="Of them on disk.")

    most_queued: int = Field(default=1000, ge=1, description="Jobs waiting in all; beyond it 503.")
    most_queued_per_owner: int = Field(default=100, ge=1, description="Of one owner; beyond it 429.")
    deadline_s: float = Field(default=3600, gt=0, description="A job not done by then fails.")
    most_upload_bytes: int = Field(default=32 * 2**20, ge=1024)
    keep_days: float = Field(default=30, gt=0, description="What is older is deleted.")
    consent: Literal["people", "always"] = Field(
        default="people", description="Photos to edit need it when words speak of people, or always."
    )
    keep_people_days: float = Field(
        default=7, gt=0, description="Photos of people, after the last job that drew from them."
    )
    most_files_per_owner: int = Field(default=2000, ge=0, description="Kept uploads; 0: no bound.")
    most_bytes_per_owner: int = Field(
        default=4 * 2**30, ge=0, description="Kept uploads and pictures of one owner; 0: no bound."
    )
    most_store_bytes: int = Field(default=0, ge=0, description="Of all owners together; 0: no bound.")

    live: bool = Field(default=True, description="Pictures while one draws, by a process of their own.")
    live_model: str = Field(default="mini", description="The model of live pictures.")
    live_threads: int = Field(default=0, ge=0, description="Of the live worker; 0: half of the cores.")
    live_nice: int = Field(default=5, ge=0, le=19, description="How far the live worker stands behind jobs.")
    live_rate: float = Field(
        default=10, ge=0, description="Live pictures a second of one caller; 0: no bound."
    )

    mark_visible: bool = Field(default=False, description="A word in the corner of every picture.")
    mark_invisible: bool = Field(default=False, description="A mark in the pixels that `mark_key` finds.")
    mark_key: SecretStr | None = Field(default=None, description="Secret of the invisible mark.")
    c2pa: bool = Field(default=False, description="Delivered pictures carry a signed C2PA manifest.")
    c2pa_certificate: Path | None = Field(default=None, description="PEM chain; else one for tests.")
    c2pa_key: Path | None = Field(default=None, description="Its PEM key, without a password.")
    c2pa_anchors: Path | None = Field(default=None, description="PEM authorities whose signers are trusted.")

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Arguments win over the environment, which wins over the file."""
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls)

    @cached_property
    def database_url(self) -> str:
        """The SQLAlchemy URL; PostgreSQL goes through psycopg 3."""
        url = self.db or f"sqlite:///{self.folder.resolve() / 'palitra.sqlite'}"
        if url.startswith(("postgresql://", "postgres://")):
            return "postgresql+psycopg://" + url.split("://", 1)[1]
        if not url.startswith(("sqlite:///", "postgresql+psycopg://")):
            raise InputError(f"`db` must be sqlite:///FILE or postgresql://…, got {url.split('@')[-1]}")
        return url

    @cached_property
    def store_url(self) -> str:
        """Where blobs lie, as a URL."""
        return self.store or (self.folder.resolve() / "files").as_uri()

    def check(self) -> Settings:
        """Refuse unsafe combinations.

        Raises:
            InputError: an address beyond this machine without a login.
        """
        if self.host not in ("127.0.0.1", "localhost", "::1") and not self.require_key:
            raise InputError(
                f"`host` must be 127.0.0.1 unless `require_key` is true: {self.host} would let everyone in"
            )
        if self.mark_invisible and self.mark_key is None:
            raise InputError("`mark_key` must be set when `mark_invisible` is true")
        if (self.c2pa_certificate is None) != (self.c2pa_key is None):
            raise InputError("`c2pa_certificate` and `c2pa_key` must be set together")
        return self
