import json

import pytest

from tests.service.api.conftest import ended, parse_sse

WISH = {"recipe": "text_to_image", "prompt": "a cat", "steps": 3, "n": 2, "seed": 4}


def hand_in(client, **change):
    answer = client.post("/v1/jobs", json={**WISH, **change})
    assert answer.status_code == 202, answer.text
    return answer.json()["id"]


def test_a_job_from_wish_to_picture(client, worker):
    accepted = client.post("/v1/jobs", json=WISH)
    assert accepted.status_code == 202
    job = accepted.json()
    assert accepted.headers["location"] == f"/v1/jobs/{job['id']}"
    done = ended(client, job["id"])
    assert (done["state"], done["done"], done["total"], done["error"]) == ("done", 6, 6, None)
    assert [i["seed"] for i in done["images"]] == [4, 5]
    picture = client.get(f"/v1/images/{done['images'][0]['id']}")
    assert picture.headers["content-type"] == "image/png"
    assert picture.content.startswith(b"\x89PNG")


def test_place_and_time_are_told_while_waiting(client):
    for _ in range(3):
        last = client.get(f"/v1/jobs/{hand_in(client)}").json()
    assert (last["ahead"], last["eta_s"], last["state"]) == (2, None, "queued")


def test_events_are_told_in_order_and_go_on_after_a_break(client, worker):
    job = hand_in(client)
    whole = parse_sse(client.get(f"/v1/jobs/{job}/events").text)
    numbers = [int(e["id"]) for e in whole]
    assert numbers == list(range(1, len(whole) + 1))
    assert [e["event"] for e in whole][:1] == ["state"]
    assert whole[-1]["event"] == "end"
    assert json.loads(whole[-1]["data"]) == {"state": "done"}
    rest = parse_sse(client.get(f"/v1/jobs/{job}/events", headers={"last-event-id": "3"}).text)
    assert rest == whole[3:]


def test_cancel_and_retry(client, worker):
    job = hand_in(client, prompt="slow", steps=500)
    assert client.post(f"/v1/jobs/{job}/retry").status_code == 409
    assert client.post(f"/v1/jobs/{job}/cancel").json()["state"] == "cancelled"
    assert client.post(f"/v1/jobs/{job}/cancel").json()["state"] == "cancelled"
    again = client.post(f"/v1/jobs/{job}/retry")
    assert again.status_code == 202
    assert again.json()["retry_of"] == job
    client.post(f"/v1/jobs/{again.json()['id']}/cancel")


def test_a_failed_job_says_why(client, worker):
    failed = ended(client, hand_in(client, prompt="fail"))
    assert failed["error"] == {"code": "bad_input", "detail": "`prompt` must not be fail, got fail"}


def test_the_same_request_is_accepted_once(client):
    answers = [client.post("/v1/jobs", json=WISH, headers={"idempotency-key": "k"}) for _ in range(3)]
    assert len({a.json()["id"] for a in answers}) == 1
    other = client.post("/v1/jobs", json={**WISH, "n": 1}, headers={"idempotency-key": "k"})
    assert (other.status_code, other.json()["code"]) == (409, "conflict")


def test_the_list_has_pages(client):
    jobs = [hand_in(client) for _ in range(3)]
    first = client.get("/v1/jobs?limit=2").json()
    assert [j["id"] for j in first["jobs"]] == jobs[:0:-1]
    rest = client.get("/v1/jobs", params={"limit": 2, "cursor": first["cursor"]}).json()
    assert [j["id"] for j in rest["jobs"]] == jobs[:1]
    assert rest["cursor"] is None
    assert client.get("/v1/jobs?state=done").json()["jobs"] == []


def test_deleting_a_job_deletes_its_pictures(client, worker, app):
    done = ended(client, hand_in(client, n=1))
    image = done["images"][0]["id"]
    assert client.delete(f"/v1/jobs/{done['id']}").status_code == 204
    assert client.get(f"/v1/images/{image}").status_code == 404
    assert client.get(f"/v1/jobs/{done['id']}").status_code == 404
    assert not [p for p in app.state.service.settings.folder.rglob("*") if p.is_file() and len(p.name) == 64]


def test_a_preview_is_asked_for_again_only_when_it_changed(client, worker):
    job = hand_in(client)
    ended(client, job)
    first = client.get(f"/v1/jobs/{job}/preview")
    assert (first.status_code, first.headers["content-type"]) == (200, "image/jpeg")
    second = client.get(f"/v1/jobs/{job}/preview", headers={"if-none-match": first.headers["etag"]})
    assert second.status_code == 304


def test_too_many_waiting_jobs_are_refused_with_a_time_to_come_back(client):
    for _ in range(5):
        hand_in(client)
    full = client.post("/v1/jobs", json=WISH)
    assert (full.status_code, full.json()["code"]) == (429, "queue_full")
    assert full.headers["retry-after"] == "10"


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({**WISH, "steps": 0}, "steps"),
        ({**WISH, "recipe": "cooking"}, "recipe"),
        ({**WISH, "prompt": ""}, "prompt"),
        ({**WISH, "surprise": 1}, "surprise"),
        ({"recipe": "sketch_to_image", "prompt": "x"}, "inputs.sketch"),
        ([], "body"),
        ({**WISH, "inputs": 5}, "inputs"),
        ({**WISH, "seed": "seven"}, "seed"),
    ],
)
def test_bad_wishes_name_the_field(client, body, field):
    refused = client.post("/v1/jobs", json=body)
    assert refused.status_code == 422
    assert refused.headers["content-type"] == "application/problem+json"
    assert [each["field"] for each in refused.json()["fields"]] == [field]


def test_problems_speak_the_callers_language(client):
    titles = {
        language: client.get("/v1/jobs/none", headers={"accept-language": language}).json()["title"]
        for language in ("ru-RU,ru;q=0.9", "en", "fr")
    }
    assert titles == {
        "ru-RU,ru;q=0.9": "Такого нет",
        "en": "There is no such thing",
        "fr": "There is no such thing",
    }
