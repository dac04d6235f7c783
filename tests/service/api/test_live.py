import asyncio
import io
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from PIL import Image
from starlette.testclient import TestClient

from palitra.errors import Cancelled, SupersededError
from palitra.service.api.app import create_app
from palitra.service.api.live import _asked
from palitra.service.live.lane import Lane, Wish
from palitra.service.settings import Settings
from tests.service.api.conftest import HERE
from tests.service.live.fake_live_painter import COMMAND, colour_of
from tests.service.live.test_process import png


@pytest.fixture(scope="module")
def app(tmp_path_factory):
    chosen = Settings(
        folder=tmp_path_factory.mktemp("data"),
        trusted_hosts=("127.0.0.1", "testserver"),
        live_rate=0,
        rate=0,
        filters=("words",),
    )
    return create_app(chosen, COMMAND)


@pytest.fixture(scope="module")
def client(app):
    with TestClient(app, client=HERE) as made:
        wait_until_ready(made)
        yield made


def wait_until_ready(client):
    until = time.monotonic() + 20
    while client.get("/v1/live").json()["state"] != "ready":
        assert time.monotonic() < until, "the live worker did not start"
        time.sleep(0.05)


def form(number=1, tab="tab-00001", prompt="", seed=0, **more):
    return {"number": number, "tab": tab, "prompt": prompt, "seed": seed, **more}


def ask(client, sketch=None, headers=None, **more):
    files = {"sketch": ("a.png", png() if sketch is None else sketch, "image/png")}
    return client.post("/v1/live", data=form(**more), files=files, headers=headers)


def test_a_picture_comes_as_the_answer_and_is_kept_nowhere(client, app):
    answer = ask(client, number=3, prompt="a cat", seed=515)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "image/webp"
    assert answer.headers["palitra-number"] == "3"
    assert float(answer.headers["palitra-milliseconds"]) > 0
    assert answer.headers["cache-control"] == "no-store"
    with Image.open(io.BytesIO(answer.content)) as picture:
        assert all(abs(a - b) < 6 for a, b in zip(picture.getpixel((9, 9)), colour_of(515), strict=True))
    assert client.get("/v1/jobs").json()["jobs"] == []
    assert client.get("/v1/images").json()["images"] == []
    folder = app.state.service.settings.folder / "files"
    assert [p for p in folder.rglob("*") if p.is_file()] == []


def test_an_empty_prompt_is_drawn_and_the_same_is_drawn_the_same(client):
    assert ask(client, number=10, seed=1).content == ask(client, number=11, seed=1).content


def test_it_says_how_it_is(client, tmp_path):
    assert client.get("/v1/live").json() == {"state": "ready", "model": "mini"}
    with TestClient(create_app(Settings(folder=tmp_path, trusted_hosts=("testserver",)))) as off:
        assert off.get("/v1/live").json() == {"state": "off", "model": None}
        refused = ask(off)
        assert (refused.status_code, refused.json()["code"]) == (404, "live_off")


def test_the_newer_drawing_ends_the_older_under_way(client):
    with ThreadPoolExecutor() as pool:
        older = pool.submit(ask, client, number=20, prompt="slow", tab="tab-newer")
        time.sleep(0.5)
        newer = ask(client, number=21, tab="tab-newer")
        assert newer.status_code == 200
        refused = older.result()
    assert (refused.status_code, refused.json()["code"]) == (409, "superseded")
    late = ask(client, number=19, tab="tab-newer", headers={"accept-language": "ru"})
    assert (late.status_code, late.json()["title"]) == (409, "Пришёл более новый рисунок")
    assert "самый новый" in late.json()["detail"]


def test_strangers_with_the_same_tab_each_get_their_own(client, app):
    stranger = TestClient(app, client=HERE)
    stranger.portal = client.portal  # the lane lives in one event loop
    stranger.get("/v1/session")
    with ThreadPoolExecutor() as pool:
        asked = [
            (seed, pool.submit(ask, who, number=seed, seed=seed, tab="tab-same0"))
            for seed, who in [(40, client), (90, stranger), (41, client), (91, stranger)]
        ]
        for seed, answer in asked:
            answer = answer.result()
            assert answer.status_code in (200, 409)
            if answer.status_code == 200:
                with Image.open(io.BytesIO(answer.content)) as picture:
                    assert abs(picture.getpixel((9, 9))[0] - seed) < 6


