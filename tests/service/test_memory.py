from types import SimpleNamespace

import pytest
import torch

from palitra.errors import OutOfMemoryError
from palitra.models.tiny import write_tiny_stable_diffusion
from palitra.models.zoo import resolve
from palitra.service.workers.memory import (
    check_fits,
    free_bytes,
    group_free,
    machine_free,
    row_bytes,
    rows_that_fit,
    weight_bytes,
)
from palitra.service.workers.models import Models, weigh
from palitra.service.workers.painter import RecipePainter
from palitra.studio import load

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def mini():
    return load("mini", "cpu")


class Device:
    """Bytes that a made-up device has free: `total` less what the models on it weigh."""

    def __init__(self, models_at, total):
        self.models_at, self.total = models_at, total

    def __call__(self, device):
        return self.total - self.models_at().total


def cache(mini, total, most=2**40):
    """A cache of studios that all are `mini` under other names, on a device of `total` bytes."""
    kept = []
    models = Models(most, "cpu", lambda name, device: mini, Device(lambda: kept[0], total))
    kept.append(models)
    return models


def test_headers_tell_what_the_weights_will_take(mini):
    assert weight_bytes(resolve("mini"), torch.float32) == pytest.approx(weigh(mini), rel=0.01)
    assert weight_bytes(resolve("mini"), torch.bfloat16) * 2 == weight_bytes(resolve("mini"), torch.float32)


def test_the_estimate_of_a_row_is_what_was_measured():
    """With the first mini 7 and 20 MB a row were seen on the CPU, as growth from one picture to eight."""
    unet = SimpleNamespace(config=SimpleNamespace(layers_per_block=1, block_out_channels=(96, 192, 288)))
    model = SimpleNamespace(
        denoiser=SimpleNamespace(unet=unet), autoencoder=None, size=64, factor=4, dtype=torch.float32
    )
    assert row_bytes(model, sketched=False) == pytest.approx(7e6, rel=0.1)
    assert row_bytes(model, sketched=True) == pytest.approx(20e6, rel=0.1)


def test_decoding_counts_where_it_takes_more_than_drawing():
    """Stable Diffusion at 512 px in float32: 0.67 GB for the U-Net, 0.81 GB for the decoder."""
    unet = SimpleNamespace(
        config=SimpleNamespace(layers_per_block=2, block_out_channels=(320, 640, 1280, 1280))
    )
    code = SimpleNamespace(
        vae=SimpleNamespace(config=SimpleNamespace(block_out_channels=(128, 256, 512, 512)))
    )
    model = SimpleNamespace(
        denoiser=SimpleNamespace(unet=unet), autoencoder=code, size=512, factor=8, dtype=torch.float32
    )
    assert row_bytes(model, sketched=False) == 3 * 512**2 * 256 * 4
    assert row_bytes(model, sketched=True) == pytest.approx(1.9e9, rel=0.02)


def test_machine_and_container_are_asked(tmp_path):
    (tmp_path / "meminfo").write_text("MemTotal: 9 kB\nMemAvailable:    2048 kB\n")
    assert machine_free(tmp_path / "meminfo") == 2 * 2**20
    assert machine_free(tmp_path / "nothing") == 2**62
    assert group_free(tmp_path) == 2**62
    (tmp_path / "memory.max").write_text("max\n")
    (tmp_path / "memory.current").write_text("700\n")
    (tmp_path / "memory.stat").write_text("anon 1\ninactive_file 200\n")
    assert group_free(tmp_path) == 2**62
    (tmp_path / "memory.max").write_text("1000\n")
    assert group_free(tmp_path) == 1000 - 700 + 200
    assert 0 < free_bytes(CPU) < 2**62


def test_a_container_of_the_first_kind(tmp_path):
    folder = tmp_path / "memory"
    folder.mkdir()
    for name, text in (("limit_in_bytes", "1000"), ("usage_in_bytes", "400")):
        (folder / f"memory.{name}").write_text(text)
    (folder / "memory.stat").write_text("total_inactive_file 50\n")
    assert group_free(tmp_path) == 650


def test_rows_are_bounded_by_eight_and_by_what_is_free():
    assert rows_that_fit(100, 10**9) == 8
    assert rows_that_fit(100, 400) == 3
    assert rows_that_fit(100, 100) == 0


