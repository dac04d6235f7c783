import torch

from palitra.core.rows import Rows
from palitra.core.step import Step
from palitra.core.tap import Bus, Record

X = torch.arange(12.0).view(3, 4)


def step():
    return Step(2, 8, 500, 0.5, X)


class Add:
    def __init__(self, sites, amount):
        self.sites, self.amount = sites, amount

    def __call__(self, site, value, rows, step):
        return value * 2 + self.amount


def test_taps_act_in_order_and_only_at_their_sites():
    bus = Bus((Add("a.*", 1), Add("*.k", 10)), Rows({}), step())
    assert torch.equal(bus("a.k", X), (X * 2 + 1) * 2 + 10)
    assert torch.equal(bus("b.k", X), X * 2 + 10)
    assert bus("b.q", X) is X
    assert bus.wants("a.q")
    assert not bus.wants("b.q")


def test_record_keeps_each_branch_and_changes_nothing():
    now, rows = step(), Rows({"uncond": slice(0, 1), "target": slice(1, 3)})
    assert Record("*", ("target", "absent"))("mid.res", X, rows, now) is X
    assert list(now.seen) == [("target", "mid.res")]
    assert torch.equal(now.seen["target", "mid.res"], X[1:])


def test_rows_find_a_branch_here_or_in_an_earlier_call():
    now = step()
    now.seen["source", "a"] = -X
    rows = Rows({"target": slice(0, 2)})
    assert torch.equal(rows.get("target", "a", X, now), X[:2])
    assert torch.equal(rows.get("source", "a", X, now), -X)


def test_progress_is_the_share_of_steps_made():
    assert step().progress == 0.25
