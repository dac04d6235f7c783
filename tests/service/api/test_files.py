import io
import struct
import zlib

import pytest
from PIL import Image

from palitra.service.files.intake import Decoder


def picture(form="PNG", size=(40, 30), **more):
    buffer = io.BytesIO()
    Image.new("RGB", size, "teal").save(buffer, form, **more)
    return buffer.getvalue()


def upload(client, data, name="a.png"):
    return client.post("/v1/files", files={"file": (name, data)})


def bomb(side=30_000):
    """A few kilobytes that say they are 900 megapixels."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", head)
        + chunk(b"IDAT", zlib.compress(b"\0" * 9000))
        + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize("form", ["PNG", "JPEG", "WEBP", "BMP", "GIF", "TIFF"])
def test_pictures_are_taken_and_given_back_as_png(client, form):
    taken = upload(client, picture(form))
    assert taken.status_code == 201
    told = taken.json()
    assert (told["width"], told["height"]) == (40, 30)
    back = client.get(f"/v1/files/{told['id']}")
    with Image.open(io.BytesIO(back.content)) as image:
        assert (image.format, image.size) == ("PNG", (40, 30))


def test_where_and_with_what_it_was_taken_is_forgotten(client):
    exif = Image.Exif()
    exif[0x010F] = "SecretCamera"
    exif.get_ifd(0x8825)[2] = (55.0, 45.0, 21.0)
    exif[0x0112] = 6
    taken = upload(client, picture("JPEG", exif=exif)).json()
    assert (taken["width"], taken["height"]) == (30, 40)
    assert taken["notes"] == ["The picture was turned upright as its camera recorded it."]
    back = client.get(f"/v1/files/{taken['id']}").content
    assert b"SecretCamera" not in back
    with Image.open(io.BytesIO(back)) as image:
        assert dict(image.getexif()) == {}
        assert image.info.keys() <= {"dpi"}


def test_large_pictures_are_reduced(client):
    taken = upload(client, picture("JPEG", (4000, 1000))).json()
    assert (taken["width"], taken["height"]) == (2048, 512)


@pytest.mark.parametrize(
    "data",
    [b"", b"hello", picture()[:60], bomb(), b"%PDF-1.4", b"GIF89a" + b"\0" * 20, picture(size=(1, 1))],
    ids=["empty", "text", "cut", "bomb", "pdf", "broken", "tiny"],
)
def test_what_is_no_usable_picture_is_one_sentence(client, data):
    refused = upload(client, data)
    assert refused.status_code == 422
    assert refused.json()["code"] == "bad_image"
    assert "Traceback" not in refused.text
    assert upload(client, picture()).status_code == 201


def test_a_file_goes_when_its_last_owner_lets_it_go(client, stranger):
    file = upload(client, picture()).json()["id"]
    assert upload(stranger, picture()).json()["id"] == file
    assert client.delete(f"/v1/files/{file}").status_code == 204
    assert client.get(f"/v1/files/{file}").status_code == 404
    assert stranger.get(f"/v1/files/{file}").status_code == 200
    stranger.delete(f"/v1/files/{file}")
    assert stranger.get(f"/v1/files/{file}").status_code == 404


@pytest.mark.parametrize("name", ["../../etc/passwd", "%2e%2e%2fx", "C:\\x", "a" * 64, "\0"])
def test_names_of_users_never_become_paths(client, name):
    from urllib.parse import quote

    assert client.get(f"/v1/files/{quote(name, safe='')}").status_code == 404


def test_a_decoder_that_dies_or_hangs_is_replaced():
    decoder = Decoder(1, seconds=5)
    try:
        with decoder._child() as child:
            child._process.kill()
            child._process.join()
            assert "broke its decoder" in child.ask(picture(), 5)
        assert decoder.decode(picture()).width == 40
        with decoder._child() as child:
            assert "took longer" in child.ask(picture(size=(3000, 3000)), 0.0)
        assert decoder.decode(picture()).width == 40
    finally:
        decoder.close()


@pytest.mark.slow
def test_a_thousand_hostile_uploads_leave_the_decoder_alive():
    """Pictures of six formats with bytes changed, cut, doubled or put behind another format's head."""
    import random

    from palitra.errors import ImageError

    whole = [picture(form, (64, 48)) for form in ("PNG", "JPEG", "WEBP", "BMP", "GIF", "TIFF")]
    rng, decoder = random.Random(0), Decoder(1)
    taken = refused = 0
    odd = set()
    try:
        for i in range(1000):
            data = bytearray(whole[i % len(whole)])
            kind = rng.randrange(4)
            if kind == 0:
                for _ in range(rng.randint(1, 40)):
                    data[rng.randrange(len(data))] = rng.randrange(256)
            elif kind == 1:
                del data[rng.randrange(len(data)) :]
            elif kind == 2:
                data[:8] = rng.choice(whole)[:8]
            else:
                at = rng.randrange(len(data))
                data[at:at] = rng.randbytes(rng.randint(1, 5000))
            try:
                decoder.decode(bytes(data))
                taken += 1
            except ImageError as error:
                refused += 1
                odd |= {str(error)} if not str(error).startswith("`image` must") else set()
        assert decoder.decode(whole[0]).width == 64
    finally:
        decoder.close()
    assert taken + refused == 1000
    assert refused > 300
    assert odd == set()


