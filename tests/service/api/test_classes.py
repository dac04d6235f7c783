"""The recipe of classes through the API: a real (tiny) model, a sheet, its parts, an archive."""

import io
import json
import zipfile

import numpy as np
import pytest
from PIL import Image
from sqlalchemy import select
from starlette.testclient import TestClient

from palitra.client import Client
from palitra.errors import InputError, NotFoundError
from palitra.recipes.class_conditional import draw_classes, load_classes
from palitra.service.api.app import create_app
from palitra.service.settings import Settings
from palitra.service.tables import PICTURES
from palitra.service.workers.models import Models
from palitra.service.workers.painter import RecipePainter
from palitra.spec.classes import ClassesParams
from palitra.zoo.embedded import class_models
from tests.service.api.conftest import HERE, ended, parse_sse
from tests.service.drawing import drawing
from tests.zoo.toy_images import toy_trainer


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    for name in ("cvae", "cdm"):
        toy_trainer(name, folder / name).train(until=2)
    return folder


@pytest.fixture
def settings(tmp_path, runs):
    hosts = ("127.0.0.1", "testserver")
    models = (runs / "cvae", runs / "cdm")
    return Settings(folder=tmp_path / "data", trusted_hosts=hosts, class_models=models)


@pytest.fixture
def worker(app, client):
    service = app.state.service
    painter = RecipePainter(Models(2**30, "cpu"), service.blobs, service.classes)
    with drawing(service, painter):
        yield painter


def hand_in(client, **wish):
    return client.post("/v1/jobs", json={"recipe": "classes", **wish})


def done(client, **wish):
    answer = hand_in(client, **wish)
    assert answer.status_code == 202, answer.text
    told = ended(client, answer.json()["id"], 60)
    assert told["state"] == "done", told
    return told


def test_the_schema_says_which_classes_and_dials_each_model_has(client):
    recipe = client.get("/v1/recipes").json()["classes"]
    fields = recipe["schema"]["properties"]
    # the operator's own come before the package's
    assert (fields["model"]["enum"][:2], fields["model"]["default"]) == (["cvae", "cdm"], "cvae")
    assert fields["model"]["enum"][2:] == list(class_models())
    assert "model" not in recipe["schema"].get("required", [])
    everything = ["all", "dark", "light"]
    choices = fields["label"]["depends"]["choices"]
    assert (choices["cvae"], choices["cdm"]) == (everything, everything)
    own = {"cvae", "cdm"}
    assert own & set(fields["truncation"]["depends"]["only"]) == {"cvae"}
    assert own & set(fields["guidance"]["depends"]["only"]) == {"cdm"}
    assert fields["label"]["text"]["ru"]["label"] == "Класс"
    assert recipe["title"]["ru"]["label"] == "Классы"
    assert fields["model"]["titles"]["en"]["cvae"] == fields["model"]["titles"]["ru"]["cvae"]
    for model in class_models().values():
        assert fields["model"]["titles"]["ru"][model.name] == model.russian[model.title]
    assert {"all": "все", "sneaker": "кроссовка"}.items() <= fields["label"]["titles"]["ru"].items()
    told = {model["name"]: model for model in client.get("/v1/classes").json()}
    assert told["cdm"]["classes"] == ["dark", "light"]
    assert told["cdm"]["shape"] == [1, 16, 16]


def test_without_models_there_is_no_such_recipe(tmp_path, monkeypatch):
    monkeypatch.setattr("palitra.service.api.context.class_models", lambda added: {})
    bare = create_app(Settings(folder=tmp_path / "bare", trusted_hosts=("127.0.0.1", "testserver")))
    with TestClient(bare, client=HERE) as client:
        assert client.get("/v1/classes").json() == []
        assert "classes" not in client.get("/v1/recipes").json()
        refused = hand_in(client)
        assert (refused.status_code, refused.json()["code"]) == (422, "bad_input")


def test_a_folder_that_is_no_run_stops_the_start(tmp_path):
    app = create_app(Settings(folder=tmp_path, class_models=(tmp_path,)))
    with pytest.raises(InputError, match="`run` must be a folder made by"), TestClient(app):
        pass


