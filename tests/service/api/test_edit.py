"""The recipe of edits through the API: a real (tiny) model, wishes, masks, and words about what cannot be."""

import io
import json
import zipfile

import numpy as np
import pytest
from PIL import Image

from palitra.client import Client
from palitra.recipes.edit import edit
from palitra.recipes.editing.methods import METHODS
from palitra.service.api.app import create_app
from palitra.service.settings import Settings
from palitra.service.workers.edit_painter import EditPainter
from palitra.service.workers.models import Models
from palitra.service.workers.painter import RecipePainter
from palitra.spec.edit import EditParams
from palitra.studio import load
from tests.service.api.conftest import ended, parse_sse
from tests.service.api.test_files import upload
from tests.service.drawing import drawing
from tests.tiny_studio import write_tiny_studio

HOSTS = ("127.0.0.1", "testserver")
QUICK = {"method": "ddim", "steps": 4, "seed": 5}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return str(write_tiny_studio(tmp_path_factory.mktemp("edit"))[0])


@pytest.fixture(scope="module")
def studio(folder):
    return load(folder, "cpu")


@pytest.fixture
def settings(tmp_path, folder):
    return Settings(folder=tmp_path / "data", trusted_hosts=HOSTS, model=folder)


@pytest.fixture
def painter(app, client, studio, settings):
    blobs = app.state.service.blobs
    models = Models(2**40, "cpu", lambda name, device: studio)
    return RecipePainter(models, blobs, {}, EditPainter(blobs, settings.folder / "inversions"))


@pytest.fixture
def worker(app, painter):
    with drawing(app.state.service, painter):
        yield painter


def photo_bytes(size=(96, 64), image=None):
    buffer = io.BytesIO()
    (image or smooth(size)).save(buffer, "PNG")
    return buffer.getvalue()


def smooth(size):
    grain = np.random.default_rng(3).integers(0, 255, (6, 6, 3), dtype=np.uint8)
    return Image.fromarray(grain).resize(size, Image.Resampling.BICUBIC)


