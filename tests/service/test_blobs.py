"""The store on a disk and in an S3-compatible server on loopback: the same promises."""

import threading
import time

import pytest

from palitra.errors import DiskError, NotFoundError
from palitra.service.files.blobs import BlobStore, name_of
from palitra.service.files.naming import drop_unnamed
from palitra.service.files.retention import sweep_orphans

KEYS = {"AWS_ACCESS_KEY_ID": "palitra", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_REGION": "us-east-1"}


@pytest.fixture(scope="session")
def s3():
    """The address of a server with an empty bucket."""
    server = pytest.importorskip("moto.server", reason="no S3 server for tests: pip install palitra[test]")
    import boto3

    running = server.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    running.start()
    host, port = running.get_host_and_port()
    address = f"http://{host}:{port}"
    boto3.client(
        "s3",
        endpoint_url=address,
        region_name="us-east-1",
        aws_access_key_id="palitra",
        aws_secret_access_key="secret",
    ).create_bucket(Bucket="palitra")
    yield address
    running.stop()


@pytest.fixture
def at(request, monkeypatch):
    """Sets the environment for the server as an operator would."""
    address = request.getfixturevalue("s3")
    for name, value in {**KEYS, "AWS_ENDPOINT": address, "AWS_ALLOW_HTTP": "true"}.items():
        monkeypatch.setenv(name, value)


@pytest.fixture(params=["disk", "s3"])
def blobs(request, tmp_path):
    if request.param == "disk":
        return BlobStore((tmp_path / "files").as_uri())
    request.getfixturevalue("at")
    return BlobStore(f"s3://palitra/{tmp_path.name}")


def names(blobs):
    return {name for chunk in blobs.unchanged_since(time.time() + 60) for name in chunk}


def test_what_is_put_is_there_under_the_name_of_its_bytes(blobs):
    name = blobs.put(b"a picture")
    assert name == name_of(b"a picture")
    assert blobs.get(name) == b"a picture"
    assert blobs.put(b"a picture") == name
    assert (blobs.has(name), blobs.has(name_of(b"other"))) == (True, False)
    assert names(blobs) == {name}


def test_what_is_deleted_is_gone_and_deleting_it_again_is_fine(blobs):
    name = blobs.put(b"a picture")
    for _ in range(2):
        blobs.delete(name)
    assert not blobs.has(name)
    assert names(blobs) == set()
    with pytest.raises(NotFoundError, match="`file` must be one that is kept"):
        blobs.get(name)


def test_users_name_no_paths(blobs):
    for name in ("../secret", "a" * 63, "A" * 64, ""):
        for call in (blobs.get, blobs.delete, blobs.has):
            with pytest.raises(NotFoundError, match="`file` must be the id of a kept file"):
                call(name)


def test_young_bytes_are_not_listed_as_old(blobs):
    blobs.put(b"a picture")
    assert [name for chunk in blobs.unchanged_since(time.time() - 60) for name in chunk] == []


def test_large_pictures_and_many_at_once(blobs):
    contents = [bytes([i]) * 2**20 for i in range(8)]
    threads = [threading.Thread(target=blobs.put, args=(content,)) for content in contents]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert all(blobs.get(name_of(content)) == content for content in contents)


def test_unnamed_bytes_are_swept(engine, blobs):
    name = blobs.put(b"nobody's")
    assert sweep_orphans(engine, blobs) == 0
    assert sweep_orphans(engine, blobs, time.time() + 2 * 86_400) == 1
    assert not blobs.has(name)
    assert drop_unnamed(engine, blobs, [name]) in (0, 1)


def test_a_store_that_refuses_is_an_error_of_ours(at, monkeypatch):
    with pytest.raises(DiskError, match="`store` must be writable"):
        BlobStore("s3://nobodys-bucket").put(b"a picture")


def test_a_service_draws_into_it(at, tmp_path):
    from starlette.testclient import TestClient

    from palitra.service.api.app import create_app
    from palitra.service.settings import Settings
    from tests.service.api.conftest import HERE, ended
    from tests.service.api.test_files import picture, upload
    from tests.service.api.test_jobs import hand_in
    from tests.service.drawing import drawing

    chosen = Settings(folder=tmp_path, store="s3://palitra/service", trusted_hosts=("testserver",))
    app = create_app(chosen)
    with TestClient(app, client=HERE) as client, drawing(app.state.service):
        file = upload(client, picture()).json()["id"]
        job = ended(client, hand_in(client, recipe="sketch_to_image", inputs={"sketch": file}, n=1))
        (image,) = job["images"]
        assert client.get(f"/v1/images/{image['id']}").content.startswith(b"\x89PNG")
        assert client.delete(f"/v1/jobs/{job['id']}").status_code == 204
        assert client.delete(f"/v1/files/{file}").status_code == 204
        assert names(app.state.service.blobs) == set()