def test_a_sheet_its_parts_and_the_archive(client, worker, runs, app):
    told = done(client, n=3, seed=11)
    (sheet,) = told["images"]
    assert (sheet["kind"], sheet["seed"], told["parts"]) == ("sheet", 11, 6)
    assert told["title"] == "cvae: all × 3"
    parts = client.get(f"/v1/jobs/{told['id']}/parts").json()
    assert [(p["name"], p["seed"]) for p in parts] == [
        *(("dark", s) for s in (11, 12, 13)),
        *(("light", s) for s in (14, 15, 16)),
    ]
    assert len(client.get(f"/v1/jobs/{told['id']}/parts", params={"offset": 5}).json()) == 1
    # the very pictures of the library
    run = draw_classes(load_classes(runs / "cvae", "cpu"), ClassesParams(model="cvae", n=3, seed=11))
    with Image.open(io.BytesIO(client.get(f"/v1/images/{sheet['id']}").content)) as image:
        assert np.array_equal(np.asarray(image), np.asarray(run.pictures[0].image))
        assert json.loads(image.info["palitra"])["params"]["n"] == 3
    answer = client.get(f"/v1/jobs/{told['id']}/zip")
    assert answer.headers["content-type"] == "application/zip"
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        assert archive.testzip() is None
        names = archive.namelist()
        assert names[:2] == ["sheet.png", "dark/000011.png"]
        assert len(names) == 7
        with Image.open(archive.open("light/000016.png")) as image:
            assert np.array_equal(np.asarray(image), np.asarray(run.pictures[6].image))
    with app.state.service.engine.connect() as connection:
        assert len(connection.execute(select(PICTURES)).all()) == 7


def test_the_gallery_shows_sheets_and_finds_them_by_class(client, worker):
    done(client, n=2, label="light")
    (shown,) = client.get("/v1/images").json()["images"]
    assert (shown["kind"], shown["prompt"]) == ("sheet", "cvae: light × 2")
    assert len(client.get("/v1/images", params={"search": "ligh"}).json()["images"]) == 1
    assert client.get("/v1/images", params={"search": "dark"}).json()["images"] == []


def test_a_sheet_takes_its_parts_with_it(client, worker, app):
    told = done(client, n=2)
    service = app.state.service
    with service.engine.connect() as connection:
        blobs = list(connection.scalars(select(PICTURES.c.blob)))
    assert client.delete(f"/v1/images/{told['images'][0]['id']}").status_code == 204
    assert client.get(f"/v1/jobs/{told['id']}").json()["parts"] == 0
    assert client.get(f"/v1/jobs/{told['id']}/zip").status_code == 404
    for blob in blobs:
        with pytest.raises(NotFoundError):
            service.blobs.get(blob)


def test_steps_are_events_and_parts_are_not(client, worker):
    told = done(client, model="cdm", n=2, steps=3)
    assert (told["done"], told["total"]) == (12, 12)
    events = parse_sse(client.get(f"/v1/jobs/{told['id']}/events").text)
    kinds = [event["event"] for event in events]
    assert kinds.count("image") == 1
    assert kinds[-1] == "end"


def test_nobody_else_sees_parts_or_the_archive(client, worker, stranger):
    told = done(client, n=1)
    for what in ("parts", "zip"):
        assert stranger.get(f"/v1/jobs/{told['id']}/{what}").status_code == 404


def test_retried_and_run_twice_it_is_the_same(client, worker):
    told = done(client, n=2, seed=5)
    again = client.post(f"/v1/jobs/{told['id']}/retry").json()
    assert ended(client, again["id"], 60)["parts"] == 4
    archives = [client.get(f"/v1/jobs/{job}/zip").content for job in (told["id"], again["id"])]
    assert archives[0] == archives[1]


def test_a_job_of_words_has_an_archive_too(client, app):
    with drawing(app.state.service):
        answer = client.post(
            "/v1/jobs", json={"recipe": "text_to_image", "prompt": "a cat", "n": 2, "seed": 4}
        )
        told = ended(client, answer.json()["id"])
    with zipfile.ZipFile(io.BytesIO(client.get(f"/v1/jobs/{told['id']}/zip").content)) as archive:
        assert archive.namelist() == ["picture-4.png", "picture-5.png"]


def test_the_client_draws_classes_and_takes_the_archive(client, worker):
    palitra = Client()
    palitra.http.close()
    palitra.http = client
    job = palitra.classes("dark", 2, model="cdm", steps=2)
    ended(client, job.id, 60)
    with zipfile.ZipFile(io.BytesIO(palitra.archive(job.id))) as archive:
        assert [name.split("/")[0] for name in archive.namelist()] == ["sheet.png", "dark", "dark"]
    assert [image.seed for image in palitra.job(job.id).images] == [job.raw["params"]["seed"]]


@pytest.mark.parametrize(
    ("wish", "code", "said"),
    [
        ({"label": "cat"}, "bad_input", "`label`: бывает all, dark, light, получено cat"),
        ({"model": "mini"}, "model_not_found", "`model`: бывает cvae, cdm, "),
        ({"guidance": 2}, "cannot_combine", "`guidance`: у модели `cvae` этого нет"),
        ({"n": 101}, "bad_input", "`n`: допустимо [1, 100], получено 101"),
        ({"prompt": "a cat"}, "bad_input", "`prompt`: "),
    ],
)
def test_what_cannot_be_is_refused_at_once_in_russian(client, wish, code, said):
    answer = client.post("/v1/jobs", json={"recipe": "classes", **wish}, headers={"accept-language": "ru"})
    assert (answer.status_code, answer.json()["code"]) == (422, code)
    assert answer.json()["detail"].startswith(said), answer.json()
