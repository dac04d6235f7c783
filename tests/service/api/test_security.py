"""Rows of docs/security.md that no other test holds."""

import io
import threading

import pytest
from PIL import Image

from tests.service.api.conftest import ended
from tests.service.api.test_files import picture
from tests.service.api.test_jobs import WISH, hand_in

ADDRESSES = (
    "http://127.0.0.1:8000/v1/keys",
    "http://169.254.169.254/latest/meta-data",
    "http://2130706433/",
    "http://[::ffff:127.0.0.1]/",
    "https://example.com/a.png",
    "file:///etc/passwd",
    "data:image/png;base64,AAAA",
)


@pytest.mark.parametrize("address", ADDRESSES)
def test_an_address_is_never_an_input(client, address, monkeypatch):
    import socket

    def never(*_):
        raise AssertionError("somebody connected")

    monkeypatch.setattr(socket.socket, "connect", never)
    wish = {"recipe": "sketch_to_image", "prompt": "x", "inputs": {"sketch": address}}
    assert client.post("/v1/jobs", json=wish).status_code == 404
    form = {"prompt": "x", "image": address}
    assert client.post("/v1/images/edits", data=form).status_code == 422
    assert client.get(f"/v1/images/{address}").status_code == 404


def test_interleaved_users_get_their_own_pictures(client, stranger, worker):
    jobs = {}

    def ask(user, first):
        jobs[user] = [hand_in(user, seed=first + 2 * i, n=1) for i in range(5)]

    client.get("/healthz")
    stranger.get("/healthz")
    threads = [threading.Thread(target=ask, args=each) for each in ((client, 100), (stranger, 101))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for user, first in ((client, 100), (stranger, 101)):
        for i, job in enumerate(jobs[user]):
            (image,) = ended(user, job)["images"]
            assert image["seed"] == first + 2 * i
            with Image.open(io.BytesIO(user.get(f"/v1/images/{image['id']}").content)) as drawn:
                assert drawn.getpixel((0, 0))[0] == first + 2 * i


def test_a_script_in_a_prompt_stays_text(client, worker):
    script = "<script>alert(1)</script>"
    job = ended(client, hand_in(client, prompt=script, n=1))
    told = client.get(f"/v1/jobs/{job['id']}")
    assert told.json()["params"]["prompt"] == script
    assert told.headers["content-type"] == "application/json"
    assert told.headers["x-content-type-options"] == "nosniff"
    assert "unsafe-inline" not in told.headers["content-security-policy"]
    refused = client.post("/v1/jobs", json={**WISH, "recipe": script})
    assert refused.headers["content-type"] == "application/problem+json"


def test_other_sites_get_no_leave_to_read(client):
    asked = {"origin": "https://evil.example", "access-control-request-method": "POST"}
    for answer in (client.options("/v1/jobs", headers=asked), client.get("/v1/jobs", headers=asked)):
        assert not [name for name in answer.headers if name.startswith("access-control")]


def test_an_upload_keeps_no_name(client, app):
    client.post("/v1/files", files={"file": ("../../secret-name.png", picture())})
    kept = [p for p in app.state.service.settings.folder.rglob("*") if p.is_file()]
    assert not [p for p in kept if "secret-name" in p.name or b"secret-name" in p.read_bytes()]
