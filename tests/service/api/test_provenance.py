import base64
import io
import threading

import pytest
from PIL import Image
from pydantic import SecretStr
from sqlalchemy import select
from starlette.testclient import TestClient

from palitra.errors import InputError
from palitra.service.api.app import create_app
from palitra.service.api.context import Service
from palitra.service.files.marks import Marks
from palitra.service.files.provenance import (
    TEST_NAME,
    Credentials,
    Provenance,
    make_test_pair,
    read_manifest,
    trusted_anchors,
)
from palitra.service.jobs.job import Job
from palitra.service.settings import Settings
from palitra.service.tables import JOBS
from tests.service.conftest import wish

pytest.importorskip("c2pa", reason="no c2pa-python: pip install palitra[provenance]")
TYPES = {"png": "image/png", "jpeg": "image/jpeg", "webp": "image/webp"}


def encoded(form="PNG", size=(64, 64)):
    buffer = io.BytesIO()
    Image.linear_gradient("L").convert("RGB").resize(size).save(buffer, form)
    return buffer.getvalue()


@pytest.fixture(scope="module")
def signer(tmp_path_factory):
    return Provenance(Credentials.for_tests(tmp_path_factory.mktemp("c2pa")))


@pytest.mark.parametrize("form", TYPES)
def test_a_signed_picture_states_a_model_made_it_and_keeps_its_pixels(signer, form):
    plain = encoded(form.upper())
    made = signer.sign(plain, TYPES[form], "a cat")
    stated = read_manifest(made, TYPES[form])
    assert stated == {"state": "Valid", "signer": TEST_NAME, "made_by_a_model": True, "tool": "palitra"}
    assert read_manifest(plain, TYPES[form]) is None
    assert Image.open(io.BytesIO(made)).tobytes() == Image.open(io.BytesIO(plain)).tobytes()
    assert len(made) - len(plain) < 40_000


def test_a_changed_picture_is_no_longer_valid(signer):
    made = bytearray(signer.sign(encoded(size=(200, 200)), "image/png", "a cat"))
    made[-60] ^= 1
    assert read_manifest(bytes(made), "image/png")["state"] == "Invalid"


def test_a_sketch_is_named_as_source_and_not_shown(signer):
    from c2pa import Reader

    made = signer.sign(encoded(), "image/png", "a cat", encoded(size=(32, 32)))
    assert read_manifest(made, "image/png")["made_by_a_model"]
    with Reader("image/png", io.BytesIO(made)) as reader:
        manifest = reader.get_active_manifest()
    [source] = manifest["ingredients"]
    assert source["relationship"] == "inputTo"
    assert "thumbnail" not in source
    [action] = manifest["assertions"][0]["data"]["actions"]
    assert (action["action"], action["digitalSourceType"].rsplit("/", 1)[1]) == (
        "c2pa.created",
        "compositeWithTrainedAlgorithmicMedia",
    )


def test_an_edit_is_its_photo_changed_by_a_model(signer):
    from c2pa import Reader

    made = signer.sign(encoded(), "image/png", "a cat", encoded(size=(32, 32)), edited=True)
    told = read_manifest(made, "image/png")
    assert (told["state"], told["made_by_a_model"]) == ("Valid", True)
    with Reader("image/png", io.BytesIO(made)) as reader:
        manifest = reader.get_active_manifest()
    assert [source["relationship"] for source in manifest["ingredients"]] == ["parentOf"]
    actions = manifest["assertions"][0]["data"]["actions"]
    assert [action["action"] for action in actions] == ["c2pa.opened", "c2pa.edited"]
    assert actions[1]["digitalSourceType"].endswith("/compositeWithTrainedAlgorithmicMedia")


def test_the_pair_for_tests_is_made_once_and_its_key_is_private(tmp_path):
    first = Credentials.for_tests(tmp_path)
    assert Credentials.for_tests(tmp_path) == first
    assert (tmp_path / "test-key.pem").stat().st_mode & 0o777 == 0o600
    assert first.test


def test_the_operators_own_pair_signs(tmp_path):
    chain, key = make_test_pair()
    (tmp_path / "chain.pem").write_bytes(chain)
    (tmp_path / "key.pem").write_bytes(key)
    settings = Settings(c2pa=True, c2pa_certificate=tmp_path / "chain.pem", c2pa_key=tmp_path / "key.pem")
    own = Provenance.of(settings.check())
    assert own.credentials.test is False
    assert read_manifest(own.sign(encoded(), "image/png", "x"), "image/png")["state"] == "Valid"
    (tmp_path / "key.pem").write_bytes(b"nothing")
    with pytest.raises(InputError, match="`c2pa_key` must be a PEM key"):
        Provenance.of(settings)
    with pytest.raises(InputError, match="`c2pa_certificate` and `c2pa_key` must be set together"):
        Settings(c2pa_key=tmp_path / "key.pem").check()
    assert Provenance.of(Settings()) is None