def test_a_worker_that_dies_is_said_and_drawing_goes_on(client):
    with ThreadPoolExecutor() as pool:
        waiting = pool.submit(ask, client, prompt="kill", tab="tab-kill0").result()
    assert (waiting.status_code, waiting.json()["code"]) == (503, "live_starting")
    assert waiting.headers["retry-after"] == "1"
    wait_until_ready(client)
    assert ask(client, number=2, tab="tab-kill0").status_code == 200


@pytest.mark.parametrize(
    ("change", "status", "said"),
    [
        ({"sketch": b""}, 422, "`sketch` must be a PNG"),
        ({"sketch": b"GIF89a" + b"0" * 90}, 422, "`sketch` must be a PNG"),
        ({"sketch": png(side=1025)}, 422, "at most 1024 px a side, got 1025x1025"),
        ({"sketch": png()[:60]}, 422, "undamaged"),
        ({"sketch": png(255)}, 422, "draw more than a dot"),
        ({"sketch": png() + b"0" * 400_000}, 413, "`body` must have at most"),
        ({"tab": "short"}, 422, "`tab` must have at least 8 characters, got 5"),
        ({"tab": "../../../etc"}, 422, "`tab` must be of a-z, A-Z, 0-9, _ and -"),
        ({"number": -1}, 422, "`number` must be at least 0, got -1"),
        ({"number": "x"}, 422, "`number` must be a valid int, got x"),
        ({"seed": 2**63}, 422, "`seed` must be below"),
        ({"prompt": "x" * 2001}, 422, "`prompt` must have at most 2000 characters, got 2001"),
        ({"prompt": "gore"}, 422, "`prompt` must be about something"),
        ({"model": "sd15"}, 422, "`model` must be one of mini, got sd15"),
    ],
)
def test_bad_input_is_a_sentence(client, change, status, said):
    answer = ask(client, **{"number": 1, "tab": "tab-bad00", **change})
    assert answer.status_code == status, answer.text
    assert said in answer.json()["detail"]


def test_there_is_a_rate_of_its_own(tmp_path):
    chosen = Settings(folder=tmp_path, trusted_hosts=("testserver",), live_rate=0.5)
    with TestClient(create_app(chosen), client=HERE) as off:
        off.get("/v1/session")
        # one at once: three seconds' worth
        answers = [ask(off) for _ in range(2)]
        assert [a.status_code for a in answers] == [404, 429]
        assert answers[1].json()["detail"].startswith("`live` must be at most 0.5 pictures a second")
        russian = ask(off, headers={"accept-language": "ru"}).json()["detail"]
        assert russian.startswith("`live`: не больше 0.5 картинок в секунду")
        assert off.get("/v1/live").status_code == 200


def test_marks_and_a_manifest_are_on_live_pictures_too(tmp_path, monkeypatch):
    pytest.importorskip("c2pa", reason="c2pa-python is not installed: pip install palitra[provenance]")
    monkeypatch.setenv("PALITRA_MARK_VISIBLE", "true")
    chosen = Settings(folder=tmp_path, trusted_hosts=("testserver",), c2pa=True)
    with TestClient(create_app(chosen, COMMAND), client=HERE) as marked:
        wait_until_ready(marked)
        answer = ask(marked, seed=2)
        files = {"file": ("a.webp", answer.content)}
        assert marked.post("/v1/provenance", files=files).json()["c2pa"]["made_by_a_model"]
        with Image.open(io.BytesIO(answer.content)) as picture:
            assert len(picture.getcolors(70_000)) > 1, "the word is in the corner"


def test_who_hangs_up_has_nothing_drawn_any_further():
    class Link:
        ready, stops = True, 0

        async def draw(self, png, prompt, seed):
            self.stopped = asyncio.Event()
            await self.stopped.wait()
            raise Cancelled("stopped")

        def stop(self):
            self.stops += 1
            self.stopped.set()

    class Request:
        async def receive(self):
            await asyncio.sleep(0.05)
            return {"type": "http.disconnect"}

    async def run():
        link = Link()
        lane = Lane(link)
        lane.start()
        with pytest.raises(SupersededError):
            await asyncio.wait_for(_asked(lane, Wish("ann", "tab", 1, b"", "", 0), Request()), 5)
        assert link.stops == 1
        await lane.close()

    asyncio.run(run())
