"""Keeps tokens and keys out of logs: Telegram's addresses carry the bot's token."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable
from typing import Final

MARK: Final = "***"
_TOKEN = re.compile(r"(?<!\d)\d{6,}:[A-Za-z0-9_-]{30,}")


def redact(text: str, secrets: Iterable[str] = ()) -> str:
    """The text without the secrets, and without anything that looks like a bot's token."""
    for secret in secrets:
        text = text.replace(secret, MARK)
    return _TOKEN.sub(MARK, text)


class SecretFilter(logging.Filter):
    """Put it on handlers: filters of loggers do not see what their children log."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        super().__init__()
        self.secrets = tuple(secrets)
        self._formatter = logging.Formatter()

    def filter(self, record: logging.LogRecord) -> bool:
        """Rewrite message and traceback; every record passes."""
        record.msg, record.args = redact(record.getMessage(), self.secrets), ()
        if record.exc_info and not record.exc_text:
            # formatters print this text instead of the exception
            record.exc_text = self._formatter.formatException(record.exc_info)
        if record.exc_text:
            record.exc_text = redact(record.exc_text, self.secrets)
        if record.stack_info:
            record.stack_info = redact(record.stack_info, self.secrets)
        return True
