"""Two processes equal one: gradients are averaged, draws are made for the whole batch."""

import os
import subprocess
import sys

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch import distributed as dist
from torch import multiprocessing

from palitra.errors import InputError
from palitra.zoo.parallel import Parallel
from palitra.zoo.step_random import StepRandom
from palitra.zoo.trainer import Trainer
from tests.zoo.toy_images import toy_images, toy_trainer

# no layer of these looks at the whole batch
MODELS = ("r3gan", "cdm")


def _work(rank, folder):
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"file://{folder}/meet", rank=rank, world_size=2)
    for name in MODELS:
        card = toy_trainer(name, folder / f"make{rank}").card
        trainer = Trainer(card, toy_images(), folder / name / "two", parallel=Parallel(rank, 2))
        for _ in range(2):
            trainer.one_step()
        trainer.save()
    dist.destroy_process_group()


@pytest.mark.slow
def test_two_processes_equal_one(tmp_path):
    multiprocessing.spawn(_work, (tmp_path,), 2)
    for name in MODELS:
        two = toy_trainer(name, tmp_path / name / "two")
        one = toy_trainer(name, tmp_path / name / "one")
        for _ in range(2):
            one.one_step()
        assert two.step == one.step == 2
        for key, value in one.model.state_dict().items():
            # Adam turns the rounding of tiny gradients into steps of the rate's size
            torch.testing.assert_close(two.model.state_dict()[key], value, rtol=1e-3, atol=3e-4, msg=key)


def test_each_process_draws_its_rows_of_one_batch():
    whole = StepRandom(3, 5, 8)
    parts = [StepRandom(3, 5, 8, rank=r, ranks=2) for r in (0, 1)]
    for draw in (lambda r: r.normal(4), lambda r: r.uniform(2), lambda r: r.integers(9)):
        assert torch.equal(draw(whole), torch.cat([draw(p) for p in parts]))


def test_a_batch_that_does_not_divide_is_refused():
    with pytest.raises(InputError, match="multiple of the 3 processes, got 8"):
        Parallel(0, 3).check(8)


@pytest.mark.slow
def test_processes_started_from_outside_make_the_model_of_one(tmp_path):
    """As `torchrun` and `accelerate launch` start them: the environment says who is who."""
    images = toy_images()
    np.savez(tmp_path / "toy.npz", images=images.images[:, 0].numpy(), labels=images.labels.numpy())
    changes = ("training.images=32", "training.batch=16", "training.bf16=false")
    words = ["palitra", "zoo", "train", "cdm", str(tmp_path / "toy.npz"), "--preset", "tiny"]
    words += [w for change in changes for w in ("--set", change)]
    launch = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "-m", "--"]
    for name, before in (("two", launch), ("one", ["-m"])):
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
        command = [sys.executable, *before, *words, "--run", str(tmp_path / name), "--device", "cpu"]
        done = subprocess.run(
            command, env=environment, capture_output=True, text=True, timeout=240, check=False
        )
        assert done.returncode == 0, done.stderr[-2000:]
    one, two = (load_file(tmp_path / name / "last.safetensors") for name in ("one", "two"))
    assert one.keys() == two.keys()
    for key, value in one.items():
        torch.testing.assert_close(two[key], value, rtol=1e-3, atol=3e-4, msg=key)
