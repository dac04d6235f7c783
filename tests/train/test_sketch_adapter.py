import pytest
import torch

from palitra.train.checkpoint import FILE
from palitra.train.drawing_batch import DrawnPictures
from palitra.train.live_config import SketchAdapterTraining, learning_rate_factor
from palitra.train.sketch_adapter import SketchAdapterTrainer, cubic_times, train_sketch_adapter
from tests.train.tiny_drawings import made_pack, tiny_v_model

TINY = SketchAdapterTraining(samples=16, batch=4, bf16=False, save_every=2, warmup=0, human_share=0.5)


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return tiny_v_model(tmp_path_factory.mktemp("v"))


@pytest.fixture(scope="module")
def pack():
    return made_pack()


def test_times_are_cubic():
    t = cubic_times(20_000, 1000, torch.Generator().manual_seed(0)).float()
    # P(t < 1000 (1 - u^3)) is known: the median is at u = 1/2; four standard errors of 20,000 draws
    assert abs(float((t >= 875).float().mean()) - 0.5) < 4 * 0.5 / 20_000**0.5
    assert int(t.max()) == 999


def test_the_first_loss_is_the_models_own(model, pack):
    trainer = SketchAdapterTrainer(model, pack, TINY)
    batch = trainer.pictures.batch(0, 0, 4, 0.5, 0.0, 1.25)
    loss = trainer.loss(batch)
    again = trainer.pictures.batch(0, 0, 4, 0.5, 0.0, 1.25)
    times = cubic_times(4, 1000, again.generator)
    noise = torch.randn(again.latents.shape, generator=again.generator)
    abar = model.schedule.abar.float()[times].view(-1, 1, 1, 1)
    x = abar.sqrt() * again.latents + (1 - abar).sqrt() * noise
    with torch.no_grad():
        out = model.denoiser.unet(x, times, trainer.pictures.text(again.texts)).sample
    wanted = (out - (abar.sqrt() * noise - (1 - abar).sqrt() * again.latents)).square().mean()
    assert torch.allclose(loss, wanted, rtol=1e-4)


def test_a_batch_holds_its_share_of_human_sketches_and_repeats(model, pack):
    pictures = DrawnPictures.of(model, pack)
    one, two = (pictures.batch(3, 7, 8, 0.25, 0.5, 1.25) for _ in range(2))
    assert torch.equal(one.latents, two.latents)
    assert torch.equal(one.papers, two.papers)
    human = {tuple(v.flatten()[:3].tolist()) for v in pack.latents[-2:].flatten(0, 1).float()}
    assert sum(tuple(v.flatten()[:3].tolist()) in human for v in one.latents) == 2
    assert (one.texts == 0).any()


def test_four_steps_are_two_a_stop_and_two_more_bit_for_bit(model, pack, tmp_path):
    whole = train_sketch_adapter(model, pack, TINY, tmp_path / "whole")
    make_step = SketchAdapterTrainer.step

    class Stop(Exception):
        pass

    def stop_after_2(self, index):
        if index == 2:
            raise Stop
        return make_step(self, index)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(SketchAdapterTrainer, "step", stop_after_2)
        with pytest.raises(Stop):
            train_sketch_adapter(model, pack, TINY, tmp_path / "parts")
    assert (tmp_path / "parts" / FILE).is_file()
    resumed = train_sketch_adapter(model, pack, TINY, tmp_path / "parts")
    for name, value in whole.state_dict().items():
        assert torch.equal(resumed.state_dict()[name], value)
    assert any(o.weight.any() for o in whole.outputs)


def test_it_learns_what_the_drawing_says(model):
    pack = made_pack(2)
    # one drawing is full of lines and one bare; their latents are opposite
    lines = pack.lines.clone()
    lines[0], lines[1] = 255, 0
    latents = torch.ones(2, 2, 4, 8, 8).bfloat16()
    latents[1] = -1
    changed = {"lines": lines, "latents": latents, "human": torch.zeros(2, dtype=torch.bool)}
    trainer = SketchAdapterTrainer(
        model,
        type(pack)(**{**vars(pack), **changed}),
        SketchAdapterTraining(samples=96, batch=8, warmup=0, bf16=False, learning_rate=1e-2),
    )
    losses = [trainer.step(i) for i in range(12)]
    assert sum(losses[-3:]) < 0.9 * sum(losses[:3])


def test_the_rate_warms_up_and_ends_at_zero():
    rates = [learning_rate_factor(i, 100, 10, 0.6) for i in range(101)]
    assert rates[0] == pytest.approx(0.1)
    assert rates[30] == 1
    assert rates[80] == pytest.approx(0.5)
    assert rates[100] == 0