def colours(n):
    """So many different pictures."""
    return [picture(size=(40 + i, 30)) for i in range(n)]


def test_over_the_bound_the_answer_says_what_to_do(client, app):
    app.state.service.settings.most_files_per_owner = 2
    one, two, three = colours(3)
    assert [upload(client, data).status_code for data in (one, two)] == [201, 201]
    refused = upload(client, three)
    told = refused.json()
    assert (refused.status_code, told["code"]) == (413, "storage_full")
    assert told["fields"] == [
        {"field": "files", "bound": "at most 2 kept uploads", "value": told["fields"][0]["value"]}
    ]
    assert "delete pictures" in told["detail"]
    russian = client.post("/v1/files", files={"file": ("a", three)}, headers={"accept-language": "ru"}).json()
    assert "удалите" in russian["detail"]
    file = upload(client, one).json()["id"]  # the same again is nothing new
    client.delete(f"/v1/files/{file}")
    assert upload(client, three).status_code == 201


def test_no_new_job_over_the_bound_but_an_accepted_one_may_be_asked_for_again(client, app, worker):
    from tests.service.api.conftest import ended
    from tests.service.api.test_jobs import WISH, hand_in

    head = {"idempotency-key": "once"}
    first = client.post("/v1/jobs", json=WISH, headers=head).json()["id"]
    assert ended(client, first)["state"] == "done"
    app.state.service.settings.most_bytes_per_owner = 1
    refused = client.post("/v1/jobs", json=WISH)
    assert (refused.status_code, refused.json()["code"]) == (413, "storage_full")
    assert client.post(f"/v1/jobs/{first}/retry").status_code == 413
    assert client.post("/v1/jobs", json=WISH, headers=head).json()["id"] == first
    client.delete(f"/v1/jobs/{first}")
    assert ended(client, hand_in(client))["state"] == "done"


def test_a_file_in_use_is_not_deleted_before_its_job_has_ended(client):
    file = upload(client, picture()).json()["id"]
    wish = {"recipe": "sketch_to_image", "prompt": "a cat", "inputs": {"sketch": file}}
    job = client.post("/v1/jobs", json=wish).json()["id"]
    refused = client.delete(f"/v1/files/{file}")
    assert (refused.status_code, refused.json()["code"]) == (409, "conflict")
    assert job in refused.json()["detail"]
    client.post(f"/v1/jobs/{job}/cancel")
    assert client.delete(f"/v1/files/{file}").status_code == 204


def test_a_file_handed_in_again_is_as_good_as_new(client, app):
    from sqlalchemy import select, update

    from palitra.service.tables import FILES

    engine = app.state.service.engine
    file = upload(client, picture()).json()["id"]
    with engine.begin() as connection:
        connection.execute(update(FILES).values(created_at=1.0))
    assert upload(client, picture()).json()["id"] == file
    with engine.connect() as connection:
        assert connection.scalar(select(FILES.c.created_at)) > 1e9
