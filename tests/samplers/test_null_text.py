import math

import pytest
import torch

from palitra.core.condition import Condition
from palitra.core.loop import sample
from palitra.core.predictor import Predictor
from palitra.core.progress import Hooks
from palitra.core.schedule import Schedule
from palitra.errors import Cancelled, InputError
from palitra.guiders.cfg import ClassifierFree, Conditional
from palitra.samplers.ddim import DDIM
from palitra.samplers.inversion import ddim_inversion
from palitra.samplers.null_text import NullTextOptimisation
from tests.core.toy import ToyDenoiser, latent, text
from tests.models.tiny_unet import denoiser, latents, words

STEPS, SCALE, INNER = 4, 2.0, 5
SCHEDULE = Schedule.scaled_linear()
TIMES = SCHEDULE.times(STEPS, "leading", 0)
TOY = ToyDenoiser()
EMPTY = text(3)


def inverted(network, photo, told):
    predictor = Predictor(network, SCHEDULE, [Conditional(told)])
    return ddim_inversion(predictor, photo, TIMES, convention="noisy")[1]


def rows(*seeds):
    """Photos and prompts of their own, and their paths."""
    told = Condition(text=torch.cat([text(s).text for s in seeds]))
    photo = torch.cat([latent(s) for s in seeds])
    return inverted(TOY, photo, told), told


def tuned(path, told, inner=INNER, network=TOY, **options):
    return NullTextOptimisation(network, SCHEDULE, SCALE, inner, **options).run(path, TIMES, told, EMPTY)


def test_without_inner_steps_it_is_plain_guidance():
    path, told = rows(1, 2)
    found = tuned(path, told, inner=0)
    predictor = Predictor(TOY, SCHEDULE, [ClassifierFree(told, EMPTY, SCALE)])
    plain = sample(DDIM(SCHEDULE), predictor, path[0], TIMES)
    assert torch.allclose(found.latents[-1], plain, atol=1e-12, rtol=0)
    assert all(torch.equal(u, EMPTY.text.expand(2, -1, -1)) for u in found.embeddings)
    assert (found.samples, found.backwards) == (2 * 2 * STEPS, 0)


def test_scale_1_needs_no_null_text():
    path, told = rows(1)
    found = NullTextOptimisation(TOY, SCHEDULE, 1.0, 3).run(path, TIMES, told, EMPTY)
    predictor = Predictor(TOY, SCHEDULE, [Conditional(told)])
    plain = sample(DDIM(SCHEDULE), predictor, path[0], TIMES)
    assert torch.allclose(found.latents[-1], plain, atol=1e-10, rtol=0)


def reference(path, told, inner):
    """One photo, step by step, with the published numbers for 50 steps."""
    z, u, found = path[0], EMPTY.text.clone(), []
    abar = [SCHEDULE.signal(t) for t in TIMES]

    def moved(z, free, with_words, i):
        e = free + SCALE * (with_words - free)
        x0 = (z - math.sqrt(1 - abar[i]) * e) / math.sqrt(abar[i])
        return math.sqrt(abar[i + 1]) * x0 + math.sqrt(1 - abar[i + 1]) * e

    for i in range(STEPS):
        fifty = i * 50 / STEPS
        with_words = TOY(z, TIMES[i], told)
        u = u.clone().requires_grad_()
        adam = torch.optim.Adam([u], lr=1e-2 * (1 - fifty / 100))
        for _ in range(inner):
            loss = ((moved(z, TOY(z, TIMES[i], Condition(text=u)), with_words, i) - path[i + 1]) ** 2).mean()
            adam.zero_grad()
            loss.backward()
            adam.step()
            if loss.item() < 1e-5 + fifty * 2e-5:
                break
        u = u.detach()
        z = moved(z, TOY(z, TIMES[i], Condition(text=u)), with_words, i)
        found.append(u)
    return found, z


@pytest.mark.parametrize("seed", [1, 2])
def test_it_is_the_published_optimisation(seed):
    path, told = rows(seed)
    found = tuned(path, told, official=True)
    embeddings, z = reference(path, told, INNER)
    for ours, theirs in zip(found.embeddings, embeddings, strict=True):
        # Adam divides by the gradient's size, so that rounding of tiny gradients is seen
        assert torch.allclose(ours, theirs, atol=1e-7, rtol=0)
    assert torch.allclose(found.latents[-1], z, atol=1e-7, rtol=0)


