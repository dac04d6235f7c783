"""`palitra bot` without what it needs: one sentence, exit code 2."""

import pytest

from palitra.cli import bot, main


def sentence(monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["palitra", "bot"])
    with pytest.raises(SystemExit) as stopped:
        main.main()
    assert stopped.value.code == 2
    return capsys.readouterr().err


def test_without_its_libraries_the_sentence_says_what_to_install(monkeypatch, capsys):
    monkeypatch.setattr(bot, "find_spec", lambda name: None if name == "aiogram" else object())
    assert "(aiogram): pip install 'palitra[bot]'" in sentence(monkeypatch, capsys)


def test_without_a_token_the_sentence_says_so(monkeypatch, capsys, tmp_path):
    pytest.importorskip("aiogram", reason="the bot's libraries are not installed: pip install palitra[bot]")
    monkeypatch.chdir(tmp_path)
    assert "`PALITRA_BOT_TOKEN` must hold the token" in sentence(monkeypatch, capsys)


def test_a_wrong_setting_is_named_without_a_traceback(monkeypatch, capsys, tmp_path):
    pytest.importorskip("aiogram", reason="the bot's libraries are not installed: pip install palitra[bot]")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PALITRA_BOT_PEOPLE", "@ann")
    said = sentence(monkeypatch, capsys)
    assert said == "palitra: `PALITRA_BOT_PEOPLE` must be numbers of people, or *, got @ann\n"
