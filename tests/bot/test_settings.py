import pytest
from pydantic import ValidationError

from palitra.bot.settings import BotSettings
from palitra.errors import InputError
from tests.bot.fake_telegram import TOKEN

GOOD = {"token": TOKEN, "api_key": "pal_x", "people": "7"}


def test_settings_come_from_the_environment(monkeypatch):
    for name, value in GOOD.items():
        monkeypatch.setenv(f"PALITRA_BOT_{name.upper()}", value)
    monkeypatch.setenv("PALITRA_BOT_PEOPLE", "11, 22 33")
    settings = BotSettings().check()
    assert settings.people == {"11", "22", "33"}
    assert settings.allows(22)
    assert not settings.allows(2)


def test_a_file_lists_people_as_numbers(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "palitra-bot.toml").write_text("people = [11, 22]\n")
    assert BotSettings().people == {"11", "22"}


def test_a_star_lets_everyone_in():
    assert BotSettings(people="*").allows(5)
    assert not BotSettings().allows(5)


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"token": ""}, "`PALITRA_BOT_TOKEN` must hold the token"),
        ({"token": "secret"}, "`PALITRA_BOT_TOKEN` must hold the token"),
        ({"api_key": ""}, "keys add telegram --agent"),
        ({"people": ""}, "`PALITRA_BOT_PEOPLE` must name who may use the bot"),
        ({"webhook_url": "http://x"}, "`webhook_url` must begin with https://, got http://x"),
        ({"webhook_url": "https://x", "webhook_secret": "short"}, "`webhook_secret` must be 16 to 256"),
    ],
)
def test_what_cannot_work_is_refused_in_a_sentence(wrong, sentence):
    with pytest.raises(InputError, match=sentence.replace("|", r"\|")):
        BotSettings(**(GOOD | wrong)).check()


def test_people_are_numbers():
    with pytest.raises(ValidationError, match="must be numbers of people"):
        BotSettings(people="@ann")


def test_secrets_are_in_no_representation():
    settings = BotSettings(**GOOD, webhook_secret="s" * 20)
    assert settings.secrets == (TOKEN, "pal_x", "s" * 20)
    assert not [secret for secret in settings.secrets if secret in repr(settings)]
