import json

import pytest
from PIL import Image
from typer.testing import CliRunner

from palitra.cli.main import app
from palitra.errors import ComposeError, InputError, ModelNotFoundError
from palitra.zoo.embedded import class_models
from palitra.zoo.reading.read import read_labelled
from tests.zoo.toy_images import toy_trainer


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "cvae"
    toy_trainer("cvae", folder).train(until=2)
    return folder


def palitra(*words):
    done = CliRunner().invoke(app, [str(w) for w in words], catch_exceptions=True)
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done.stdout


def test_a_sheet_and_a_set_that_can_be_read_again(run, tmp_path):
    told = json.loads(palitra("classes", run, "-n", 2, "--out", tmp_path, "--device", "cpu", "--json"))
    assert told["sheet"] == str(tmp_path / "sheet.png")
    assert len(told["files"]) == 4
    (tmp_path / "sheet.png").unlink()
    assert read_labelled(tmp_path).names == ("dark", "light")


def test_one_class_and_again(run, tmp_path):
    palitra("classes", run, "light", "-n", 3, "--seed", 5, "--out", tmp_path, "--device", "cpu")
    file = tmp_path / "light" / "000006.png"
    told = json.loads(palitra("again", file, "--out", tmp_path / "again", "--device", "cpu", "--json"))
    with Image.open(file) as one, Image.open(told["files"][0]) as other:
        assert one.tobytes() == other.tobytes()


def test_the_list_names_every_embedded_model():
    assert len(json.loads(palitra("classes", "--json"))) == len(class_models())
    assert palitra("classes").strip()


@pytest.mark.parametrize(
    ("words", "error", "sentence"),
    [
        (["cat"], InputError, "`label` must be one of all, dark, light, got cat"),
        (["-n", 101], InputError, r"`n` must be in \[1, 100\], got 101"),
        (["--guidance", 1], ComposeError, "`guidance` cannot be combined with `model cvae`: it has none"),
    ],
)
def test_wrong_wishes_are_one_sentence(run, words, error, sentence):
    with pytest.raises(error, match=sentence):
        palitra("classes", run, *words)


def test_an_unknown_model_names_the_known_ones():
    with pytest.raises(ModelNotFoundError, match=r"`model` must be one of .*, got nothing"):
        palitra("classes", "nothing")


def test_an_embedded_run_draws_too(run, tmp_path):
    about = ["--title", "Toys", "--data", "toys", "--licence", "Apache-2.0"]
    palitra("zoo", "embed", run, tmp_path / "toys", *about)
    words = [
        "classes",
        tmp_path / "toys",
        "dark",
        "-n",
        1,
        "--out",
        tmp_path / "out",
        "--device",
        "cpu",
        "--json",
    ]
    assert json.loads(palitra(*words))["model"] == "toys"
