import json
import subprocess
import sys

import pytest
import torch
from safetensors.torch import load_file

from palitra.core.rng import Noise
from palitra.errors import ComposeError, InputError, ModelNotFoundError, WeightsError
from palitra.spec.classes import ClassesParams
from palitra.zoo.embed import embed_run
from palitra.zoo.embedded import EMBEDDED, class_models, find_class_model, read_class_model
from palitra.zoo.families.family import Drawing
from palitra.zoo.run_folder import load_model
from tests.zoo.toy_images import toy_trainer

ABOUT = {"title": "Light and dark", "data": "toys", "licence": "Apache-2.0"}


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    for name in ("cvae", "cdm", "sgan", "cgan", "ddpm"):
        toy_trainer(name, folder / name).train(until=2)
    return folder


@pytest.mark.parametrize("name", ["cvae", "cdm", "sgan", "cgan", "ddpm"])
def test_an_embedded_model_draws_the_same_pictures_up_to_bfloat16(runs, tmp_path, name):
    about = embed_run(runs / name, tmp_path / "toy", **ABOUT)
    assert (about.name, about.title, about.licence) == ("toy", "Light and dark", "Apache-2.0")
    assert "# toy" in about.card
    whole, card = load_model(runs / name)
    light, _ = load_model(tmp_path / "toy")
    labels = torch.tensor([0, 1, 1]) if whole.classes else None
    options = Drawing(steps=2) if name in ("cdm", "ddpm") else Drawing()
    one, other = (m.draw(labels, Noise([1, 2, 3]), options) for m in (whole, light))
    if name != "sgan":  # which of its candidates is chosen may turn on the last bit
        assert (one - other).abs().max() < 0.1
    assert about.classes == (card.names if whole.classes else ())


def test_russian_words_are_read_and_kept_when_a_model_is_embedded_again(runs, tmp_path):
    about = embed_run(runs / "cvae", tmp_path / "toy", **ABOUT)
    assert about.russian == {}
    told = json.loads((tmp_path / "toy" / "run.json").read_text("utf-8"))
    told["about"]["ru"] = {"title": "Свет и тьма", "names": ["тёмное"]}
    (tmp_path / "toy" / "run.json").write_text(json.dumps(told), encoding="utf-8")
    again = embed_run(runs / "cvae", tmp_path / "toy", **ABOUT)
    assert again.russian == {"Light and dark": "Свет и тьма", "dark": "тёмное"}
    for model in class_models().values():
        assert {model.title, *model.classes} == set(model.russian)


def test_a_model_s_own_weight_of_the_class_is_kept_and_completes_a_wish(runs, tmp_path):
    assert embed_run(runs / "cdm", tmp_path / "toy", **ABOUT).guidance == 0
    assert embed_run(runs / "cdm", tmp_path / "toy", **ABOUT, guidance=0.5).guidance == 0.5
    about = embed_run(runs / "cdm", tmp_path / "toy", **ABOUT)
    assert about.guidance == 0.5
    wish = ClassesParams(model="toy")
    assert about.completed(wish) == wish.model_copy(update={"guidance": 0.5})
    for weight in (0.0, 2.0):
        asked = ClassesParams(model="toy", guidance=weight)
        assert about.completed(asked) is asked
    # one that takes none has none, whatever its folder says
    assert embed_run(runs / "ddpm", tmp_path / "plain", **ABOUT, guidance=0.5).guidance == 0


def test_what_only_trains_is_left_out_and_the_rest_is_half_as_large(runs, tmp_path):
    about = embed_run(runs / "cgan", tmp_path / "toy", **ABOUT)
    kept, all_ = load_file(about.weights), load_file(runs / "cgan" / "last.safetensors")
    assert kept.keys() == {name for name in all_ if name.startswith("generator.")}
    assert about.size < sum(t.numel() * 2.2 for t in kept.values()) + 10_000
    chooses = embed_run(runs / "sgan", tmp_path / "chooses", **ABOUT)
    assert any(name.startswith("discriminator.") for name in load_file(chooses.weights))


