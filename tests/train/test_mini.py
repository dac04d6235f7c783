from dataclasses import replace

import pytest
import torch

from palitra.errors import InputError
from palitra.models.text_to_image import load_folder
from palitra.train.checkpoint import FILE
from palitra.train.mini import MiniTrainer, draw_batch, learning_rate, mini_schedule, train_mini
from palitra.train.mini_export import export_mini
from palitra.train.mini_objective import draw_times, loss_weight
from palitra.train.mini_prepare import prepare_mini
from tests.train.tiny_mini import TINY, captioned_set

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    folder = tmp_path_factory.mktemp("prepared")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("palitra.train.mini_prepare.read_captioned", lambda *_: captioned_set())
        return prepare_mini(folder, TINY, folder)


def state(trainer):
    moments = sorted(trainer.optimizer.state_dict()["state"].items())
    moments = [value for _, state in moments for _, value in sorted(state.items())]
    return [*trainer.parameters, *trainer.ema.averages, *moments]


def test_six_steps_are_three_a_stop_and_three_more_bit_for_bit(prepared, tmp_path, monkeypatch):
    sheets = []
    monkeypatch.setattr(
        "palitra.train.mini_sheet.write_sheet", lambda _, path, size: sheets.append(path.name)
    )
    whole = train_mini(prepared, TINY, tmp_path / "whole", CPU)
    stopped = MiniTrainer(prepared, TINY, tmp_path / "parts", CPU)
    before = [p.detach().clone() for p in stopped.parameters]

    class Stop(Exception):
        pass

    def stop_after_3(self, index):
        if index == 3:
            raise Stop
        return make_step(self, index)

    make_step = MiniTrainer.step
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(MiniTrainer, "step", stop_after_3)
        with pytest.raises(Stop):
            train_mini(prepared, TINY, tmp_path / "parts", CPU)
    resumed = train_mini(prepared, TINY, tmp_path / "parts", CPU)
    assert all(torch.equal(a, b) for a, b in zip(state(whole), state(resumed), strict=True))
    assert not all(torch.equal(a, b) for a, b in zip(before, whole.parameters, strict=True))
    assert (tmp_path / "parts" / FILE).exists()
    assert sheets == ["0000006.png"] * 2


def test_one_picture_is_learned_in_a_few_steps(prepared, tmp_path):
    alone = torch.zeros_like(prepared.weights)
    alone[0] = 1
    one = replace(prepared, weights=alone)
    config = replace(TINY, learning_rate=3e-3, samples=4000, batch=8)
    trainer = MiniTrainer(one, config, tmp_path, CPU)
    batch = draw_batch(one, config, 999)
    with torch.no_grad():
        before = float(trainer.loss(batch))
    for index in range(20):
        trainer.step(index)
    with torch.no_grad():
        assert float(trainer.loss(batch)) < 0.8 * before


def test_a_fresh_network_predicts_0_so_its_loss_is_the_velocitys_power(prepared, tmp_path):
    trainer = MiniTrainer(prepared, TINY, tmp_path, CPU)
    batch = draw_batch(prepared, TINY, 0)
    abar = mini_schedule().abar[batch.times].float().view(-1, 1, 1, 1)
    v = abar.sqrt() * batch.noise - (1 - abar).sqrt() * batch.latents
    assert float(trainer.loss(batch).detach()) == pytest.approx(float(v.square().mean()), rel=1e-5)


def test_a_preconditioned_network_begins_with_the_best_linear_guess(prepared, tmp_path):
    config = replace(TINY, precondition=True)
    trainer = MiniTrainer(prepared, config, tmp_path, CPU)
    batch = draw_batch(prepared, config, 0)
    abar = mini_schedule().abar[batch.times].float().view(-1, 1, 1, 1)
    variances = torch.tensor(prepared.pack.variances(prepared.weights)).view(1, -1, 1, 1)
    x = abar.sqrt() * batch.latents + (1 - abar).sqrt() * batch.noise
    v = abar.sqrt() * batch.noise - (1 - abar).sqrt() * batch.latents
    slope = (abar * (1 - abar)).sqrt() * (1 - variances) / (abar * variances + 1 - abar)
    expected = float((v - slope * x).square().mean())
    assert float(trainer.loss(batch).detach()) == pytest.approx(expected, rel=1e-5)
    assert expected < float(v.square().mean())
    for index in range(3):
        trainer.step(index)
    export_mini(trainer, tmp_path / "model")
    read = load_folder(tmp_path / "model").denoiser
    assert read.preconditioning is not None
    assert torch.equal(read.preconditioning.variances, trainer.objective.variances)
    assert torch.equal(read.preconditioning.abar, trainer.objective.abar)


def test_weights_that_learned_otherwise_are_not_gone_on_from(prepared, tmp_path):
    export_mini(MiniTrainer(prepared, TINY, tmp_path, CPU), tmp_path / "model")
    asked = replace(TINY, precondition=True)
    with pytest.raises(
        InputError, match="`precondition` must be false as in the model to begin with, got true"
    ):
        MiniTrainer(prepared, asked, tmp_path, CPU, tmp_path / "model")
    with pytest.raises(InputError, match="`precondition` must be false with any prediction but v, got eps"):
        replace(asked, prediction="eps")


