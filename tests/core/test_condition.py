import pytest
import torch

from palitra.core.condition import Condition, join
from palitra.errors import ComposeError


def full(batch=2):
    return Condition(
        text=torch.randn(batch, 5, 8), channels=torch.randn(batch, 3, 4, 4), label=torch.arange(batch)
    )


def test_keys_name_what_is_there():
    assert Condition().keys() == ()
    assert Condition(label=torch.zeros(1)).keys() == ("label",)
    assert full().keys() == ("text", "channels", "label")


def test_a_batch_of_1_serves_everybody():
    one = full(1)
    grown = one.expand(3)
    assert [len(v) for v in (grown.text, grown.channels, grown.label)] == [3, 3, 3]
    assert torch.equal(grown.text[2], one.text[0])


def test_a_full_batch_stays():
    condition = full(3)
    assert torch.equal(condition.expand(3).channels, condition.channels)


def test_another_batch_is_refused_by_name():
    with pytest.raises(ComposeError, match="condition `text` must have a batch of 1 or 3, got 2"):
        full(2).expand(3)


def test_rows_pick_samples_and_leave_what_serves_all():
    condition = Condition(text=torch.randn(1, 5, 8), label=torch.arange(4))
    picked = condition.rows([2, 0])
    assert picked.label.tolist() == [2, 0]
    assert picked.text is condition.text
    assert condition.rows(slice(1, 3)).label.tolist() == [1, 2]


def test_join_stacks_in_order():
    a, b = full(1), full(2)
    joined = join([a, b])
    assert joined.keys() == a.keys()
    assert torch.equal(joined.text, torch.cat([a.text, b.text]))
    assert joined.label.tolist() == [0, 0, 1]
