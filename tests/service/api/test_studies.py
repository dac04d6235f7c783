"""Studies over HTTP: taking part, what nobody may learn, what only the operator may do."""

import io

import pytest
from PIL import Image
from starlette.testclient import TestClient

from palitra.service.api.app import create_app
from palitra.service.api.guard import COOKIE
from palitra.service.keys import make_key
from palitra.service.settings import Settings
from palitra.service.studies.making import Terms, make_study
from palitra.study.exhibits import find_show
from tests.service.api.conftest import HERE
from tests.study.runs import make_runs

STUDY = "/v1/studies/pilot"
ARMS = ("guide-and-rescale", "masactrl", "ddim")


@pytest.fixture
def make(app, client, tmp_path):
    show = find_show(make_runs(tmp_path / "runs", arms=ARMS))

    def made(name="pilot", **terms):
        service = app.state.service
        make_study(service.engine, service.blobs, name, show, Terms(**{"pairs": 4, "checks": 1, **terms}))

    return made


def begin(client):
    answer = client.post(f"{STUDY}/participants")
    assert answer.status_code == 200, answer.text
    return answer.json()


def choose(client, place, edit="left", structure="right", **more):
    return client.post(
        f"{STUDY}/answers", json={"place": place, "edit": edit, "structure": structure}, **more
    )


def test_a_participant_goes_from_the_first_pair_to_the_last(client, make):
    make(title="Which is better?")
    told = client.get(STUDY).json()
    assert told == {
        "name": "pilot",
        "title": "Which is better?",
        "open": True,
        "equal": False,
        "total": 5,
        "joined": False,
    }
    turn = begin(client)
    assert client.get(STUDY).json()["joined"] is True
    ahead = turn["pair"]
    for place in range(5):
        pair = turn["pair"]
        assert (turn["done"], turn["total"], pair["place"]) == (place, 5, place)
        assert pair == ahead
        assert pair["target"].startswith("a cat")
        assert pair["target_ru"].startswith("кот")
        for side in ("photo", "left", "right"):
            shown = client.get(f"{STUDY}/pictures/{pair[side]}")
            assert shown.headers["content-type"] == "image/png"
            assert "immutable" in shown.headers["cache-control"]
            with Image.open(io.BytesIO(shown.content)) as picture:
                assert picture.size == (512, 341)
        assert client.get(f"{STUDY}/next").json() == turn
        ahead = turn["ahead"]
        turn = choose(client, place).json()
    assert turn == {"done": 5, "total": 5, "pair": None, "ahead": None}


def test_nothing_tells_the_arms(client, make):
    make(title="t")
    told = [client.get(STUDY).text, client.post(f"{STUDY}/participants").text]
    told += [choose(client, place).text for place in range(5)]
    for text in told:
        assert not [arm for arm in ARMS if arm in text]
    headers = str(client.get(f"{STUDY}/pictures/{client.get(STUDY).json()['name']}").headers)
    assert not [arm for arm in ARMS if arm in headers]


def test_a_second_click_changes_nothing_and_another_choice_is_refused(client, make):
    make()
    begin(client)
    first = choose(client, 0)
    assert choose(client, 0).json() == first.json()
    other = choose(client, 0, edit="right", headers={"accept-language": "ru"})
    assert (other.status_code, other.json()["code"]) == (409, "conflict")
    assert other.json()["detail"] == "`place`: на пару 0 уже отвечено; остаётся первый ответ"
    report = client.get(f"{STUDY}/report").json()
    counted = sum(s["answers"] for q in report["questions"] for s in q["shares"])
    assert counted <= 2
    assert client.get(f"{STUDY}/next").json()["done"] == 1


def test_a_session_has_its_own_list_and_goes_on_after_a_reload(client, stranger, make):
    make(pairs=12, checks=0)
    mine = begin(client)
    choose(client, 0)
    assert begin(client)["done"] == 1
    theirs = begin(stranger)
    assert theirs["done"] == 0
    assert theirs["pair"] != mine["pair"]


def test_the_sessions_token_is_not_kept(client, app, make):
    make()
    begin(client)
    choose(client, 0)
    token = client.cookies[COOKIE].encode()
    kept = [p for p in app.state.service.settings.folder.rglob("*") if p.is_file()]
    assert not [p for p in kept if token in p.read_bytes()]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"place": -1, "edit": "left", "structure": "left"}, "place"),
        ({"place": 5, "edit": "left", "structure": "left"}, "place"),
        ({"place": "x", "edit": "left", "structure": "left"}, "place"),
        ({"place": 0, "edit": "both", "structure": "left"}, "edit"),
        ({"place": 0, "edit": "left"}, "structure"),
        ({"place": 0, "edit": "equal", "structure": "left"}, "choice"),
        ({}, "place"),
    ],
)
def test_bad_answers_name_their_field(client, make, body, field):
    make()
    begin(client)
    answer = client.post(f"{STUDY}/answers", json=body)
    assert answer.status_code == 422
    assert answer.json()["fields"][0]["field"] == field
    assert client.get(f"{STUDY}/next").json()["done"] == 0


def test_who_has_not_begun_is_told_so(client, make):
    make()
    for answer in (client.get(f"{STUDY}/next"), choose(client, 0)):
        assert (answer.status_code, answer.json()["code"]) == (409, "conflict")
        assert "must be begun first" in answer.json()["detail"]