def test_a_batch_is_a_function_of_seed_and_step(prepared):
    one, again = draw_batch(prepared, TINY, 5), draw_batch(prepared, TINY, 5)
    for name in ("latents", "noise", "times", "texts"):
        assert torch.equal(getattr(one, name), getattr(again, name))
    assert not torch.equal(one.noise, draw_batch(prepared, TINY, 6).noise)
    assert not torch.equal(one.noise, draw_batch(prepared, replace(TINY, seed=1), 5).noise)


def test_latents_of_a_batch_go_with_their_texts(prepared):
    config = replace(TINY, batch=64, text_dropout=0.0, rephrase=1.0)
    batch, pack = draw_batch(prepared, config, 0), prepared.pack
    flat = pack.latents.flatten(2).float()
    for latent, text in zip(batch.latents.flatten(1), batch.texts.tolist(), strict=True):
        row = int(((flat - latent).abs().sum(-1) == 0).any(1).nonzero()[0])
        assert text in pack.phrasings[row].tolist()


def test_texts_are_dropped_and_rephrased_in_their_shares(prepared):
    config = replace(TINY, batch=4000, text_dropout=0.25, rephrase=0.5)
    texts = draw_batch(prepared, config, 0).texts
    captions = set(prepared.pack.phrasings[:, 0].tolist())
    assert float((texts == 0).float().mean()) == pytest.approx(0.25, abs=0.03)
    own = sum(t in captions for t in texts.tolist()) / 4000
    # a fifth of the rephrasings is the caption itself
    assert own == pytest.approx(0.75 * (0.5 + 0.5 / 5), abs=0.03)
    plain = draw_batch(prepared, replace(config, text_dropout=0.0, rephrase=0.0), 0).texts
    assert set(plain.tolist()) <= captions


def test_times_cover_all_and_favour_the_noisy_end():
    g = torch.Generator().manual_seed(0)
    times = draw_times(replace(TINY, high_noise=0.4, high_noise_from=0.75), 20_000, g)
    assert (times.min(), times.max()) == (0, 999)
    # the high share and a quarter of the rest
    assert float((times >= 750).float().mean()) == pytest.approx(0.4 + 0.6 * 0.25, abs=0.015)
    even = draw_times(replace(TINY, high_noise=0.0), 20_000, g)
    assert float((even >= 750).float().mean()) == pytest.approx(0.25, abs=0.015)


def test_min_snr_weights_are_the_papers():
    config = replace(TINY, weighting="min_snr", min_snr_gamma=5.0)
    abar = torch.tensor([0.0, 1e-4, 0.3, 0.5, 0.9, 0.999], dtype=torch.float64)
    snr = abar / (1 - abar)
    # eq. 8 for v: min(snr, gamma) / (snr + 1)
    expected = torch.minimum(snr, torch.full_like(snr, 5.0)) / (snr + 1)
    assert torch.allclose(loss_weight(abar, config), expected, atol=1e-12)
    assert torch.equal(loss_weight(abar, TINY), torch.ones_like(abar))


def test_the_learning_rate_warms_up_stays_and_falls_to_0():
    config = replace(TINY, samples=1000, batch=10, warmup=10, learning_rate=2.0, decay_from=0.6)
    rates = [learning_rate(config, step) for step in range(101)]
    assert rates[:10] == pytest.approx([0.2 * (i + 1) for i in range(10)])
    assert rates[10:61] == pytest.approx([2.0] * 51)
    assert rates[80] == pytest.approx(1.0)
    assert rates[99] == pytest.approx(2.0 / 40)
    assert rates[100] == 0


def test_the_last_step_of_a_broken_batch_still_learns():
    config = replace(TINY, samples=95, batch=10, warmup=0, decay_from=0.5)
    assert learning_rate(config, 9) > 0


def test_the_schedule_ends_in_pure_noise():
    assert mini_schedule().abar[-1] == 0
    assert mini_schedule().steps == 1000


def test_equal_texts_get_equal_states_in_their_order(prepared, tmp_path):
    trainer = MiniTrainer(prepared, TINY, tmp_path, CPU)
    with torch.no_grad():
        states = trainer.encode_texts(torch.tensor([3, 1, 3]))
        alone = trainer.encode_texts(torch.tensor([1]))
    assert states.shape == (3, 77, TINY.text_width)
    assert torch.equal(states[0], states[2])
    assert torch.allclose(states[1], alone[0], atol=1e-5)


def test_prepared_parts_are_loaded_without_the_images(tmp_path, monkeypatch):
    made = captioned_set()
    monkeypatch.setattr("palitra.train.mini_prepare.read_captioned", lambda *_: made)
    first = prepare_mini(tmp_path, TINY, tmp_path)
    monkeypatch.undo()
    again = prepare_mini(tmp_path, TINY, tmp_path / "no images here")
    assert torch.equal(first.tokens, again.tokens)
    assert torch.equal(first.pack.latents, again.pack.latents)
    assert first.tokens.shape == (len(first.pack.texts), 77)
    for a, b in zip(first.autoencoder.parameters(), again.autoencoder.parameters(), strict=True):
        assert torch.equal(a, b)
    assert not again.autoencoder.training


def test_without_images_and_parts_the_missing_file_is_named(tmp_path):
    with pytest.raises(InputError, match="`data` must hold faces-video"):
        prepare_mini(tmp_path / "run", TINY, tmp_path / "empty")
