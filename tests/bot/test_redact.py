import io
import logging

import pytest

from palitra.bot.redact import SecretFilter, redact
from tests.bot.fake_telegram import TOKEN

KEY = "pal_secret"


@pytest.fixture
def log():
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.addFilter(SecretFilter([KEY]))
    # a child of the logger whose handler filters: filters of loggers would not see it
    logger = logging.getLogger("redact")
    logger.propagate = False
    logger.addHandler(handler)
    yield logging.getLogger("redact.child"), stream
    logger.removeHandler(handler)


def test_what_has_no_secret_stays_as_it_is(log):
    logger, stream = log
    logger.warning("12:30 %s of %d", "half", 2)
    assert stream.getvalue() == "12:30 half of 2\n"


def test_the_token_is_taken_out_of_messages_and_their_arguments(log):
    logger, stream = log
    logger.warning("POST /bot%s/getUpdates", TOKEN)
    logger.warning(f"key {KEY}")
    assert stream.getvalue() == "POST /bot***/getUpdates\nkey ***\n"


def test_and_out_of_tracebacks(log):
    logger, stream = log
    try:
        raise ValueError(f"cannot reach /bot{TOKEN}/getMe with {KEY}")
    except ValueError:
        logger.exception("failed", stack_info=True)
    shown = stream.getvalue()
    assert "Traceback" in shown
    assert TOKEN not in shown
    assert "pal_secret" not in shown


def test_a_token_nobody_named_is_recognised():
    assert redact(f"https://api.telegram.org/bot{TOKEN}/x") == "https://api.telegram.org/bot***/x"
