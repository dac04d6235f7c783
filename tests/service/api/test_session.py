import json
import logging
import time

import pytest
from sqlalchemy import select, update
from starlette.testclient import TestClient

from palitra.service.api.app import create_app
from palitra.service.api.guard import COOKIE
from palitra.service.keys import all_keys, drop_key, make_key
from palitra.service.settings import Settings
from palitra.service.tables import SESSIONS
from tests.service.api.test_jobs import WISH, hand_in

NOBODY = {"owner": None, "role": None, "login": "required"}


@pytest.fixture
def closed(tmp_path):
    """Settings of a service that needs a login."""
    return Settings(folder=tmp_path, require_key=True, trusted_hosts=("testserver",))


@pytest.fixture
def page(closed):
    """A browser in front of it."""
    with TestClient(create_app(closed)) as made:
        yield made


def log_in(client, key):
    return client.post("/v1/session", json={"key": key})


def test_a_key_opens_a_session_that_is_its_owner(page, closed):
    assert page.get("/v1/session").json() == NOBODY
    assert page.get("/v1/jobs").status_code == 401
    before = page.cookies[COOKIE]
    done = log_in(page, make_key(closed, "ann"))
    assert (done.status_code, done.json()) == (200, {"owner": "ann", "role": "user", "login": "done"})
    cookie = done.headers["set-cookie"]
    assert cookie.count(f"{COOKIE}=") == 1
    assert {"HttpOnly", "SameSite=Strict", "Path=/"} <= set(cookie.split("; "))
    assert page.cookies[COOKIE] != before
    assert page.get("/v1/session").json()["login"] == "done"
    job = hand_in(page)
    with_key = {"authorization": f"Bearer {make_key(closed, 'ann')}"}
    assert page.get(f"/v1/jobs/{job}", headers=with_key).status_code == 200


def test_logging_out_ends_the_session_for_good(page, closed):
    log_in(page, make_key(closed, "ann"))
    token = page.cookies[COOKIE]
    assert page.delete("/v1/session").status_code == 204
    assert page.get("/v1/session").json() == NOBODY
    page.cookies.set(COOKIE, token)
    assert page.get("/v1/session").json() == NOBODY
    assert page.delete("/v1/session").status_code == 204


def test_logging_in_again_ends_the_session_before(page, closed):
    key = make_key(closed, "ann")
    log_in(page, key)
    old = page.cookies[COOKIE]
    log_in(page, key)
    assert page.get("/v1/jobs").status_code == 200
    page.cookies.clear()
    page.cookies.set(COOKIE, old)
    assert page.get("/v1/jobs").status_code == 401


def test_a_deleted_key_ends_its_sessions(page, closed):
    log_in(page, make_key(closed, "ann"))
    drop_key(closed, all_keys(closed)[0].id)
    assert page.get("/v1/jobs").status_code == 401


def test_a_session_ends_after_its_days(page, closed):
    log_in(page, make_key(closed, "ann"))
    engine = page.app.state.service.engine
    with engine.begin() as connection:
        until = connection.scalar(select(SESSIONS.c.expires_at))
        assert until == pytest.approx(time.time() + 30 * 86_400, abs=60)
        connection.execute(update(SESSIONS).values(expires_at=time.time() - 1))
    assert page.get("/v1/session").json() == NOBODY
    log_in(page, make_key(closed, "ann"))
    with engine.connect() as connection:
        assert len(connection.execute(select(SESSIONS)).all()) == 1


def test_a_made_up_session_is_nobodys(page, closed):
    page.get("/healthz")
    page.cookies.set(COOKIE, "x" * 43)
    assert page.get("/v1/jobs").status_code == 401


@pytest.mark.parametrize(
    ("body", "status"),
    [({"key": "pal_wrong"}, 401), ({"key": ""}, 422), ({}, 422), ({"key": 5}, 422), ([], 422)],
)
def test_a_wrong_key_opens_nothing(page, body, status):
    refused = page.post("/v1/session", json=body)
    assert refused.status_code == status
    assert "set-cookie" not in refused.headers or page.get("/v1/session").json() == NOBODY


def test_a_session_is_not_opened_from_another_site(page, closed):
    headers = {"origin": "https://evil.example"}
    assert page.post("/v1/session", json={"key": make_key(closed, "ann")}, headers=headers).status_code == 403


