"""Every kind of hostile upload through the API; benchmarks/uploads.py sends a thousand."""

import itertools

import pytest

from tests.service.api.test_files import picture, upload
from tests.service.hostile_uploads import KINDS, hostile_uploads

TAKEN = {"animated", "CMYK", "16 bit", "picture and HTML", "picture and ZIP"}
EITHER = {"cut", "flipped bytes", "stuffed", "another's head", "floats", "text bomb", "full bomb"}


@pytest.mark.slow
def test_no_upload_crashes_hangs_or_outlives_its_answer(client):
    for kind, data in itertools.islice(hostile_uploads(seed=1), 2 * len(KINDS)):
        answer = upload(client, data)
        assert answer.status_code in (201, 422), (kind, answer.text)
        if kind not in EITHER:
            assert answer.status_code == (201 if kind in TAKEN else 422), (kind, answer.text)
        if answer.status_code == 422:
            assert answer.json()["code"] in ("bad_image", "bad_input")
            assert "Traceback" not in answer.text
        else:
            kept = client.get(f"/v1/files/{answer.json()['id']}").content
            assert b"<script>" not in kept
            assert b"PK\x03\x04" not in kept
    assert upload(client, picture()).status_code == 201