def half_mask(size=(96, 64)):
    """The left half may change."""
    mask = Image.new("L", size, 0)
    mask.paste(255, (0, 0, size[0] // 2, size[1]))
    return mask


@pytest.fixture
def hand_in(client, folder):
    def make(files=None, language="en", **wish):
        files = {"photo": photo_bytes()} if files is None else files
        ids = {name: upload(client, data).json()["id"] for name, data in files.items()}
        body = {"recipe": "edit", "model": folder, "inputs": ids, "target": "a cat", **QUICK, **wish}
        return client.post("/v1/jobs", json=body, headers={"accept-language": language})

    return make


def done(client, answer):
    assert answer.status_code == 202, answer.text
    told = ended(client, answer.json()["id"], 120)
    assert told["state"] == "done", told
    return told


def pixels(client, image):
    with Image.open(io.BytesIO(client.get(f"/v1/images/{image['id']}").content)) as opened:
        return np.asarray(opened), json.loads(opened.info["palitra"])


def test_each_wish_becomes_the_picture_of_the_library(client, worker, hand_in, studio):
    told = done(client, hand_in(target="a cat\na dog", source="a fox"))
    assert told["title"] == "a fox → a cat; a dog"
    assert [(i["name"], i["seed"]) for i in told["images"]] == [("a cat", 5), ("a dog", 5)]
    assert (told["done"], told["total"]) == (8, 8)
    for image, wish in zip(told["images"], ("a cat", "a dog"), strict=True):
        params = EditParams(target=wish, source="a fox", model=studio.model.name, **QUICK)
        run = edit(studio.model, Image.open(io.BytesIO(photo_bytes())), params)
        seen, recipe = pixels(client, image)
        assert np.array_equal(seen, np.asarray(run.pictures[0].image))
        assert (image["width"], image["height"]) == run.pictures[0].image.size
        assert (recipe["params"]["target"], recipe["params"]["recipe"]) == (wish, "edit")


def test_wishes_of_one_photo_invert_it_once(client, worker, hand_in, app):
    done(client, hand_in(target="a cat\na dog\na fox"))
    assert worker.edits.store.misses == 1
    done(client, hand_in(target="a house"))
    assert worker.edits.store.misses == 1
    assert len(list(worker.edits.folder.glob("*.safetensors"))) == 1


def test_several_seeds_of_several_wishes_are_kept_apart(client, worker, hand_in):
    told = done(client, hand_in(target="a cat\na dog", n=2))
    assert [(i["name"], i["seed"]) for i in told["images"]] == [
        ("a cat", 5),
        ("a cat", 6),
        ("a dog", 5),
        ("a dog", 6),
    ]
    archive = client.get(f"/v1/jobs/{told['id']}/zip")
    with zipfile.ZipFile(io.BytesIO(archive.content)) as packed:
        assert packed.namelist() == ["a cat-5.png", "a cat-6.png", "a dog-5.png", "a dog-6.png"]


def test_what_the_mask_leaves_out_stays(client, worker, hand_in):
    files = {"photo": photo_bytes(), "mask": photo_bytes(image=half_mask())}
    masked, _ = pixels(client, done(client, hand_in(files))["images"][0])
    free, _ = pixels(client, done(client, hand_in())["images"][0])
    height, width, _ = masked.shape
    small = smooth((96, 64)).resize((width, height), Image.Resampling.LANCZOS)
    right = slice(width // 2 + 1, None)
    assert np.array_equal(masked[:, right], np.asarray(small)[:, right])
    assert not np.array_equal(free[:, right], np.asarray(small)[:, right])


def test_steps_are_told_and_seen(client, worker, hand_in):
    told = done(client, hand_in(steps=30))
    events = parse_sse(client.get(f"/v1/jobs/{told['id']}/events").text)
    shares = [json.loads(e["data"])["done"] for e in events if e["event"] == "progress"]
    assert shares == sorted(shares)
    assert shares[-1] == 30
    assert [e["event"] for e in events].count("image") == 1
    with Image.open(io.BytesIO(client.get(f"/v1/jobs/{told['id']}/preview").content)) as seen:
        assert seen.width > seen.height


def test_cancel_takes_effect_between_steps(client, worker, hand_in):
    job = hand_in(steps=500).json()["id"]
    while client.get(f"/v1/jobs/{job}").json()["done"] == 0:
        pass
    assert client.post(f"/v1/jobs/{job}/cancel").json()["state"] == "cancelled"
    # the desk is free again at once
    assert done(client, hand_in())["images"]
    assert client.get(f"/v1/jobs/{job}").json()["images"] == []


def test_the_gallery_tells_the_wish_and_finds_it(client, worker, hand_in):
    done(client, hand_in(target="a red cat\na dog", source="a fox"))
    shown = client.get("/v1/images").json()["images"]
    assert {i["prompt"] for i in shown} == {"a fox → a red cat", "a fox → a dog"}
    assert len(client.get("/v1/images", params={"search": "RED"}).json()["images"]) == 2
    assert client.get("/v1/images", params={"search": "fox"}).json()["images"] == []


def test_the_same_again_is_the_same(client, worker, hand_in):
    told = done(client, hand_in())
    again = client.post(f"/v1/jobs/{told['id']}/retry")
    first, second = (pixels(client, t["images"][0])[0] for t in (told, done(client, again)))
    assert np.array_equal(first, second)


def test_the_client_edits(client, worker, folder, tmp_path):
    palitra = Client()
    palitra.http.close()
    palitra.http = client
    (tmp_path / "photo.png").write_bytes(photo_bytes())
    job = palitra.edit(
        tmp_path / "photo.png",
        ["a cat", "a dog"],
        source="a fox",
        mask=photo_bytes(image=half_mask()),
        model=folder,
        **QUICK,
    )
    ended(client, job.id, 60)
    told = palitra.job(job.id)
    assert [image.name for image in told.images] == ["a cat", "a dog"]
    files = palitra.save(told, tmp_path / "out")
    assert len({f.name for f in files}) == 2


def test_out_of_memory_is_one_sentence(client, app, painter, hand_in, monkeypatch):
    import torch

    calls = []

    def full(job):
        calls.append(len(job.photos))
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setitem(METHODS, "ddim", full)
    with drawing(app.state.service, painter):
        told = ended(client, hand_in(n=2).json()["id"])
    assert (told["state"], told["error"]["code"]) == ("failed", "out_of_memory")
    assert told["error"]["detail"].endswith("lower `n` or choose a smaller model")
    assert (calls[0], set(calls[1:])) == (2, {1})


def test_a_method_that_needs_another_model_says_so(client, worker, hand_in):
    answer = hand_in(method="instruct-pix2pix", target="make it a cat")
    told = ended(client, answer.json()["id"])
    assert (told["state"], told["error"]["code"]) == ("failed", "cannot_combine")
    assert "instruct-pix2pix needs a model" in told["error"]["detail"]
    russian = client.get(f"/v1/jobs/{told['id']}", headers={"accept-language": "ru"}).json()
    assert russian["error"]["detail"].startswith("`method`: InstructPix2Pix нужна")


def test_the_schema_offers_every_method_of_the_engine(client):
    recipe = client.get("/v1/recipes").json()["edit"]
    method = recipe["schema"]["properties"]["method"]
    assert set(method["enum"]) == set(METHODS)
    assert method["enum"][0] == method["default"] == "guide-and-rescale"
    assert method["choices"]["ddim"]["ru"]["label"] == "Обращение DDIM"
    assert [(i["name"], i["kind"], i["required"], i["subject"]) for i in recipe["inputs"]] == [
        ("photo", "photo", True, "anybody"),
        ("mask", "mask", False, None),
    ]
    assert recipe["schema"]["required"] == ["target"]


@pytest.mark.parametrize(
    ("wish", "said"),
    [
        ({"target": " \n"}, "`target` must not be empty"),
        (
            {"target": "\n".join(map(str, range(17)))},
            "`target` must have at most 16 lines, one wish each, got 17",
        ),
        (
            {"n": 16, "target": "a\nb\nc\nd\ne"},
            "`target` must ask for at most 64 pictures (wishes times `n`), got 80",
        ),
        ({"method": "magic"}, "`method` must be one of guide-and-rescale,"),
        ({"strength": 1.01}, "`strength` must be in [0, 1], got 1.01"),
        ({"strength": "much"}, "`strength` must be a valid float, got 'much'"),
        ({"prompt": "a cat"}, "`prompt` must be one of "),
        ({"model": "/etc"}, "`model` must be one of "),
        ({"source": "x" * 2001}, "`source` must have at most 2000 characters, got 2001"),
    ],
)
def test_what_cannot_be_asked_is_refused_at_once(client, hand_in, wish, said):
    refused = hand_in(**wish)
    assert (refused.status_code, refused.json()["code"]) == (422, "bad_input")
    assert refused.json()["detail"].startswith(said)
    russian = hand_in(language="ru", **wish).json()["detail"]
    assert any("а" <= letter <= "я" for letter in russian)
    assert client.get("/v1/jobs").json()["jobs"] == []


@pytest.mark.parametrize(
    ("files", "code", "said"),
    [
        ({}, "bad_input", "`inputs.photo` must be given: the id of an uploaded file"),
        (
            {"photo": photo_bytes(), "mask": photo_bytes((64, 96))},
            "bad_image",
            "`mask` must have the photo's size 96 x 64, got 64 x 96",
        ),
        (
            {"photo": photo_bytes((900, 100))},
            "bad_image",
            "`photo` must be at most 8 times as long as wide, got 900 x 100",
        ),
        (
            {"photo": photo_bytes(), "sketch": photo_bytes()},
            "bad_input",
            "`inputs` must be of photo, mask, got sketch",
        ),
    ],
)
def test_files_that_do_not_fit_are_refused_at_once(client, hand_in, files, code, said):
    refused = hand_in(files)
    assert (refused.status_code, refused.json()["code"]) == (422, code)
    assert refused.json()["detail"] == said
    russian = hand_in(files, "ru").json()["detail"]
    assert any("а" <= letter <= "я" for letter in russian)


def test_a_broken_photo_is_refused_when_it_is_handed_in(client):
    refused = upload(client, photo_bytes()[:200])
    assert (refused.status_code, refused.json()["code"]) == (422, "bad_image")


def test_somebody_elses_photo_is_no_photo(client, stranger, hand_in, folder):
    theirs = upload(stranger, photo_bytes()).json()["id"]
    body = {"recipe": "edit", "model": folder, "target": "a cat", "inputs": {"photo": theirs}}
    assert client.post("/v1/jobs", json=body).status_code == 404


def test_words_that_a_filter_refuses_are_refused_wherever_they_stand(tmp_path, folder):
    from starlette.testclient import TestClient

    from tests.service.api.conftest import HERE

    words = tmp_path / "words.txt"
    words.write_text("gore\n")
    settings = Settings(
        folder=tmp_path / "data", trusted_hosts=HOSTS, filters=("words",), filter_words=words, model=folder
    )
    with TestClient(create_app(settings), client=HERE) as client:
        photo = upload(client, photo_bytes()).json()["id"]
        for more in ({"target": "a cat\nsome gore"}, {"target": "a cat", "source": "gore"}):
            body = {"recipe": "edit", "model": folder, "inputs": {"photo": photo}, **more}
            assert client.post("/v1/jobs", json=body).json()["code"] == "content_refused"


def test_a_photo_that_nobody_described_is_guessed_once_for_all_wishes(client, worker, hand_in, monkeypatch):
    asked = []
    monkeypatch.setattr(
        "palitra.service.workers.edit_painter.suggest_source",
        lambda picture: asked.append(picture.shape) or "a photo of a dog",
    )
    told = done(client, hand_in(target="a cat\na fox"))
    assert (len(asked), worker.edits.store.misses) == (1, 1)
    assert told["notes"] == [
        "The photo was taken for “a photo of a dog”; say what it shows if that is wrong."
    ]
    assert pixels(client, told["images"][0])[1]["params"]["source"] == "a photo of a dog"


def test_a_photo_that_looks_like_a_person_waits_for_the_word(client, worker, hand_in, monkeypatch):
    monkeypatch.setattr(
        "palitra.service.workers.edit_painter.suggest_source", lambda picture: "a photo of a person"
    )
    told = ended(client, hand_in(target="an oil painting").json()["id"])
    assert (told["state"], told["error"]["code"]) == ("failed", "consent_needed")
    agreed = done(client, hand_in(target="an oil painting", consent=True))
    assert len(agreed["images"]) == 1
    # nothing of a person's photo stays behind
    assert list(worker.edits.folder.glob("*")) == []
    assert worker.edits.store.misses == 0


def test_a_chosen_strength_is_told_and_the_bar_never_goes_back(client, worker, hand_in):
    told = done(client, hand_in(auto_strength=True, steps=10, source="a dog"))
    assert "Strength" in told["notes"][0]
    events = parse_sse(client.get(f"/v1/jobs/{told['id']}/events").text)
    shares = [json.loads(e["data"])["done"] for e in events if e["event"] == "progress"]
    assert shares == sorted(shares)
    assert (told["done"], told["total"]) == (10, 10)