def test_neither_keys_nor_tokens_are_kept(page, closed, caplog):
    caplog.set_level(logging.INFO)
    key = make_key(closed, "ann")
    log_in(page, key)
    log_in(page, key + "x")
    token = page.cookies[COOKIE]
    kept = [p.read_bytes() for p in closed.folder.rglob("*") if p.is_file()]
    assert kept
    for secret in (key, token):
        assert not [data for data in kept if secret.encode() in data]
        assert secret not in caplog.text


def test_who_sits_at_the_machine_runs_a_service_without_login(app, client):
    assert client.get("/v1/session").json()["login"] == "none"
    assert client.get("/v1/session").json()["role"] == "operator"
    for address in (("192.0.2.7", 5), ("testclient", 5)):
        far = TestClient(app, client=address)
        assert far.get("/v1/session").json()["role"] == "user"
        assert far.post("/v1/queue/pause").status_code == 403
        assert far.get("/metrics").status_code == 403
    assert TestClient(app, client=("::1", 5)).get("/v1/session").json()["role"] == "operator"


def test_a_login_works_where_none_is_needed(client, settings):
    own = hand_in(client)
    assert log_in(client, make_key(settings, "ann")).json() == {
        "owner": "ann",
        "role": "user",
        "login": "done",
    }
    assert client.get(f"/v1/jobs/{own}").status_code == 404
    assert client.post("/v1/queue/pause").status_code == 403


def test_operators_make_and_remove_keys(page, closed):
    log_in(page, make_key(closed, "root", role="operator"))
    made = page.post("/v1/keys", json={"owner": "ann", "name": "laptop"})
    assert (made.status_code, made.headers["cache-control"]) == (201, "no-store")
    told = made.json()
    assert told["key"].startswith("pal_")
    ann = {"authorization": f"Bearer {told['key']}"}
    assert page.post("/v1/jobs", json=WISH, headers=ann).status_code == 202
    kept = page.get("/v1/keys").json()
    assert [(k["owner"], k["name"], k["role"]) for k in kept] == [
        ("root", "", "operator"),
        ("ann", "laptop", "user"),
    ]
    assert not [k for k in kept if {"key", "hash"} & k.keys()]
    assert page.delete(f"/v1/keys/{told['id']}").status_code == 204
    assert page.get("/v1/jobs", headers=ann).status_code == 401
    assert page.delete(f"/v1/keys/{told['id']}").status_code == 404


@pytest.mark.parametrize(("method", "url"), [("GET", ""), ("POST", ""), ("DELETE", "/x")])
def test_nobody_else_has_to_do_with_keys(page, closed, method, url):
    body = {"owner": "bob"} if method == "POST" else None
    assert page.request(method, f"/v1/keys{url}", json=body).status_code == 401
    for role in ("user", "agent"):
        log_in(page, make_key(closed, "ann", role=role))
        assert page.request(method, f"/v1/keys{url}", json=body).status_code == 403
    assert {k.owner for k in all_keys(closed)} == {"ann"}


@pytest.mark.parametrize(
    ("wish", "field"),
    [
        ({"owner": ""}, "owner"),
        ({"owner": "a" * 81}, "owner"),
        ({"owner": "ann", "role": "god"}, "role"),
        ({"owner": "ann", "name": "n" * 81}, "name"),
        ({}, "owner"),
    ],
)
def test_a_bad_key_wish_names_its_field(client, wish, field):
    refused = client.post("/v1/keys", json=wish)
    assert refused.status_code == 422
    assert refused.json()["fields"][0]["field"] == field


def test_what_was_done_with_keys_is_audited(page, closed, caplog):
    caplog.set_level(logging.INFO, "palitra.audit")
    log_in(page, "pal_wrong")
    log_in(page, make_key(closed, "root", role="operator"))
    made = page.post("/v1/keys", json={"owner": "ann"}).json()
    page.delete(f"/v1/keys/{made['id']}")
    page.delete("/v1/session")
    lines = [json.loads(r.getMessage()) for r in caplog.records if r.name == "palitra.audit"]
    assert [line["act"] for line in lines] == [
        "login.failed",
        "login.done",
        "key.made",
        "key.removed",
        "login.ended",
    ]
    assert {line["owner"] for line in lines[1:]} == {"root"}
    assert made["key"] not in caplog.text