def test_what_cannot_fit_is_refused_with_both_numbers():
    check_fits("`n`", 2e9, 2 * 10**9, CPU)
    with pytest.raises(
        OutOfMemoryError, match=r"^`n` 4 × `size` 512 needs 5\.1 GB, cpu has 2\.0 GB free$"
    ) as e:
        check_fits("`n` 4 × `size` 512", 5.1e9, 2 * 10**9, CPU)
    assert e.value.text("ru") == "`n` 4 × `size` 512: нужно 5.1 ГБ, на cpu свободно 2.0 ГБ"


def test_a_model_that_cannot_fit_is_not_even_read(mini):
    models = cache(mini, weigh(mini))
    models._loader = lambda *_: pytest.fail("it was read")
    with pytest.raises(OutOfMemoryError, match=r"`model` mini needs 0\.\d GB, cpu has 0\.\d GB free"):
        models.get("mini")
    with pytest.raises(OutOfMemoryError, match="`model` must fit into 1 MiB, got mini of"):
        Models(2**20, "cpu", models._loader).get("mini")


def named(monkeypatch):
    """Every name is a model of mini's files."""
    folder = resolve("mini")
    monkeypatch.setattr("palitra.service.workers.models.resolve", lambda name: folder)


def test_the_least_used_models_go_before_another_is_read(mini, monkeypatch):
    named(monkeypatch)
    models = cache(mini, int(weigh(mini) * 3.1))
    for name in ("a", "b", "a", "c"):
        models.get(name)
    assert models.names == ["a", "c"]


def test_other_models_go_before_a_batch_is_made_smaller(mini, monkeypatch):
    named(monkeypatch)
    row = row_bytes(mini.model, sketched=False)
    models = cache(mini, int(weigh(mini) * 2.3 + 10 * 1.25 * row))
    models.get("a")
    loaded = models.get("b")
    models._free = Device(lambda: models, int(weigh(mini) * 2 + 3.5 * 1.25 * row))
    assert models.rows(loaded, False, "words") == 8
    assert models.names == ["b"]
    models._free = Device(lambda: models, int(weigh(mini) + 3.5 * 1.25 * row))
    assert models.rows(loaded, False, "words") == 3
    models._free = Device(lambda: models, int(weigh(mini) + row))
    with pytest.raises(OutOfMemoryError, match=r"`n` 1 × `size` 64 of mini needs 0\.0 GB, cpu has 0\.0 GB"):
        models.rows(loaded, False, "words")


def test_measured_rows_replace_the_estimate(mini):
    models = cache(mini, 10**9)
    loaded = models.get("mini")
    loaded.measured["words"] = 10**8
    assert models.rows(loaded, False, "words") == int((10**9 - weigh(mini)) / 1.25e8)


class Silent:
    """Hears a painter and keeps the seeds it drew."""

    def __init__(self):
        self.seeds = []

    def picture(self, place, picture):
        self.seeds.append(picture.seed)

    def progress(self, place, done, total):
        pass

    def wants_preview(self, place):
        return False

    def dropped(self):
        return set()


def job(n=3):
    params = {"recipe": "text_to_image", "prompt": "a cat", "model": "mini", "n": n, "seed": 4, "steps": 2}
    return SimpleNamespace(params=params, inputs={}, total=2 * n, cost_key="c")


def test_a_smaller_batch_draws_all_pictures(mini):
    models = cache(mini, weigh(mini) * 2)
    loaded = models.get("mini")
    loaded.measured["words"] = int(weigh(mini) / 1.25 / 2.5)  # two rows fit
    told = Silent()
    RecipePainter(models, None).paint([job()], told)
    assert sorted(told.seeds) == [4, 5, 6]


def test_out_of_memory_is_tried_once_more_alone_then_told(mini, monkeypatch):
    painter, calls = RecipePainter(cache(mini, 10**12), None), []

    def full(model, wishes, listener, edges, rows):
        calls.append((len(wishes), rows))
        raise OutOfMemoryError("the device ran out of memory")

    monkeypatch.setattr("palitra.service.workers.painter.draw_together", full)
    with pytest.raises(OutOfMemoryError):
        painter.paint([job(), job()], Silent())
    assert calls == [(2, 8)]
    with pytest.raises(OutOfMemoryError):
        painter.paint([job()], Silent())
    assert calls[1:] == [(1, 8), (1, 1)]


def test_a_stable_diffusion_is_weighed_with_its_autoencoder(tmp_path):
    studio = load(str(write_tiny_stable_diffusion(tmp_path / "model")), "cpu")
    assert weigh(studio) == pytest.approx(weight_bytes(tmp_path / "model", torch.float32), rel=0.01)
