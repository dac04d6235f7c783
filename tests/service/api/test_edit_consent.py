"""Photos to edit may show anybody: words about people need consent, and what people leave is let go."""

import pytest
from starlette.testclient import TestClient

from palitra.service.api.app import create_app
from palitra.service.jobs.consent import speaks_of_people
from palitra.service.settings import Settings
from tests.service.api.conftest import HERE
from tests.service.api.test_files import picture, upload


def ask(client, language="en", **wish):
    photo = upload(client, picture()).json()["id"]
    body = {"recipe": "edit", "target": "a cat", "inputs": {"photo": photo}, **wish}
    return client.post("/v1/jobs", json=body, headers={"accept-language": language})


@pytest.mark.parametrize(
    "words", ["a woman", "an old Man in a hat", "a photo of a person", "женщина", "ребёнок"]
)
@pytest.mark.parametrize("field", ["source", "target"])
def test_words_about_people_need_it(client, field, words):
    refused = ask(client, **{field: words})
    assert (refused.status_code, refused.json()["code"]) == (422, "consent_needed")
    assert refused.json()["detail"].startswith(
        "`consent` must be true for words about people: who is in the photo"
    )
    assert ask(client, "ru", **{field: words}).json()["detail"].startswith("`consent`: речь о людях")
    accepted = ask(client, **{field: words}, consent=True)
    assert (accepted.status_code, accepted.json()["consent"]) == (202, True)


@pytest.mark.parametrize("words", ["a cat", "a snowman", "an oil painting of a house", "a manhole", "лошадь"])
def test_other_words_do_not_and_no_consent_is_noted(client, words):
    accepted = ask(client, target=words)
    assert (accepted.status_code, accepted.json()["consent"]) == (202, False)


def test_the_word_may_be_given_without_need(client):
    """Then the photo counts as one of people: it is deleted sooner, and nothing of it is kept on disk."""
    accepted = ask(client, consent=True)
    assert (accepted.status_code, accepted.json()["consent"]) == (202, True)


def test_an_operator_may_ask_for_it_always(tmp_path):
    settings = Settings(folder=tmp_path, trusted_hosts=("127.0.0.1", "testserver"), consent="always")
    with TestClient(create_app(settings), client=HERE) as client:
        assert client.get("/v1/recipes").json()["edit"]["inputs"][0]["subject"] == "person"
        assert ask(client).json()["code"] == "consent_needed"
        assert ask(client, consent=True).status_code == 202


def test_sketches_speak_of_whom_they_like(client):
    sketch = upload(client, picture()).json()["id"]
    wish = {"recipe": "sketch_to_image", "prompt": "a woman", "inputs": {"sketch": sketch}}
    assert client.post("/v1/jobs", json=wish).status_code == 202


def test_whole_words_count():
    assert speaks_of_people({"target": "two humans"})
    assert not speaks_of_people({"target": "a german shepherd", "source": "womanly curves of a guitar"})
