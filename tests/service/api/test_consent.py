"""Photos of people need a word of consent; a recipe registered here takes them."""

import json
import logging

import pytest

from tests.portrait import NAME, portraits
from tests.service.api.conftest import ended
from tests.service.api.test_files import picture, upload


@pytest.fixture(autouse=True)
def recipe():
    with portraits():
        yield


@pytest.fixture
def photo(client):
    return upload(client, picture()).json()["id"]


def ask(client, photo, language="en", **more):
    wish = {"recipe": NAME, "prompt": "as a painter", "steps": 2, "inputs": {"photo": photo}, **more}
    return client.post("/v1/jobs", json=wish, headers={"accept-language": language})


@pytest.mark.parametrize("consent", [{}, {"consent": False}, {"consent": None}])
def test_a_photo_of_a_person_is_not_drawn_from_without_consent(client, photo, consent):
    refused = ask(client, photo, **consent)
    told = refused.json()
    assert (refused.status_code, told["code"]) == (422, "consent_needed")
    assert told["fields"][0]["field"] == "consent"
    assert told["fields"][0]["value"] == "false"
    assert "(photo)" in told["detail"]
    assert client.get("/v1/jobs").json()["jobs"] == []


def test_it_is_said_in_russian_too(client, photo):
    told = ask(client, photo, "ru").json()
    assert told["title"] == "Согласен ли человек на снимке?"
    assert told["detail"].startswith("`consent`: на снимке (photo) человек")


def test_with_consent_it_is_drawn_and_the_audit_log_keeps_the_word(client, worker, photo, caplog):
    caplog.set_level(logging.INFO, "palitra.audit")
    accepted = ask(client, photo, consent=True)
    assert (accepted.status_code, accepted.json()["consent"]) == (202, True)
    assert ended(client, accepted.json()["id"])["state"] == "done"
    lines = [json.loads(r.getMessage()) for r in caplog.records if r.name == "palitra.audit"]
    (line,) = [line for line in lines if line["act"] == "job.accepted"]
    assert (line["consent"], line["photos"], line["job"]) == (True, [photo], accepted.json()["id"])
    assert line["owner"].startswith("s-")


def test_the_word_holds_for_the_same_wish_again(client, photo):
    job = ask(client, photo, consent=True).json()["id"]
    client.post(f"/v1/jobs/{job}/cancel")
    again = client.post(f"/v1/jobs/{job}/retry")
    assert (again.status_code, again.json()["consent"]) == (202, True)


def test_what_is_neither_yes_nor_no_is_refused(client, photo):
    refused = ask(client, photo, consent="perhaps").json()
    assert (refused["code"], refused["fields"][0]["field"]) == ("bad_input", "consent")


def test_a_job_without_photos_of_people_needs_none_and_notes_none(client, caplog):
    caplog.set_level(logging.INFO, "palitra.audit")
    wish = {"recipe": "text_to_image", "prompt": "a cat", "steps": 2}
    assert client.post("/v1/jobs", json=wish).status_code == 202
    told = client.post("/v1/jobs", json={**wish, "consent": True})
    assert (told.status_code, told.json()["consent"]) == (202, False)
    assert "consent" not in caplog.text


def test_schemas_say_whose_photo_an_input_is(client):
    inputs = client.get("/v1/recipes").json()[NAME]["inputs"]
    assert [(i["name"], i["subject"]) for i in inputs] == [("photo", "person"), ("backdrop", None)]
    described = client.get("/openapi.json").json()["components"]["schemas"]["PortraitParams"]["properties"]
    files = described["inputs"]["properties"]
    assert files["photo"]["x-subject"] == "person"
    assert "x-subject" not in files["backdrop"]
    assert described["consent"]["type"] == "boolean"
