"""Every setting of the bot: defaults, then `palitra-bot.toml`, then the environment (`PALITRA_BOT_…`)."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any, Final

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import (
    BaseSettings,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from palitra.errors import InputError

EVERYONE: Final = "*"
_TOKEN = re.compile(r"\d{1,20}:[A-Za-z0-9_-]{1,100}")
_SECRET = re.compile(r"[A-Za-z0-9_-]{16,256}")


class BotSettings(BaseSettings):
    """The bot's settings; times are in seconds, sizes in bytes."""

    model_config = SettingsConfigDict(
        env_prefix="PALITRA_BOT_", toml_file="palitra-bot.toml", extra="forbid", hide_input_in_errors=True
    )

    token: SecretStr = Field(default=SecretStr(""), description="From @BotFather.")
    people: Annotated[frozenset[str], NoDecode] = Field(
        default=frozenset(), description="Telegram numbers of who may use it: 11,22; * lets everyone in."
    )
    api_url: str = Field(default="http://127.0.0.1:8000", description="Where palitra serve answers.")
    api_key: SecretStr = Field(default=SecretStr(""), description="From palitra keys add telegram --agent.")
    folder: Path = Field(default=Path("palitra-data"), description="Folder of the bot's memory.")
    telegram_url: str = Field(default="https://api.telegram.org", description="A Bot API server.")

    edit_every_s: float = Field(default=3, ge=0.01, le=60, description="A status message changes no faster.")
    album_quiet_s: float = Field(default=1, ge=0, le=10, description="Then an album is complete.")
    keep_days: float = Field(default=30, gt=0, description="Older buttons and ended wishes are forgotten.")
    most_picture_bytes: int = Field(default=20 * 2**20, ge=1024, description="Telegram's own bound is 20 MB.")

    webhook_url: str = Field(default="", description="https://…; empty: long polling.")
    webhook_secret: SecretStr = Field(default=SecretStr(""), description="16 to 256 of A-Z a-z 0-9 _ -.")
    webhook_host: str = "127.0.0.1"
    webhook_port: int = Field(default=8081, ge=0, le=65535)

    @field_validator("people", mode="before")
    @classmethod
    def _split(cls, value: Any) -> Any:
        if isinstance(value, int | str):
            value = str(value).replace(",", " ").split()
        return frozenset(str(part) for part in value)

    @field_validator("people")
    @classmethod
    def _numbers(cls, value: frozenset[str]) -> frozenset[str]:
        wrong = sorted(part for part in value if part != EVERYONE and not part.isdigit())
        if wrong:
            raise ValueError(f"must be numbers of people, or *, got {wrong[0][:40]}")
        return value

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

    @property
    def database_url(self) -> str:
        """The SQLAlchemy URL of the bot's memory."""
        return f"sqlite:///{self.folder.resolve() / 'bot.sqlite'}"

    @property
    def secrets(self) -> tuple[str, ...]:
        """What no log may show."""
        values = (self.token, self.api_key, self.webhook_secret)
        return tuple(v.get_secret_value() for v in values if v.get_secret_value())

    def allows(self, person: int) -> bool:
        """Whether this person may use the bot."""
        return EVERYONE in self.people or str(person) in self.people

    def check(self) -> BotSettings:
        """Refuse what cannot work.

        Raises:
            InputError: no token or key, nobody let in, or an unsafe webhook.
        """
        if not _TOKEN.fullmatch(self.token.get_secret_value()):
            raise InputError("`PALITRA_BOT_TOKEN` must hold the token that @BotFather gave")
        if not self.api_key.get_secret_value():
            raise InputError("`PALITRA_BOT_API_KEY` must hold a key: palitra keys add telegram --agent")
        if not self.people:
            raise InputError("`PALITRA_BOT_PEOPLE` must name who may use the bot: 11,22 or * for everyone")
        if self.webhook_url:
            if not self.webhook_url.startswith("https://"):
                raise InputError(f"`webhook_url` must begin with https://, got {self.webhook_url[:40]}")
            if not _SECRET.fullmatch(self.webhook_secret.get_secret_value()):
                raise InputError("`webhook_secret` must be 16 to 256 of A-Z, a-z, 0-9, _ and -")
        return self