def authority_of(chain):
    """The last certificate of a chain."""
    return b"-----BEGIN" + chain.rsplit(b"-----BEGIN", 1)[1]


def test_a_signer_is_trusted_where_the_operator_names_its_authority(tmp_path):
    chain, key = make_test_pair()
    made = Provenance(Credentials(chain, key, "es256", test=True)).sign(encoded(), "image/png", "x")
    anchors = tmp_path / "anchors.pem"

    def state(*authorities):
        anchors.write_bytes(b"".join(authorities))
        told = read_manifest(made, "image/png", trusted_anchors(Settings(c2pa_anchors=anchors)))
        return told["state"]

    own, other = authority_of(chain), authority_of(make_test_pair()[0])
    assert state(own) == "Trusted"
    assert state(other, own) == "Trusted"
    assert state(other) == "Valid"
    assert trusted_anchors(Settings()) is None
    changed = bytearray(made)
    changed[-60] ^= 1
    assert read_manifest(bytes(changed), "image/png", own.decode())["state"] == "Invalid"


def test_anchors_that_cannot_be_used_are_told_at_start(tmp_path):
    with pytest.raises(InputError, match="`c2pa_anchors` must be readable"):
        trusted_anchors(Settings(c2pa_anchors=tmp_path / "none.pem"))
    (tmp_path / "no.pem").write_bytes(b"nothing")
    with pytest.raises(InputError, match="`c2pa_anchors` must be a PEM file of certificates"):
        Service.open(Settings(folder=tmp_path / "data", c2pa_anchors=tmp_path / "no.pem"))


def test_the_api_says_trusted_by_the_same_anchors(settings, tmp_path):
    chain, key = make_test_pair()
    made = Provenance(Credentials(chain, key, "es256", test=True)).sign(encoded(), "image/png", "x")
    (tmp_path / "anchors.pem").write_bytes(authority_of(chain))
    trusting = settings.model_copy(update={"c2pa_anchors": tmp_path / "anchors.pem"})
    with TestClient(create_app(trusting), base_url="http://127.0.0.1") as client:
        told = client.post("/v1/provenance", files={"file": ("a.png", made)}).json()
    assert told["c2pa"]["state"] == "Trusted"


@pytest.fixture
def client(settings):
    marked = settings.model_copy(update={"c2pa": True})
    with TestClient(create_app(marked), base_url="http://127.0.0.1") as made:
        made.get("/healthz")
        yield made


@pytest.fixture
def drawn(client, work, store):
    def one(**more):
        answer = client.post("/v1/jobs", json=wish(**more))
        assert answer.status_code == 202, answer.text
        work(*everything(store))
        return client.get(f"/v1/jobs/{answer.json()['id']}").json()["images"][0]["id"]

    return one


def everything(store):
    with store.engine.connect() as connection:
        return [Job.of(row) for row in connection.execute(select(JOBS))]


@pytest.mark.parametrize("form", TYPES)
@pytest.mark.parametrize("metadata", [True, False])
def test_every_form_that_leaves_the_service_is_signed_with_or_without_its_recipe(
    client, drawn, form, metadata
):
    image = drawn()
    answer = client.get(f"/v1/images/{image}?format={form}&metadata={str(metadata).lower()}&width=32")
    assert answer.headers["etag"].startswith('W/"')
    told = client.post("/v1/provenance", files={"file": answer.content}).json()
    assert told["c2pa"]["state"] == "Valid"
    assert (told["recipe"], told["invisible"]) == (metadata, None)


def test_a_picture_without_marks_carries_none(client):
    told = client.post("/v1/provenance", files={"file": encoded()}).json()
    assert told == {"c2pa": None, "invisible": None, "recipe": False}
    answer = client.post("/v1/provenance", files={"file": b"no picture"})
    assert (answer.status_code, answer.json()["code"]) == (422, "bad_image")


def test_the_openai_shape_is_signed_too(client, work, store):
    result = {}

    def ask():
        result["answer"] = client.post("/v1/images/generations", json={"prompt": "a cat", "steps": 3})

    asking = threading.Thread(target=ask)
    asking.start()
    while not (jobs := everything(store)):
        asking.join(0.05)
    work(jobs[0])
    asking.join(20)
    png = base64.b64decode(result["answer"].json()["data"][0]["b64_json"])
    assert read_manifest(png, "image/png")["state"] == "Valid"


def test_the_invisible_mark_is_told(settings, engine, blobs, store):
    marked = settings.model_copy(update={"mark_key": "k", "mark_invisible": True})
    marked.mark_key = SecretStr("k")
    image = Marks.of(marked).stamp(Image.effect_noise((256, 256), 30).convert("RGB"))
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    with TestClient(create_app(marked), base_url="http://127.0.0.1") as client:
        told = client.post("/v1/provenance", files={"file": buffer.getvalue()}).json()
    assert told["invisible"]["found"] is True
    assert told["invisible"]["chance"] < 1e-6