def test_an_unknown_study_is_not_there_on_any_route(client):
    answers = [
        client.get(STUDY),
        client.post(f"{STUDY}/participants"),
        client.get(f"{STUDY}/next"),
        choose(client, 0),
        client.get(f"{STUDY}/pictures/{'0' * 32}"),
        client.get(f"{STUDY}/report"),
        client.post(f"{STUDY}/close"),
    ]
    assert [a.status_code for a in answers] == [404] * 7
    assert client.get(STUDY, headers={"accept-language": "ru"}).json()["detail"].startswith("`study`: такого")


def test_closing_ends_it_for_everyone_and_keeps_the_answers(client, stranger, make):
    make()
    begin(client)
    choose(client, 0)
    closed = client.post(f"{STUDY}/close").json()
    assert (closed["open"], closed["joined"]) == (False, 1)
    assert client.get(STUDY).json()["open"] is False
    assert choose(client, 1).status_code == 409
    assert choose(client, 0).status_code == 200
    assert stranger.post(f"{STUDY}/participants").status_code == 409
    assert client.get("/v1/studies").json()[0]["closed_at"] > 0


def test_the_list_and_the_report_are_the_operators(client, make):
    make(pairs=8, checks=0, against="ddim")
    begin(client)
    for place in range(8):
        choose(client, place)
    (line,) = client.get("/v1/studies").json()
    assert line["arms"] == list(ARMS)
    assert (line["joined"], line["finished"], line["items"]) == (1, 1, 4)
    report = client.get(f"{STUDY}/report", params={"resamples": 5}).json()
    assert [(s["first"], s["second"]) for s in report["questions"][0]["shares"]] == [
        ("ddim", "guide-and-rescale"),
        ("ddim", "masactrl"),
    ]
    assert client.get(f"{STUDY}/report", params={"resamples": 0}).status_code == 422


@pytest.fixture
def locked(tmp_path):
    """A service that needs a login, with an open study and one for members."""
    settings = Settings(folder=tmp_path / "data", require_key=True, trusted_hosts=("testserver",))
    show = find_show(make_runs(tmp_path / "runs", arms=ARMS))
    app = create_app(settings)
    with TestClient(app, client=HERE) as client:
        service = app.state.service
        for name, members in (("pilot", False), ("inside", True)):
            terms = Terms(pairs=4, checks=1, members=members)
            make_study(service.engine, service.blobs, name, show, terms)
        yield client, settings


def test_the_link_is_enough_without_an_account_but_for_nothing_else(locked):
    client, settings = locked
    pair = begin(client)["pair"]
    assert client.get(f"{STUDY}/pictures/{pair['left']}").status_code == 200
    assert choose(client, 0).status_code == 200
    for method, path in (("GET", ""), ("GET", "/pilot/report"), ("POST", "/pilot/close")):
        assert client.request(method, f"/v1/studies{path}").status_code == 401
        user = {"authorization": f"Bearer {make_key(settings, 'ann')}"}
        assert client.request(method, f"/v1/studies{path}", headers=user).status_code == 403
        boss = {"authorization": f"Bearer {make_key(settings, 'boss', role='operator')}"}
        assert client.request(method, f"/v1/studies{path}", headers=boss).status_code == 200


def test_a_study_for_members_asks_for_a_login_and_knows_them_by_it(locked):
    client, settings = locked
    inside = "/v1/studies/inside"
    for method, path in (("GET", ""), ("POST", "/participants"), ("GET", "/next"), ("GET", "/pictures/x")):
        assert client.request(method, inside + path).status_code == 401, path
    ann, bob = ({"authorization": f"Bearer {make_key(settings, name)}"} for name in ("ann", "bob"))
    first = client.post(f"{inside}/participants", headers=ann).json()
    client.cookies.clear()
    assert client.post(f"{inside}/participants", headers=ann).json() == first
    again = {"authorization": f"Bearer {make_key(settings, 'ann')}"}
    assert client.get(f"{inside}/next", headers=again).json() == first
    assert client.get(f"{inside}/next", headers=bob).status_code == 409


def test_new_participants_of_an_address_are_counted_by_the_hour(tmp_path):
    settings = Settings(folder=tmp_path / "data", joins_per_hour=2, trusted_hosts=("testserver",))
    app = create_app(settings)
    with TestClient(app, client=HERE) as client:
        show = find_show(make_runs(tmp_path / "runs"))
        service = app.state.service
        make_study(service.engine, service.blobs, "pilot", show, Terms(pairs=4, checks=0))
        codes = []
        for _ in range(4):
            client.cookies.clear()
            codes.append(client.post(f"{STUDY}/participants"))
        assert [a.status_code for a in codes] == [200, 200, 429, 429]
        assert int(codes[-1].headers["retry-after"]) > 1000
        other = TestClient(app, client=("192.0.2.7", 1))
        assert other.post(f"{STUDY}/participants").status_code == 200
        assert len(client.get("/v1/studies").json()) == 1
        assert client.get("/v1/studies").json()[0]["joined"] == 3


def test_a_foreign_page_cannot_answer(client, make):
    make()
    begin(client)
    refused = choose(client, 0, headers={"origin": "https://evil.example"})
    assert (refused.status_code, refused.json()["code"]) == (403, "bad_origin")
