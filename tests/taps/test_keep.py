import torch

from palitra.core.predictor import Predictor
from palitra.core.schedule import Schedule
from palitra.guiders.cfg import ClassifierFree
from palitra.taps.keep import Keep
from tests.core.toy import ToyDenoiser, latent, text

SCHEDULE = Schedule.scaled_linear()


def ask(keep, t, guiders=None):
    guiders = guiders or [ClassifierFree(text(1), text(2), 2.0)]
    return Predictor(ToyDenoiser(), SCHEDULE, guiders, [keep])(latent(0, 2), t, 0, 10)


def test_it_keeps_the_branch_and_changes_nothing():
    keep = Keep("up.1.res|mid.self.q", "target")
    made = ask(keep, 500)
    plain = Predictor(ToyDenoiser(), SCHEDULE, [ClassifierFree(text(1), text(2), 2.0)])(
        latent(0, 2), 500, 0, 10
    )
    assert torch.equal(made.eps, plain.eps)
    assert {(t, site): len(v) for (t, site), v in keep.kept.items()} == {
        (500, "up.1.res"): 2,
        (500, "mid.self.q"): 2,
    }


def test_only_at_wanted_times_and_in_the_wanted_dtype():
    keep = Keep("up.1.res", "target", wanted={300}.__contains__, dtype=torch.bfloat16)
    ask(keep, 500)
    ask(keep, 300)
    assert list(keep.kept) == [(300, "up.1.res")]
    assert keep.kept[300, "up.1.res"].dtype == torch.bfloat16
