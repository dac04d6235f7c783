import math
from itertools import pairwise

import pytest
import torch

from palitra.core.parametrise import to_prediction
from palitra.core.rng import Noise
from palitra.core.schedule import Schedule
from palitra.errors import InputError
from palitra.samplers.consistency import Consistency, steady_noise

SCHEDULE = Schedule.cosine(1000, zero_terminal_snr=True)
MEAN = torch.linspace(-1, 1, 12).view(3, 2, 2)


class Knows:
    """Believes in one clean latent, whatever it sees."""

    def __call__(self, x, t, index, count, stage=0):
        a = SCHEDULE.signal(t)
        clean = MEAN.expand_as(x)
        return to_prediction((math.sqrt(a) * x - clean) / math.sqrt(1 - a), x, a, "v_prediction")


def walk(sampler, seeds, times):
    noise = Noise(seeds)
    x = noise.normal((3, 2, 2))
    for i, (t, u) in enumerate(pairwise(times)):
        x = sampler.step(Knows(), x, t, u, i, len(times) - 1, noise)
    return x


def test_the_boundary_is_the_latent_itself_whatever_the_network_says():
    x = torch.randn(2, 3, 2, 2)
    assert torch.equal(to_prediction(torch.randn_like(x), x, 1.0, "v_prediction").x0, x)


@pytest.mark.parametrize("steady", [True, False])
def test_one_step_and_many_end_where_the_function_points(steady):
    for count in (1, 2, 4):
        made = walk(Consistency(SCHEDULE, steady), [0, 1], SCHEDULE.times(count, "trailing"))
        # float32 through divisions by sqrt(1 - abar)
        assert torch.allclose(made, MEAN.expand(2, -1, -1, -1), atol=1e-5)


def test_a_step_renoises_to_the_next_time():
    sampler, noise = Consistency(SCHEDULE, steady=False), Noise(range(4000))
    x = sampler.step(Knows(), torch.zeros(4000, 3, 2, 2), 999, 499, 0, 2, noise)
    b = SCHEDULE.signal(499)
    # 4,000 draws: means within four standard errors
    assert torch.allclose(x.mean(0), math.sqrt(b) * MEAN, atol=4 * math.sqrt((1 - b) / 4000))
    assert torch.allclose(x.var(0), torch.full((3, 2, 2), 1 - b), rtol=0.15)


def test_steady_noise_is_a_function_of_seed_and_step_alone():
    used = Noise([7, 8])
    used.normal((5,))
    one = steady_noise(used, (3, 2, 2), 1)
    assert torch.equal(one, steady_noise(Noise([7, 8]), (3, 2, 2), 1))
    assert torch.equal(one[1:], steady_noise(Noise([8]), (3, 2, 2), 1))
    assert not torch.equal(one, steady_noise(used, (3, 2, 2), 2))
    assert not torch.equal(one[:1], one[1:])


def test_noise_must_be_given():
    with pytest.raises(InputError, match="`noise` must be given"):
        Consistency(SCHEDULE).step(Knows(), torch.zeros(1, 3, 2, 2), 999, 499, 0, 2, None)
