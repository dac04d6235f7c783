"""An agent's key asks for many people, each of whom is an owner of their own."""

import pytest
from starlette.testclient import TestClient

from palitra.errors import InputError
from palitra.service.api.app import create_app
from palitra.service.keys import make_key
from palitra.service.settings import Settings
from tests.service.api.test_jobs import WISH


@pytest.fixture
def open_app(tmp_path):
    settings = Settings(folder=tmp_path, require_key=True, trusted_hosts=("testserver",))
    with TestClient(create_app(settings)) as client:
        yield client, settings


def key(settings, owner, role, person=None):
    headers = {"authorization": f"Bearer {make_key(settings, owner, role=role)}"}
    return headers if person is None else {**headers, "palitra-owner": person}


def test_people_of_one_agent_do_not_see_each_other(open_app):
    client, settings = open_app
    ann = key(settings, "telegram", "agent", "tg-1")
    job = client.post("/v1/jobs", json=WISH, headers=ann).json()["id"]
    assert client.get(f"/v1/jobs/{job}", headers=ann).status_code == 200
    for other in (ann | {"palitra-owner": "tg-2"}, key(settings, "telegram", "agent")):
        assert client.get(f"/v1/jobs/{job}", headers=other).status_code == 404
    assert client.get(f"/v1/jobs/{job}", headers=key(settings, "telegram/tg-1", "user")).status_code == 200


def test_without_the_header_an_agent_is_its_own_owner(open_app):
    client, settings = open_app
    agent = key(settings, "telegram", "agent")
    job = client.post("/v1/jobs", json=WISH, headers=agent).json()["id"]
    assert client.get(f"/v1/jobs/{job}", headers=key(settings, "telegram", "user")).status_code == 200


@pytest.mark.parametrize("role", ["user", "operator"])
def test_who_is_no_agent_asks_for_nobody_else(open_app, role):
    client, settings = open_app
    refused = client.get("/v1/jobs", headers=key(settings, "ann", role, "tg-1"))
    assert (refused.status_code, refused.json()["code"]) == (403, "no_access")


def test_a_session_asks_for_nobody_else(client):
    assert client.get("/v1/jobs", headers={"palitra-owner": "tg-1"}).status_code == 403


@pytest.mark.parametrize("person", ["", "Ann", "a/b", "a" * 65, "a b"])
def test_a_person_has_a_plain_name(open_app, person):
    client, settings = open_app
    refused = client.get("/v1/jobs", headers=key(settings, "telegram", "agent", person))
    assert (refused.status_code, refused.json()["code"]) == (422, "bad_input")


def test_an_agent_does_not_operate(open_app):
    client, settings = open_app
    agent = key(settings, "telegram", "agent")
    assert client.post("/v1/queue/pause", headers=agent).status_code == 403


@pytest.mark.parametrize("owner", ["tele/gram", "a" * 16, "", "Ann"])
def test_an_agents_name_leaves_room_for_people(settings, owner):
    with pytest.raises(InputError, match="`owner` of an agent must be 1 to 15"):
        make_key(settings, owner, role="agent")
