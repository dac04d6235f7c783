import pytest
from starlette.testclient import TestClient

from palitra.errors import InputError
from palitra.service.api.app import create_app
from palitra.service.api.guard import COOKIE, HEADERS
from palitra.service.keys import all_keys, drop_key, make_key
from palitra.service.settings import Settings
from tests.service.api.conftest import ended
from tests.service.api.test_jobs import WISH, hand_in


def test_a_session_is_given_once_and_its_token_is_kept_nowhere(client, app):
    first = client.get("/healthz")
    cookie = first.headers["set-cookie"]
    assert cookie.startswith(f"{COOKIE}=")
    assert "HttpOnly" in cookie
    assert "SameSite=Strict" in cookie
    assert "set-cookie" not in client.get("/healthz").headers
    hand_in(client)
    token = client.cookies[COOKIE].encode()
    kept = [p for p in app.state.service.settings.folder.rglob("*") if p.is_file()]
    assert kept
    assert not [p for p in kept if token in p.read_bytes()]


@pytest.mark.parametrize("path", ["/study/pilot", "/assets/a.js", "/palitra.svg"])
def test_no_session_begins_with_the_page_of_a_study_and_with_files(client, path):
    assert "set-cookie" not in client.get(path).headers
    assert "set-cookie" in client.get("/v1/studies/pilot").headers


LINK = {"sec-fetch-mode": "navigate", "sec-fetch-site": "cross-site", "accept": "text/html,*/*;q=0.8"}


@pytest.mark.parametrize("path", ["/", "/docs", "/v1/jobs", "/healthz", "/nothing"])
@pytest.mark.parametrize("told", [LINK, {"accept": LINK["accept"]}])
def test_a_link_on_another_site_replaces_no_session(client, path, told):
    # a strict cookie is not sent along with a click there, so the server sees none
    client.get("/v1/session")
    kept = client.cookies[COOKIE]
    client.cookies.clear()
    assert "set-cookie" not in client.get(path, headers=told).headers
    # what the page asks then is of its own site and carries the cookie
    client.cookies.set(COOKIE, kept)
    assert "set-cookie" not in client.get("/v1/session", headers={"sec-fetch-mode": "cors"}).headers


def test_the_first_call_of_a_page_begins_a_session(client):
    assert "set-cookie" in client.get("/v1/session", headers={"sec-fetch-mode": "cors"}).headers


def routes(app):
    for path, methods in app.openapi()["paths"].items():
        for method in methods:
            if "{" in path:
                yield method, path


BODIES = {
    ("patch", "/v1/images/{image}"): {"favourite": True},
    ("post", "/v1/studies/{study}/answers"): {"place": 0, "edit": "left", "structure": "left"},
}


def test_two_users_never_see_each_other_on_any_route(client, stranger, worker, app):
    done = ended(client, hand_in(client))
    file = client.post("/v1/files", files={"file": ("a.png", _png())}).json()["id"]
    ids = {"{job}": done["id"], "{image}": done["images"][0]["id"], "{file}": file}
    checked = 0
    for method, path in routes(app):
        url = path
        for name, value in ids.items():
            url = url.replace(name, value)
        body = {"json": BODIES[method, path]} if (method, path) in BODIES else {}
        assert stranger.request(method.upper(), url, **body).status_code == 404, (method, path)
        checked += 1
    assert checked >= 11
    assert stranger.get("/v1/jobs").json()["jobs"] == []
    assert stranger.get("/v1/images").json()["images"] == []
    assert client.get(f"/v1/images/{ids['{image}']}").status_code == 200


def test_a_foreign_host_is_refused(client):
    refused = client.get("/v1/jobs", headers={"host": "evil.example"})
    assert (refused.status_code, refused.json()["code"]) == (403, "bad_host")


def test_a_foreign_page_cannot_change_anything(client):
    refused = client.post("/v1/jobs", json=WISH, headers={"origin": "https://evil.example"})
    assert (refused.status_code, refused.json()["code"]) == (403, "bad_origin")
    assert client.post("/v1/jobs", json=WISH, headers={"origin": "http://testserver"}).status_code == 202


def test_a_body_over_the_bound_is_refused_unread(client):
    refused = client.post("/v1/files", files={"file": ("a.png", b"0" * (33 * 2**20))})
    assert (refused.status_code, refused.json()["code"]) == (413, "too_large")


def test_a_body_without_a_length_is_counted(tmp_path):
    with TestClient(
        create_app(Settings(folder=tmp_path, most_upload_bytes=2048, trusted_hosts=("testserver",)))
    ) as small:
        chunks = (b"x" * 10_000 for _ in range(50))
        assert small.post("/v1/jobs", content=chunks).status_code == 413


def test_every_answer_wears_safe_headers(client):
    for path in ("/healthz", "/v1/jobs/none", "/v1/recipes"):
        assert HEADERS.items() <= dict(client.get(path).headers).items()


def test_an_open_address_needs_a_login(tmp_path):
    with pytest.raises(InputError, match=r"`host` must be 127.0.0.1 unless `require_key` is true"):
        create_app(Settings(folder=tmp_path, host="0.0.0.0"))


def test_with_keys_only_key_holders_come_in(tmp_path):
    settings = Settings(folder=tmp_path, require_key=True, trusted_hosts=("testserver",))
    ann, bob = make_key(settings, "ann", "laptop"), make_key(settings, "bob")
    with TestClient(create_app(settings)) as client:
        assert client.get("/v1/jobs").status_code == 401
        assert client.get("/v1/jobs", headers={"authorization": "Bearer pal_wrong"}).status_code == 401
        mine = {"authorization": f"Bearer {ann}"}
        job = client.post("/v1/jobs", json=WISH, headers=mine).json()["id"]
        assert client.get(f"/v1/jobs/{job}", headers=mine).status_code == 200
        theirs = {"authorization": f"Bearer {bob}"}
        assert client.get(f"/v1/jobs/{job}", headers=theirs).status_code == 404
        keys = all_keys(settings)
        assert [(k.owner, k.name) for k in keys] == [("ann", "laptop"), ("bob", "")]
        drop_key(settings, keys[0].id)
        assert client.get("/v1/jobs", headers=mine).status_code == 401
    assert not [p for p in tmp_path.rglob("*") if p.is_file() and ann.encode() in p.read_bytes()]


def _png():
    import io

    from PIL import Image

    buffer = io.BytesIO()
    Image.new("RGB", (32, 32), "red").save(buffer, "PNG")
    return buffer.getvalue()
