"""Problems as people get them: title, detail and fields, in two languages."""

import json

import pytest
from starlette.testclient import TestClient

from palitra.service.api.app import create_app
from palitra.service.settings import Settings
from tests.service.api.conftest import HERE, ended, parse_sse
from tests.service.api.test_jobs import WISH, hand_in

RU = {"accept-language": "ru"}


def test_a_problem_names_field_bound_and_value(client):
    told = client.post("/v1/jobs", json={**WISH, "steps": 0}).json()
    assert told["fields"] == [{"field": "steps", "bound": "in [1, 1000]", "value": "0"}]
    told = client.get("/v1/jobs?limit=101").json()
    assert told["fields"] == [{"field": "limit", "bound": "at most 100", "value": "101"}]
    told = client.post("/v1/jobs", json={"recipe": "text_to_image"}).json()
    assert told["fields"] == [{"field": "prompt", "bound": "given"}]


def test_a_problem_names_its_request(client):
    answer = client.get("/v1/jobs/none")
    assert answer.json()["request"] == answer.headers["x-request-id"]
    assert client.get("/healthz").headers["x-request-id"] != answer.headers["x-request-id"]


@pytest.mark.parametrize(
    ("method", "url", "more", "status", "detail"),
    [
        ("GET", "/v1/jobs/none", {}, 404, "`job`: у вас нет такого задания: none"),
        ("GET", "/v1/files/none", {}, 404, "`file`: у вас нет такого файла: none"),
        ("GET", "/v1/images/none", {}, 404, "`image`: у вас нет такой картинки: none"),
        ("GET", "/v1/nothing", {}, 404, "по этому адресу ничего нет"),
        ("DELETE", "/v1/queue", {}, 405, "этот адрес принимает другие методы"),
        ("POST", "/v1/session", {"json": {"key": "x"}}, 401, "`key`: такого ключа API нет"),
        (
            "POST",
            "/v1/jobs",
            {"json": {"recipe": "sketch_to_image", "prompt": "x"}},
            422,
            "`inputs.sketch`: нужен номер загруженного файла",
        ),
        (
            "POST",
            "/v1/files",
            {"files": {"file": ("a.png", b"%PDF-1.4")}},
            422,
            "`image`: нужна картинка (PNG, JPEG, WebP, BMP, GIF или TIFF), получено: документ PDF",
        ),
        (
            "GET",
            "/v1/jobs",
            {"headers": {**RU, "authorization": "Bearer x"}},
            401,
            "`Authorization`: нужен действующий ключ API",
        ),
        (
            "GET",
            "/v1/jobs",
            {"headers": {**RU, "host": "evil.example"}},
            403,
            "`Host`: сервер зовут 127.0.0.1, testserver, получено evil.example",
        ),
        (
            "POST",
            "/v1/jobs",
            {"headers": {**RU, "origin": "http://evil.example"}},
            403,
            "`Origin`: допустимо testserver, получено http://evil.example",
        ),
    ],
)
def test_details_are_russian_for_who_reads_russian(client, method, url, more, status, detail):
    refused = client.request(method, url, **{"headers": RU, **more})
    assert refused.status_code == status
    assert refused.json()["detail"] == detail


def test_why_a_job_failed_is_told_in_russian(client, worker):
    job = ended(client, hand_in(client, prompt="bug"))
    assert job["error"]["detail"] == "a fault of ours; it is in the log"
    told = client.get(f"/v1/jobs/{job['id']}", headers=RU).json()
    assert told["error"] == {"code": "internal", "detail": "наша ошибка; она записана в журнал"}
    last = parse_sse(client.get(f"/v1/jobs/{job['id']}/events", headers=RU).text)[-1]
    assert json.loads(last["data"])["detail"] == told["error"]["detail"]


def test_a_body_that_comes_too_slowly_is_not_waited_for(tmp_path):
    settings = Settings(folder=tmp_path, body_s=0.05, trusted_hosts=("testserver",))
    app = create_app(settings)

    async def slow(scope, receive, send):
        async def never():
            import asyncio

            await asyncio.Event().wait()

        await app(scope, never if scope["type"] == "http" and scope["method"] == "POST" else receive, send)

    with TestClient(slow, client=HERE) as client:
        refused = client.post("/v1/jobs", json=WISH, headers=RU)
        assert (refused.status_code, refused.json()["code"]) == (408, "too_slow")
        assert refused.json()["detail"] == "`body`: запрос не пришёл целиком вовремя"
        assert client.get("/healthz").status_code == 200


@pytest.mark.parametrize(
    ("query", "english", "russian"),
    [
        (
            "/v1/jobs?limit=0",
            "`limit` must be at least 1, got 0",
            "`limit`: не меньше 1, получено 0",
        ),
        (
            "/v1/jobs?limit=101",
            "`limit` must be at most 100, got 101",
            "`limit`: не больше 100, получено 101",
        ),
        (
            "/v1/jobs?limit=x",
            "`limit` must be a valid int, got x",
            "`limit`: ожидается целое число, получено x",
        ),
        (
            "/v1/jobs?state=gone",
            "`state.0` must be one of queued, running, done, failed, cancelled, got gone",
            "`state.0`: бывает queued, running, done, failed, cancelled, получено gone",
        ),
    ],
)
def test_questions_name_field_bound_and_value(client, query, english, russian):
    for language, detail in (("en", english), ("ru", russian)):
        refused = client.get(query, headers={"accept-language": language})
        assert refused.status_code == 422
        assert refused.json()["detail"] == detail


def test_a_body_that_is_no_json_is_told_in_russian(client):
    headers = {"accept-language": "ru", "content-type": "application/json"}
    refused = client.post("/v1/jobs", content="{", headers=headers)
    assert refused.json()["detail"].startswith("`body`: ожидается верный JSON")
