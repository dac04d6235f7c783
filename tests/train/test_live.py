from dataclasses import replace

import pytest
import torch

from palitra.errors import InputError
from palitra.models.diffusers_unet import DiffusersUNet
from palitra.models.eye_network import EyeNetwork, EyeShape
from palitra.models.live_files import save_live
from palitra.models.sketch_adapter import SketchAdapter
from palitra.models.sketch_adapter_files import adapter_config
from palitra.train.consistency import pseudo_huber
from palitra.train.live import LiveTrainer, train_live
from palitra.train.live_config import LiveTraining
from tests.models.tiny_unet import tiny_unet
from tests.train.tiny_drawings import made_pack, tiny_v_model

TINY = LiveTraining(
    samples=12, batch=3, rank=2, bf16=False, save_every=2, warmup=0, steps=2, solver_steps=10, human_share=0.5
)


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    return tiny_v_model(tmp_path_factory.mktemp("v"))


def eye():
    torch.manual_seed(2)
    return EyeNetwork(EyeShape(size=32, widths=(4, 4, 8, 8, 8), text_width=8, breeds=("a",))).eval()


def trainer(base, begin_with=None, **changes):
    """A fresh network of two levels behind the tiny model's text tower and code."""
    unet = tiny_unet(cross_attention_dim=32, down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"))
    model = replace(base, denoiser=DiffusersUNet(unet, "v_prediction", base.schedule))
    torch.manual_seed(1)
    adapter = SketchAdapter(adapter_config(model))
    for output in adapter.outputs:
        torch.nn.init.normal_(output.weight, std=0.1)
    config = replace(TINY, **changes)
    return LiveTrainer(model, made_pack(), config, adapter.requires_grad_(False), eye(), begin_with)


def test_the_student_begins_as_its_teacher(base):
    made = trainer(base, guidance=1.0)
    batch = made.pictures.batch(0, 0, 3, 0.5, 0.0, 1.25)
    told = made.told(batch)
    x, t = torch.randn(3, 4, 8, 8), torch.tensor([999, 500, 20])
    with torch.no_grad():
        # a guidance scale of 1 is the branch with the words; batches of 6 and 3 sum in another order
        assert torch.allclose(made.student_x0(x, t, told), made.teacher(x, t, told)[0], atol=1e-4)


def test_the_teacher_is_guided_and_steps_as_ddim(base):
    made = trainer(base, guidance=3.0)
    told = made.told(made.pictures.batch(0, 0, 3, 0.0, 0.0, 1.25))
    x, t = torch.randn(3, 4, 8, 8), torch.tensor([700, 700, 700])
    clean, noise = made.teacher(x, t, told)
    # both members still explain the same x_t
    assert torch.allclose(made.mixed(clean, t, noise), x, atol=1e-4)
    assert torch.allclose(made.mixed(clean, torch.full((3,), -1), noise), clean)


def test_a_drawing_is_told_to_its_share_of_samples(base):
    made = trainer(base, drawn_share=0.0)
    batch = made.pictures.batch(0, 0, 3, 0.5, 0.0, 1.25)
    x, t = torch.randn(3, 4, 8, 8), torch.tensor([999, 500, 20])
    with torch.no_grad():
        without = made.student_x0(x, t, made.told(batch))
        made.adapter = None
        assert torch.allclose(made.student_x0(x, t, made.told(batch)), without, atol=1e-6)


def test_the_last_step_learns_the_teachers_clean_latent(base):
    """At the clean end the target is the teacher's latent itself, whatever the average says."""
    made = trainer(base)
    made.method.times = torch.tensor([100, -1])
    batch = made.pictures.batch(0, 0, 3, 0.5, 0.0, 1.25)
    loss = made.method.loss(made, batch)
    g = made.pictures.batch(0, 0, 3, 0.5, 0.0, 1.25).generator
    torch.randint(1, (3,), generator=g)
    t = torch.full((3,), 100)
    x = made.mixed(batch.latents, t, torch.randn(batch.latents.shape, generator=g))
    drawn = torch.rand(3, generator=g) < 0.5
    told = made.told(batch)
    told = type(told)(told.text, told.papers, drawn)
    with torch.no_grad():
        wanted = pseudo_huber(made.student_x0(x, t, told), made.teacher(x, t, told)[0]).mean()
    assert torch.allclose(loss, wanted, rtol=1e-4)


def test_the_distance_is_a_deviation_far_away_and_smooth_near():
    a = torch.zeros(2, 4, 8, 8)
    b = torch.stack([torch.full((4, 8, 8), 2.0), torch.zeros(4, 8, 8)])
    assert torch.allclose(pseudo_huber(a, b), torch.tensor([2.0, 0.0]), atol=1e-3)


@pytest.mark.parametrize("method", ["consistency", "adversarial"])
def test_four_steps_are_two_a_stop_and_two_more_bit_for_bit(base, tmp_path, method):
    whole = train_live(trainer(base, method=method), tmp_path / "whole")
    assert any((tmp_path / "whole" / "sheets").iterdir())
    stopped = trainer(base, method=method)
    make_step = stopped.step

    class Stop(Exception):
        pass

    def stop_after_2(index):
        if index == 2:
            raise Stop
        return make_step(index)

    stopped.step = stop_after_2
    with pytest.raises(Stop):
        train_live(stopped, tmp_path / "parts")
    resumed = train_live(trainer(base, method=method), tmp_path / "parts")
    for name, value in whole.lows.tensors().items():
        assert torch.equal(resumed.lows.tensors()[name], value)
    assert any(v.any() for k, v in whole.lows.tensors().items() if k.endswith(".up"))


def test_each_player_learns_from_its_own_loss(base):
    made = trainer(base, method="adversarial")
    made.method.backward(made, made.pictures.batch(0, 0, 3, 0.5, 0.0, 1.25))
    assert all(p.grad is not None and p.grad.isfinite().all() for p in made.method.critic.parameters())
    ups = [p.grad for n, p in made.lows.differences.named_parameters() if n.endswith("up")]
    assert any(g is not None and g.abs().max() > 0 for g in ups)
    assert all(p.grad is None for p in made.method.eye.parameters())


def test_a_student_goes_on_from_another(base, tmp_path):
    first = trainer(base)
    first.step(0)
    save_live(tmp_path, first.lows.tensors(), [999, -1], first.model.fingerprint, "consistency")
    second = trainer(base, begin_with=tmp_path, method="adversarial")
    for name, value in first.lows.tensors().items():
        assert torch.equal(second.lows.tensors()[name], value.bfloat16().float())


def test_settings_and_models_that_do_not_fit_are_refused(studio):
    with pytest.raises(InputError, match="`method` must be consistency or adversarial, got magic"):
        LiveTraining(method="magic")
    with pytest.raises(InputError, match="must predict v or a flow to be distilled, got epsilon"):
        LiveTrainer(studio.model, made_pack(), TINY)


def test_missed_lines_cost_the_student_and_only_where_it_sees_the_drawing(base):
    plain, priced = trainer(base), trainer(base, line_reward=2.0)
    batch = [t.pictures.batch(0, 0, 3, 0.5, 0.0, 1.25) for t in (plain, priced)]
    losses = [t.method.loss(t, b) for t, b in zip((plain, priced), batch, strict=True)]
    assert float(losses[1].detach()) > float(losses[0].detach())
    told = priced.told(batch[1])
    blind = type(told)(told.text, told.papers, torch.zeros(3, dtype=torch.bool))
    assert float(priced.lines(torch.randn(3, 4, 8, 8), blind)) == 0