def test_the_photo_is_retraced():
    path, told = rows(1, 2)
    plain, found = tuned(path, told, inner=0), tuned(path, told)

    def error(made):
        return (made.latents[-1] - path[-1]).flatten(1).norm(dim=1)

    assert (error(found) < error(plain)).all()
    assert (error(tuned(path, told, inner=12)) < error(found)).all()
    first = tuned(path, told, inner=1)
    assert (found.losses[0] < first.losses[0]).all()


def test_a_batch_is_its_singles_though_they_stop_at_other_times():
    # the third row's photo is where its noise leads by itself: it stops at once
    path, told = rows(1, 2, 4)
    own = tuned([p[2:] for p in path], told.rows([2]), inner=0).latents
    path = [torch.cat([p[:2], o]) for p, o in zip(path, own, strict=True)]
    together = tuned(path, told)
    alone = [tuned([p[i : i + 1] for p in path], told.rows([i])) for i in range(3)]
    assert len({one.backwards for one in alone}) > 1
    # a stopped row may lie in the graph of one that goes on
    assert together.backwards >= sum(one.backwards for one in alone)
    assert together.samples == sum(one.samples for one in alone)
    for i, one in enumerate(alone):
        assert torch.allclose(together.latents[-1][i : i + 1], one.latents[-1], atol=1e-7, rtol=0)
        for u, single in zip(together.embeddings, one.embeddings, strict=True):
            assert torch.allclose(u[i : i + 1], single, atol=1e-7, rtol=0)


def test_cost_is_bounded_by_the_inner_steps():
    path, told = rows(1)
    found, official = (tuned(path, told, inner=4, official=o) for o in (False, True))
    assert found.samples <= STEPS * (2 + 4)
    assert found.backwards <= found.samples - 2 * STEPS
    assert official.backwards == official.samples - 2 * STEPS
    assert found.calls == found.samples


def test_a_photo_that_is_retraced_by_itself_needs_no_gradient():
    path, told = rows(1)
    own = tuned(path, told, inner=0).latents
    found = tuned(own, told)
    assert (found.samples, found.backwards) == (3 * STEPS, 0)
    assert all(torch.equal(u, EMPTY.text) for u in found.embeddings)


def test_a_diffusers_network_is_differentiated_to_its_text_alone():
    network, told = denoiser(), words(1, 2)
    path = inverted(network, latents(1, 2), told)

    def run(inner, checkpoint=False):
        optimisation = NullTextOptimisation(network, SCHEDULE, SCALE, inner, checkpoint)
        return optimisation.run(path, TIMES, told, words(2))

    runs = [run(2, checkpoint) for checkpoint in (False, True)]
    assert all(p.grad is None and not p.requires_grad for p in network.unet.parameters())
    assert (runs[0].embeddings[0] - words(2).text).abs().max() > 1e-3
    # float32 through Adam
    assert torch.allclose(runs[0].latents[-1], runs[1].latents[-1], atol=1e-4)
    errors = [(r.latents[-1] - path[-1]).norm() for r in (runs[0], run(0))]
    assert errors[0] < errors[1]


def test_half_precision_networks_are_tuned_in_float32():
    network, told = denoiser(), words(1)
    network.unet.to(torch.bfloat16)
    path = inverted(network, latents(1), told)
    found = NullTextOptimisation(network, SCHEDULE, SCALE, 2).run(path, TIMES, told, words(2))
    assert found.embeddings[-1].dtype == torch.float32
    assert found.losses.dtype == torch.float32
    assert torch.isfinite(found.latents[-1]).all()


def test_it_can_be_stopped():
    path, told = rows(1)
    with pytest.raises(Cancelled, match="step 0 of 4 of the inversion"):
        tuned(path, told, hooks=Hooks(cancelled=lambda: True))


def test_a_negative_number_of_steps_is_refused():
    with pytest.raises(InputError, match="`inner` must be at least 0, got -1"):
        NullTextOptimisation(TOY, SCHEDULE, SCALE, -1)
