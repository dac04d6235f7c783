"""The registry of metric weights, pulling by recorded hash, converting what is handed out pickled."""

import hashlib
from dataclasses import replace

import pytest
import torch
from safetensors.torch import save_file

from palitra.errors import InputError, ModelNotFoundError, WeightsError
from palitra.models import metric_weights_files
from palitra.models.arcface import ArcFace
from palitra.models.hub import HubFile, Repository
from palitra.models.metric_weights import METRIC_WEIGHTS, OnHub, find_metric_weights
from palitra.models.metric_weights_files import (
    convert_weights,
    located,
    place_of,
    pull_metric_weights,
    show_metric_weights,
)


@pytest.fixture(autouse=True)
def home(monkeypatch, tmp_path):
    monkeypatch.setenv("PALITRA_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


class LocalHub:
    """A hub whose only file holds the given bytes."""

    def __init__(self, content, names=("model.safetensors",), sha256=None):
        self.content, self.names, self.sha256 = content, names, sha256

    def look(self, hub_id, revision):
        files = (HubFile(n, len(self.content), self.sha256) for n in self.names)
        return Repository(hub_id, revision or "0" * 40, tuple(files))

    def fetch(self, repository, names, folder):
        for name in names:
            (folder / name).write_bytes(self.content)


def test_hashes_and_revisions_are_whole():
    for weights in METRIC_WEIGHTS:
        files = weights.hub.files if weights.hub else ()
        for file in (*weights.pickled, *files):
            assert file.sha256 is None or len(bytes.fromhex(file.sha256)) == 32
            # torch.hub puts the first eight digits of the hash into the name
            if file.sha256 and "-" in file.name and file.name.endswith(".pth"):
                assert file.sha256[:8] in file.name
        assert weights.hub is None or weights.hub.revision is None or len(weights.hub.revision) == 40
        # a folder that no published commit is known for is put into its place by hand
        assert weights.hub is not None or weights.pickled or weights.folder
        assert weights.name in show_metric_weights(weights)


def of_bytes(content, monkeypatch):
    """FaceNet's entry with the hash of these bytes."""
    digest = hashlib.sha256(content).hexdigest()
    held = find_metric_weights("facenet")
    changed = replace(held, hub=OnHub("a/b", (HubFile("model.safetensors", len(content), digest),), "1" * 40))
    monkeypatch.setattr(metric_weights_files, "find_metric_weights", lambda name: changed)


def test_pull_checks_the_recorded_hash(monkeypatch, tmp_path, home):
    save_file({"w": torch.ones(2)}, tmp_path / "w.safetensors")
    content = (tmp_path / "w.safetensors").read_bytes()
    with pytest.raises(WeightsError, match="did not arrive whole"):
        pull_metric_weights("facenet", LocalHub(content))
    assert not place_of(find_metric_weights("facenet")).exists()
    of_bytes(content, monkeypatch)
    path = pull_metric_weights("facenet", LocalHub(content, sha256="of another file"))
    assert path == home / "models" / "facenet" / "facenet.safetensors"
    assert path.read_bytes() == content
    assert located("facenet") == path


def test_pull_without_network_or_file_says_what_to_do():
    class NoHub:
        def look(self, hub_id, revision):
            raise ConnectionError("no route")

    with pytest.raises(
        ModelNotFoundError, match="cannot be reached for py-feat/facenet: run `palitra models"
    ):
        pull_metric_weights("facenet", NoHub())
    with pytest.raises(
        WeightsError, match=r"`model` must have model\.safetensors, and py-feat/facenet has not"
    ):
        pull_metric_weights("facenet", LocalHub(b"", names=()))
    with pytest.raises(
        ModelNotFoundError,
        match=r"lpips-alex is on no hub .* convert alexnet-owt-7be5be79\.pth alex\.pth --as lpips-alex",
    ):
        pull_metric_weights("lpips-alex", LocalHub(b""))


def test_folders_come_whole(home):
    save_file({"w": torch.ones(2)}, home.parent / "w.safetensors")
    content = (home.parent / "w.safetensors").read_bytes()
    names = tuple(f.name for f in find_metric_weights("dinov2").hub.files)
    path = pull_metric_weights("dinov2", LocalHub(content, names))
    assert sorted(p.name for p in path.iterdir()) == sorted(names)
    assert located("dinov2") == path
    (path / "preprocessor_config.json").unlink()
    with pytest.raises(ModelNotFoundError, match="`extractor` dinov2 is not on this machine"):
        located("dinov2")


@pytest.mark.parametrize("zipped", [True, False])
def test_converted_weights_load(zipped, tmp_path):
    from palitra.metrics.extractors import load_extractor

    torch.manual_seed(0)
    network = ArcFace((1, 1, 1, 1)).eval()
    torch.save(network.state_dict(), tmp_path / "backbone.pth", _use_new_zipfile_serialization=zipped)
    made = convert_weights([tmp_path / "backbone.pth"], "arcface")
    extractor = load_extractor("arcface")
    assert extractor.weights == made.sha256
    faces = 255 * torch.rand(2, 3, 112, 112)
    with torch.no_grad():
        assert torch.allclose(extractor(faces).features, network(faces), atol=1e-5)


def test_two_files_become_one_and_strangers_are_named(tmp_path):
    torch.save({"features.0.weight": torch.ones(1), "classifier.1.bias": torch.ones(1)}, tmp_path / "a.pth")
    torch.save({"lin0.model.1.weight": torch.ones(1)}, tmp_path / "b.pth")
    made = convert_weights([tmp_path / "a.pth", tmp_path / "b.pth"], "lpips-alex")
    from palitra.models.weights import read_weights

    assert sorted(read_weights(made.path).infos) == ["features.0.weight", "lin0.model.1.weight"]
    assert [n.split(" is ")[1].split(":")[0] for n in made.notes] == ["not the published file"] * 2
    with pytest.raises(InputError, match=r"`file` must be 2 for lpips-alex \(alexnet"):
        convert_weights([tmp_path / "a.pth"], "lpips-alex")
    with pytest.raises(InputError, match=r"`as` must be one of inception, vgg16, .*, got dinov2"):
        convert_weights([tmp_path / "a.pth"], "dinov2")
