import time

import pytest
import torch

from palitra.bench.peak_memory import PeakMemory, resident


@pytest.mark.skipif(resident() == 0, reason="this system does not tell the size of a process")
def test_it_sees_what_was_held_for_a_moment():
    with PeakMemory() as memory:
        held = torch.ones(50_000_000)
        time.sleep(0.1)
        del held
    # 200 MB, of which other allocations of the process may give some back
    assert 150e6 < memory.bytes < 400e6
