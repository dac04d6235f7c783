import json
import logging

import pytest
from starlette.testclient import TestClient

from palitra.service.api.app import create_app
from palitra.service.filters.filter import Filters
from palitra.service.settings import Settings
from tests.service.api.conftest import HERE, ended
from tests.service.api.test_jobs import WISH, hand_in


def test_refused_words_are_told_without_the_list(tmp_path):
    settings = Settings(folder=tmp_path, filters=("words",), trusted_hosts=("testserver",))
    with TestClient(create_app(settings), client=HERE) as client:
        for body in ({**WISH, "prompt": "nsfw cat"}, {**WISH, "prompt": "n s f w"}):
            refused = client.post("/v1/jobs", json=body, headers={"accept-language": "ru"})
            assert (refused.status_code, refused.json()["code"]) == (422, "content_refused")
            assert "рисуют" in refused.json()["detail"]
            assert "nsfw" not in refused.text
        openai = client.post("/v1/images/generations", json={"prompt": "nsfw"})
        assert openai.json()["error"]["code"] == "content_refused"
        assert client.post("/v1/jobs", json=WISH).status_code == 202


def test_what_is_refused_today_is_not_repeated(client, app, worker):
    job = ended(client, client.post("/v1/jobs", json={**WISH, "prompt": "nsfw cat"}).json()["id"])
    service = app.state.service
    service.filters = Filters.open(Settings(filters=("words",)))
    assert client.post(f"/v1/jobs/{job['id']}/retry").json()["code"] == "content_refused"


def acts(caplog):
    lines = [json.loads(r.getMessage()) for r in caplog.records if r.name == "palitra.audit"]
    return [(line["act"], line.get("prompt")) for line in lines]


@pytest.mark.parametrize("told", [False, True])
def test_prompts_are_audited_only_where_the_operator_wants_it(tmp_path, caplog, told):
    caplog.set_level(logging.INFO)
    settings = Settings(
        folder=tmp_path, filters=("words",), audit_prompts=told, trusted_hosts=("testserver",)
    )
    with TestClient(create_app(settings), client=HERE) as client:
        job = hand_in(client, prompt="a secret cat")
        client.post(f"/v1/jobs/{job}/cancel")
        client.post("/v1/jobs", json={**WISH, "prompt": "a nude secret"})
        client.delete(f"/v1/jobs/{job}")
    kept = "a secret cat" if told else None
    refused = "a nude secret" if told else None
    assert acts(caplog) == [
        ("job.accepted", kept),
        ("job.cancelled", None),
        ("job.refused", refused),
        ("job.deleted", None),
    ]
    assert ("secret" in caplog.text) is told


def test_every_audit_line_says_who_when_and_in_which_request(client, caplog):
    caplog.set_level(logging.INFO, "palitra.audit")
    answer = client.post("/v1/jobs", json=WISH)
    (line,) = [json.loads(r.getMessage()) for r in caplog.records if r.name == "palitra.audit"]
    assert line["request"] == answer.headers["x-request-id"]
    assert line["owner"].startswith("s-")
    assert line["job"] == answer.json()["id"]
    assert line["at"].endswith("Z")


@pytest.mark.parametrize("model", ["/etc", "../../secret", "stranger/model", "https://evil.example/m", ""])
def test_a_job_names_no_folder_and_no_download(client, model):
    refused = client.post("/v1/jobs", json={**WISH, "model": model})
    assert refused.status_code == 422
    assert refused.json()["fields"][0]["field"] == "model"


def test_an_operator_may_offer_more_models(tmp_path):
    settings = Settings(folder=tmp_path, models=("/models/own",), trusted_hosts=("testserver",))
    with TestClient(create_app(settings), client=HERE) as client:
        assert client.post("/v1/jobs", json={**WISH, "model": "/models/own"}).status_code == 202
        assert client.post("/v1/jobs", json={**WISH, "model": "/models/other"}).status_code == 422
