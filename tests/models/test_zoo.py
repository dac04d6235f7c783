import hashlib
import shutil
from pathlib import Path

import pytest

from palitra.errors import DiskError, ModelNotFoundError, WeightsError
from palitra.models import zoo
from palitra.models.hub import HubFile, HuggingFaceHub, Repository, choose_files, download
from palitra.models.text_to_image import load_folder


@pytest.fixture(autouse=True)
def no_caches(monkeypatch, tmp_path):
    monkeypatch.setenv("PALITRA_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))


class LocalHub:
    """A hub that serves a folder; `change` spoils what arrives."""

    def __init__(self, folder, change=lambda name, content: content):
        self.folder, self.change, self.fetched = folder, change, []

    def look(self, hub_id, revision):
        files = []
        for path in sorted(p for p in self.folder.rglob("*") if p.is_file()):
            content = path.read_bytes()
            sha = hashlib.sha256(content).hexdigest() if path.suffix == ".safetensors" else None
            files.append(HubFile(path.relative_to(self.folder).as_posix(), len(content), sha))
        return Repository(hub_id, revision or "newest", tuple(files))

    def fetch(self, repository, names, folder):
        for name in names:
            self.fetched.append(name)
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(self.change(name, (self.folder / name).read_bytes()))


class NoHub:
    def __init__(self, error):
        self.error = error

    def look(self, hub_id, revision):
        raise self.error

    def fetch(self, repository, names, folder):
        raise AssertionError


def test_names_folders_and_hub_ids_are_resolved(tiny_folders, tmp_path):
    assert zoo.resolve(tiny_folders[0]) == tiny_folders[0]
    assert zoo.resolve(str(tiny_folders[0])) == tiny_folders[0]
    for name, place in (("sd15", "sd15"), ("owner/model", "owner--model")):
        shutil.copytree(tiny_folders[0], tmp_path / "home" / "models" / place)
        assert zoo.resolve(name) == tmp_path / "home" / "models" / place
    assert zoo.resolve("stable-diffusion-v1-5/stable-diffusion-v1-5") == tmp_path / "home" / "models" / "sd15"


def test_root_can_be_named(tiny_folders, tmp_path):
    shutil.copytree(tiny_folders[0], tmp_path / "other" / "models" / "sd15")
    assert zoo.resolve("sd15", tmp_path / "other") == tmp_path / "other" / "models" / "sd15"


def test_cache_of_other_tools_is_used(tiny_folders, tmp_path):
    place = tmp_path / "hub" / "models--owner--model" / "snapshots" / "abc"
    shutil.copytree(tiny_folders[0], place)
    assert zoo.resolve("owner/model") == place


def test_home_is_a_setting(monkeypatch, tmp_path):
    assert zoo.home() == tmp_path / "home"
    monkeypatch.delenv("PALITRA_HOME")
    assert zoo.home() == Path.home() / ".cache" / "palitra"


def test_unknown_name_gets_the_nearest():
    with pytest.raises(ModelNotFoundError, match=r"got sd51: did you mean .*sd15"):
        zoo.resolve("sd51")
    with pytest.raises(ModelNotFoundError, match="known are mini, sd14, sd15"):
        zoo.resolve("/nowhere/at/all")


def test_single_file_is_told_apart(tmp_path):
    (tmp_path / "model.safetensors").write_bytes(b"")
    with pytest.raises(ModelNotFoundError, match="must be a folder in the diffusers layout"):
        zoo.resolve(tmp_path / "model.safetensors")


@pytest.mark.parametrize("name", ["sd15", "owner/model"])
def test_absent_model_says_which_files_go_where(name, tmp_path):
    with pytest.raises(ModelNotFoundError) as error:
        zoo.resolve(name)
    text = str(error.value)
    assert f"palitra models pull {name}" in text
    assert str(tmp_path / "home" / "models") in text
    assert "https://huggingface.co/" in text
    assert all(file in text for file in zoo.NEEDED_FILES)
    assert "\n" not in text


@pytest.mark.parametrize("name", ["../x", "a/../b", "owner/..", "a/b/c", "", "a b"])
def test_names_cannot_leave_the_home(name):
    with pytest.raises(ModelNotFoundError):
        zoo.resolve(name)


def test_download_cut_in_the_middle_is_not_taken_for_a_model(tiny_folders, tmp_path):
    place = tmp_path / "home" / "models" / "sd15"
    shutil.copytree(tiny_folders[0], place)
    (place / "vae" / "diffusion_pytorch_model.safetensors").unlink()
    with pytest.raises(ModelNotFoundError, match="palitra models pull sd15"):
        zoo.resolve("sd15")


def test_known_models_are_described(tiny_folders, tmp_path):
    before = {m.name: m for m in zoo.describe_models()}
    assert next(iter(before)) == "mini"
    assert not before["sd15"].present
    assert before["sd21"].size_px == 768
    shutil.copytree(tiny_folders[0], tmp_path / "home" / "models" / "sd15")
    assert zoo.describe("sd15").present
    shown = zoo.show_model("sd15")
    assert "CreativeML OpenRAIL-M" in shown
    assert "451f4fe16113bff5a5d2269ed5ad43b0592e9a14" in shown
    with pytest.raises(ModelNotFoundError, match="did you mean"):
        zoo.show_model("sd16")


def test_known_revisions_are_whole_commits():
    for model in zoo.KNOWN:
        if model.hub_id:
            assert len(model.revision) == 40
            assert int(model.revision, 16) >= 0


def test_pulled_model_loads(tiny_folders, tmp_path):
    hub = LocalHub(tiny_folders[0])
    folder = download(hub, "owner/model", None, tmp_path / "m", "by hand")
    assert load_folder(folder).fingerprint == load_folder(tiny_folders[0]).fingerprint
    assert set(zoo.NEEDED_FILES) <= set(hub.fetched)


def test_pull_leaves_pickles_and_code_behind_and_prefers_half_precision(tiny_folders, tmp_path):
    source = shutil.copytree(tiny_folders[0], tmp_path / "source")
    unwanted = (
        "unet/diffusion_pytorch_model.bin",
        "unet/diffusion_pytorch_model.non_ema.safetensors",
        "safety_checker/model.safetensors",
        "tokenizer/tokenizer.py",
        "model.ckpt",
        "pipeline.py",
    )
    for name in unwanted:
        (source / name).parent.mkdir(exist_ok=True)
        (source / name).write_bytes(b"x")
    plain = source / "unet" / "diffusion_pytorch_model.safetensors"
    shutil.copy(plain, source / "unet" / "diffusion_pytorch_model.fp16.safetensors")
    chosen = choose_files(LocalHub(source).look("owner/model", None))
    assert "unet/diffusion_pytorch_model.fp16.safetensors" in chosen
    assert all(name.endswith((".json", ".txt", ".safetensors")) for name in chosen)
    assert [n for n in chosen if n.startswith("unet/")] == [
        "unet/config.json",
        "unet/diffusion_pytorch_model.fp16.safetensors",
    ]
    assert not any(n.startswith("safety_checker") for n in chosen)


def test_shards_are_fetched_with_their_index(tmp_path):
    names = [
        "unet/config.json",
        "unet/diffusion_pytorch_model.safetensors.index.json",
        "unet/diffusion_pytorch_model-00001-of-00002.safetensors",
        "unet/diffusion_pytorch_model-00002-of-00002.safetensors",
        "vae/config.json",
        "vae/diffusion_pytorch_model.safetensors",
        "text_encoder/config.json",
        "text_encoder/model.safetensors",
    ]
    repository = Repository("o/m", "c", tuple(HubFile(n, 1) for n in names))
    assert choose_files(repository) == sorted(names)


def test_repository_of_pickles_is_refused(tmp_path):
    files = tuple(HubFile(n, 1) for n in ("unet/config.json", "unet/diffusion_pytorch_model.bin"))
    with pytest.raises(WeightsError, match=r"must have unet/diffusion_pytorch_model.safetensors"):
        choose_files(Repository("o/m", "c", files))


def spoil(name, content):
    return content[:-4] + b"oops" if name.endswith("unet/diffusion_pytorch_model.safetensors") else content


def shorten(name, content):
    return content[:-4] if name.startswith("vae/diff") else content


@pytest.mark.parametrize("change", [spoil, shorten])
def test_damaged_download_is_refused_and_removed(tiny_folders, tmp_path, change):
    with pytest.raises(WeightsError, match="did not arrive whole: pull again"):
        download(LocalHub(tiny_folders[0], change), "o/m", None, tmp_path / "m", "by hand")
    assert not zoo.is_present(tmp_path / "m")


@pytest.mark.parametrize("error", [ConnectionError("no route"), OSError("proxy"), TimeoutError("late")])
def test_without_network_the_files_are_named(tmp_path, error):
    with pytest.raises(
        ModelNotFoundError, match=r"the hub cannot be reached for o/m: put the files a, b into c"
    ):
        download(NoHub(error), "o/m", None, tmp_path / "m", "put the files a, b into c")


def test_full_disk_is_told_apart(tmp_path):
    with pytest.raises(DiskError, match="cannot be written"):
        download(NoHub(OSError(28, "No space left on device")), "o/m", None, tmp_path / "m", "by hand")


def test_real_hub_faults_are_ours(monkeypatch):
    import huggingface_hub
    from huggingface_hub.errors import OfflineModeIsEnabled

    def offline(*_args, **_kwargs):
        raise OfflineModeIsEnabled("offline")

    monkeypatch.setattr(huggingface_hub.HfApi, "model_info", offline)
    with pytest.raises(OSError, match="offline"):
        HuggingFaceHub().look("o/m", None)


def test_pull_without_network_says_what_to_put_where(monkeypatch, tmp_path):
    def refuse(_self, _hub_id, _revision):
        raise ConnectionError("no route")

    monkeypatch.setattr(HuggingFaceHub, "look", refuse)
    with pytest.raises(ModelNotFoundError) as error:
        zoo.pull("sd15")
    assert str(tmp_path / "home" / "models" / "sd15") in str(error.value)
    assert "unet/diffusion_pytorch_model.safetensors" in str(error.value)
    with pytest.raises(ModelNotFoundError, match="did you mean"):
        zoo.pull("sd16")