def test_weights_that_lack_what_draws_are_refused(runs, tmp_path):
    from safetensors.torch import save_file

    about = embed_run(runs / "cgan", tmp_path / "toy", **ABOUT)
    tensors = load_file(about.weights)
    tensors.pop(sorted(tensors)[0])
    save_file(tensors, about.weights)
    with pytest.raises(WeightsError, match="undamaged weights of its own configuration"):
        load_model(tmp_path / "toy")


def test_the_registry_finds_by_name_and_by_folder_and_added_ones_win(runs, tmp_path):
    embed_run(runs / "cvae", tmp_path / "inside" / "toy", **ABOUT)
    models = class_models([runs / "cdm", runs / "ddpm"], tmp_path / "inside")
    assert list(models) == ["cdm", "ddpm", "toy"]
    assert models["toy"].choices == ("all", "dark", "light")
    assert models["ddpm"].choices == ("all",)
    takes = {name: model.takes for name, model in models.items()}
    assert takes == {"toy": ("truncation",), "cdm": ("guidance", "steps"), "ddpm": ("steps",)}
    assert find_class_model("cdm", models) is models["cdm"]
    assert find_class_model(runs / "cvae").architecture == "cvae"
    (tmp_path / "added").mkdir()
    replaced = embed_run(runs / "cdm", tmp_path / "added" / "toy", **ABOUT)
    assert class_models([replaced.folder], tmp_path / "inside")["toy"].architecture == "cdm"


def test_what_cannot_be_is_one_sentence(runs, tmp_path):
    with pytest.raises(ModelNotFoundError, match="`model` must be one of cvae, got nothing"):
        find_class_model("nothing", class_models([runs / "cvae"], tmp_path))
    with pytest.raises(InputError, match="`run` must be a folder made by"):
        read_class_model(tmp_path)
    (tmp_path / "run.json").write_text(json.dumps({"shape": [1, 16, 16]}))
    (tmp_path / "last.safetensors").write_bytes(b"")
    with pytest.raises(InputError, match="`run` must have a whole run"):
        read_class_model(tmp_path)
    (tmp_path / "last.safetensors").unlink()
    with pytest.raises(ModelNotFoundError, match="`run` must hold trained weights"):
        read_class_model(tmp_path)
    with pytest.raises(InputError, match="`folder` must be another place than the run"):
        embed_run(runs / "cvae", runs / "cvae", **ABOUT)


@pytest.mark.parametrize(
    ("model", "wish", "error", "sentence"),
    [
        ("cvae", {"label": "cat"}, InputError, "`label` must be one of all, dark, light, got cat"),
        ("ddpm", {"label": "dark"}, InputError, "`label` must be one of all, got dark"),
        ("cvae", {"guidance": 1}, ComposeError, "`guidance` cannot be combined with `model cvae`"),
        ("cdm", {"truncation": 1}, ComposeError, "`truncation` cannot be combined with `model cdm`"),
        ("ddpm", {"guidance": 1}, ComposeError, "`guidance` cannot be combined with `model ddpm`"),
    ],
)
def test_a_wish_is_checked_before_anything_is_loaded(runs, model, wish, error, sentence):
    about = read_class_model(runs / model)
    about.check(ClassesParams(model=model))
    with pytest.raises(error, match=sentence):
        about.check(ClassesParams(model=model, **wish))


def test_a_job_of_too_many_classes_is_refused(runs):
    from dataclasses import replace

    many = replace(read_class_model(runs / "cvae"), classes=tuple(f"c{i}" for i in range(100)))
    many.check(ClassesParams(model="cvae", n=20))
    with pytest.raises(InputError, match="`n` must be at most 20 for 100 classes, got 21"):
        many.check(ClassesParams(model="cvae", n=21))


def test_the_registry_needs_no_torch():
    code = "import sys, palitra.zoo.embedded as e; e.class_models(); print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_every_model_inside_the_package_is_small_and_has_a_card():
    models = class_models()
    if not models:
        pytest.skip("no class model is embedded yet")
    for model in models.values():
        assert model.folder.parent == EMBEDDED
        assert model.size <= 4 * 2**20
        assert model.data, f"{model.name} does not say what it was trained on"
        assert model.licence
        assert len(model.card) > 200
