"""The client against a real server process on loopback."""

import asyncio
import socket
import threading
import time

import httpx
import pytest

pytest.importorskip("dbos", reason="the service's libraries are not installed: pip install palitra[service]")
import uvicorn

from palitra.client import ApiError, AsyncClient, Client
from palitra.service.api.app import create_app
from palitra.service.settings import Settings
from tests.portrait import NAME, portraits
from tests.service.api.test_files import picture
from tests.service.drawing import drawing


@pytest.fixture(scope="module")
def url(tmp_path_factory):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    app = create_app(Settings(folder=tmp_path_factory.mktemp("data"), port=port))
    server = uvicorn.Server(uvicorn.Config(app, port=port, log_level="error", timeout_graceful_shutdown=1))
    threading.Thread(target=server.run, daemon=True).start()
    until = time.monotonic() + 30
    while not server.started:
        assert time.monotonic() < until
        time.sleep(0.02)
    with drawing(app.state.service, poll_s=0.05):
        yield f"http://127.0.0.1:{port}"
    server.should_exit = True


def test_from_words_to_files(url, tmp_path):
    with Client(url) as client:
        job = client.text("a cat", n=2, steps=3, seed=8)
        assert not job.ended
        done = client.wait(job.id)
        assert (done.state, [i.seed for i in done.images]) == ("done", [8, 9])
        files = client.save(done, tmp_path)
    assert [f.read_bytes()[:4] for f in files] == [b"\x89PNG"] * 2


def test_a_sketch_is_handed_in_with_its_job(url):
    with Client(url) as client:
        job = client.sketch(picture(), "a cat", steps=2, idempotency_key="once")
        assert client.sketch(picture(), "a cat", steps=2, idempotency_key="once").id == job.id
        assert client.wait(job.id).state == "done"


def test_events_come_once_and_in_order_although_the_line_breaks(url):
    class Breaking(httpx.HTTPTransport):
        cut = 0

        def handle_request(self, request):
            answer = super().handle_request(request)
            if request.url.path.endswith("/events") and Breaking.cut < 2:
                Breaking.cut += 1
                whole = answer.stream

                class Cut(httpx.SyncByteStream):
                    def __iter__(self):
                        for i, part in enumerate(whole):
                            if i == 2:
                                raise httpx.ReadError("cut")
                            yield part

                    def close(self):
                        whole.close()

                answer.stream = Cut()
            return answer

    with Client(url, transport=Breaking()) as client:
        job = client.text("slow", steps=20)
        seen = list(client.events(job.id))
    assert Breaking.cut == 2
    assert [e.seq for e in seen] == list(range(1, len(seen) + 1))
    assert seen[-1].kind == "end"


def test_cancel_and_retry(url):
    with Client(url) as client:
        job = client.text("slow", steps=900)
        assert client.cancel(job.id).state == "cancelled"
        again = client.retry(job.id)
        assert client.cancel(again.id).ended


def test_problems_become_errors_with_code_and_status(url):
    with Client(url) as client:
        with pytest.raises(ApiError, match="`steps` must be in") as bad:
            client.text("a cat", steps=0)
        assert (bad.value.status, bad.value.code) == (422, "bad_input")
        with pytest.raises(ApiError) as unknown:
            list(client.events("nothing"))
        assert unknown.value.status == 404


def test_what_is_no_problem_document_is_still_one_sentence():
    def answer(request):
        return httpx.Response(502, text="<html>bad gateway</html>")

    with Client("http://x", transport=httpx.MockTransport(answer)) as client, pytest.raises(ApiError) as bad:
        client.job("x")
    assert str(bad.value) == "the server answered 502"


def test_the_asynchronous_client(url):
    async def go():
        async with AsyncClient(url) as client:
            file = await client.upload(picture())
            job = await client.submit("sketch_to_image", "a cat", inputs={"sketch": file}, steps=2, seed=1)
            done = await client.wait(job.id)
            data = await client.image(done.images[0].id, "jpeg")
            other = await client.submit("text_to_image", "slow", steps=900)
            return done.state, data[:2], (await client.cancel(other.id)).state

    assert asyncio.run(go()) == ("done", b"\xff\xd8", "cancelled")


def public(kind):
    return {name for name in dir(kind) if not name.startswith("_")}


def test_both_clients_can_do_the_same():
    assert public(Client) == public(AsyncClient)


def test_the_shortcuts_of_the_asynchronous_client(url, tmp_path):
    async def go():
        async with AsyncClient(url) as client:
            words = await client.wait((await client.text("a cat", steps=2, seed=3)).id)
            again = await client.wait((await client.retry(words.id)).id)
            drawn = await client.wait((await client.sketch(tmp_path / "s.png", "a cat", steps=2)).id)
            files = await client.save(words, tmp_path / "out")
            return words, again, drawn, files

    (tmp_path / "s.png").write_bytes(picture())
    words, again, drawn, files = asyncio.run(go())
    assert (words.state, again.state, drawn.state) == ("done", "done", "done")
    assert again.id != words.id
    assert [f.read_bytes()[:4] for f in files] == [b"\x89PNG"]


def test_what_a_page_of_ones_own_needs(url):
    with Client(url) as client:
        assert "text_to_image" in str(client.recipes())
        assert isinstance(client.presets(), list)
        done = client.wait(client.text("a cat", steps=3, seed=5).id)
        seen = client.preview(done.id)
        assert seen is not None
        assert seen[0]
        assert client.preview(done.id, seen[1]) is None
        client.remove_image(done.images[0].id)
        with pytest.raises(ApiError) as gone:
            client.image(done.images[0].id)
        assert gone.value.status == 404


def test_photos_of_people_go_with_a_word_of_consent(url):
    async def later(file):
        async with AsyncClient(url) as other:
            own = await other.upload(file)
            return await other.submit(NAME, "a person", inputs={"photo": own}, consent=True, steps=2)

    with portraits(), Client(url) as client:
        file = client.upload(picture())
        with pytest.raises(ApiError) as refused:
            client.submit(NAME, "a person", inputs={"photo": file}, steps=2)
        assert (refused.value.status, refused.value.code) == (422, "consent_needed")
        job = client.submit(NAME, "a person", inputs={"photo": file}, consent=True, steps=2)
        assert client.wait(job.id).raw["consent"] is True
        assert asyncio.run(later(picture())).raw["consent"] is True


def test_photos_are_edited_by_both_clients(url, tmp_path):
    async def later():
        async with AsyncClient(url) as client:
            job = await client.edit(tmp_path / "p.png", ["a cat", "a\nfox"], source="a dog", mask=picture())
            return await client.wait(job.id)

    (tmp_path / "p.png").write_bytes(picture())
    with Client(url) as client:
        one = client.wait(client.edit(picture(), "a cat\na horse", strength=0.7, seed=4).id)
        files = client.save(one, tmp_path / "out")
        with pytest.raises(ApiError) as refused:
            client.edit(picture(), "a woman")
        assert refused.value.code == "consent_needed"
        assert client.edit(picture(), "a woman", consent=True).raw["consent"] is True
    assert [(i.name, i.seed) for i in one.images] == [("a cat", 4), ("a horse", 4)]
    assert len({f.name for f in files}) == 2
    other = asyncio.run(later())
    assert [i.name for i in other.images] == ["a cat", "a fox"]
    assert set(other.raw["inputs"]) == {"photo", "mask"}
