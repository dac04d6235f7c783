from dataclasses import replace

import pytest
import torch

from palitra.models.eye import Eye
from palitra.models.eye_network import EyeNetwork, EyeShape
from palitra.train.mini import MiniTrainer, draw_batch, train_mini
from palitra.train.mini_alignment import FILE, AlignmentHead, load_targets, make_targets, misalignment
from palitra.train.mini_export import export_mini
from palitra.train.mini_prepare import prepare_mini
from tests.train.tiny_mini import TINY, captioned_set

CPU = torch.device("cpu")
ALIGNED = replace(TINY, align=0.5)


@pytest.fixture(scope="module")
def eye():
    torch.manual_seed(1)
    # five stages and more last channels than are kept, as the embedded one has
    shape = EyeShape(size=64, widths=(4, 4, 8, 8, 144), breeds=("pug",))
    return Eye(EyeNetwork(shape).eval().requires_grad_(False), None, None)


@pytest.fixture(scope="module")
def prepared(tmp_path_factory, eye):
    folder = tmp_path_factory.mktemp("aligned")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("palitra.train.mini_prepare.read_captioned", lambda *_: captioned_set())
        patch.setattr("palitra.train.mini_alignment.load_eye", lambda: eye)
        prepare_mini(folder, ALIGNED, folder)
    return prepare_mini(folder, ALIGNED, folder / "no images here")


def test_directions_that_point_alike_cost_nothing_and_opposite_ones_2():
    x = torch.randn(3, 5, 2, 2)
    assert torch.allclose(misalignment(x, 4 * x), torch.zeros(3), atol=1e-6)
    assert torch.allclose(misalignment(x, -x), torch.full((3,), 2.0), atol=1e-6)


def test_finer_targets_are_averaged_to_the_places():
    x = torch.randn(2, 5, 2, 2)
    fine = x.repeat_interleave(2, 2).repeat_interleave(2, 3)
    assert torch.allclose(misalignment(x, fine), torch.zeros(2), atol=1e-6)


def test_kept_targets_have_the_cosines_of_what_eye_sees(eye, tmp_path):
    images = captioned_set(size=64).images[:4]
    make_targets(tmp_path / FILE, images, eye)
    targets = load_targets(tmp_path / FILE)
    assert targets.shape == (4, 2, 128, 4, 4)
    assert targets.dtype == torch.float16
    with torch.no_grad():
        for side, x in enumerate((images, images.flip(-1))):
            seen = eye.network.activations(x.float())[-1].flatten(2).transpose(1, 2).flatten(0, 1)
            kept = targets[:, side].float().flatten(2).transpose(1, 2).flatten(0, 1)
            both = [torch.nn.functional.normalize(v, dim=1) for v in (seen, kept)]
            # 4 pictures have fewer than 128 directions: only half precision is lost
            assert torch.allclose(both[0] @ both[0].T, both[1] @ both[1].T, atol=5e-3)


def test_the_pull_is_added_with_its_weight(prepared, tmp_path):
    made = MiniTrainer(prepared, ALIGNED, tmp_path, CPU)
    plain = MiniTrainer(prepared, TINY, tmp_path, CPU)
    batch = draw_batch(prepared, ALIGNED, 0)
    assert batch.targets.shape == (4, 128, 4, 4)
    seen = []
    made.unet.mid_block.register_forward_hook(lambda _m, _i, output: seen.append(output))
    with torch.no_grad():
        whole, alone = float(made.loss(batch)), float(plain.loss(batch))
        apart = float(misalignment(made.head(seen[0]), batch.targets).mean())
    assert whole == pytest.approx(alone + 0.5 * apart, rel=1e-5)
    assert made.middle == []


def test_the_features_turn_and_the_head_stays_at_home(prepared, tmp_path):
    config = replace(ALIGNED, samples=4000, batch=8, learning_rate=3e-3, align=1.0)
    made = MiniTrainer(prepared, config, tmp_path, CPU)
    plain = MiniTrainer(prepared, TINY, tmp_path, CPU)
    assert len(made.ema.averages) == len(plain.ema.averages) == len(made.parameters)
    batch = draw_batch(prepared, config, 999)

    def apart():
        with torch.no_grad():
            made.loss(batch)
            seen = []
            handle = made.unet.mid_block.register_forward_hook(lambda _m, _i, output: seen.append(output))
            made.loss(batch)
            handle.remove()
            return float(misalignment(made.head(seen[0]), batch.targets).mean())

    before = apart()
    for index in range(12):
        made.step(index)
    assert apart() < before - 0.1
    export_mini(made, tmp_path / "model")
    assert not [p for p in (tmp_path / "model").rglob("*") if "head" in p.name or "align" in p.name]


def test_an_aligned_run_goes_on_bit_for_bit(prepared, tmp_path, monkeypatch):
    monkeypatch.setattr("palitra.train.mini_sheet.write_sheet", lambda *_: None)
    config = replace(ALIGNED, samples=16, save_every=2)
    whole = train_mini(prepared, config, tmp_path / "whole", CPU)
    half = MiniTrainer(prepared, config, tmp_path / "parts", CPU)
    from palitra.train.checkpoint import save_checkpoint

    for index in range(2):
        half.step(index)
    save_checkpoint(tmp_path / "parts", 2, half.modules, half.optimizer, half.ema)
    resumed = train_mini(prepared, config, tmp_path / "parts", CPU)
    assert all(torch.equal(a, b) for a, b in zip(whole.learned, resumed.learned, strict=True))


def test_the_head_keeps_places():
    assert AlignmentHead(6)(torch.zeros(2, 6, 4, 3)).shape == (2, 128, 4, 3)
