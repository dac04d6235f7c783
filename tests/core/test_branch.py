import torch

from palitra.core.branch import MAIN, Branch
from palitra.core.condition import Condition


def test_a_condition_may_depend_on_the_step():
    early, late = Condition(label=torch.zeros(1)), Condition(label=torch.ones(1))
    branch = Branch("target", lambda index: early if index < 3 else late)
    assert branch.at(0) is early
    assert branch.at(3) is late


def test_a_fixed_condition_is_the_same_at_every_step():
    condition = Condition()
    assert Branch("target", condition).at(17) is condition
    assert Branch("target", condition).track == MAIN
