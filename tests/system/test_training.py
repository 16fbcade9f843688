"""Trainings that are killed without warning, and on several devices and hosts."""

import os
import socket
import subprocess
import sys

import numpy as np
import pytest

from helpers import looped_training, memory_training, sharing, toy_training
from helpers.killed import assert_same_after_kills, finish, start
from helpers.trainings import leaves
from isinglass.training import Runtime


@pytest.mark.parametrize(
    ("script", "steps", "kills"),
    [
        # One engine writes and reads all checkpoints; that others go on the same from
        # each of theirs is in tests/training.
        (toy_training, 600, 1),
        pytest.param(looped_training, 200, 1, marks=pytest.mark.slow),
        pytest.param(memory_training, 150, 1, marks=pytest.mark.slow),
        pytest.param(looped_training, 5000, 20, marks=pytest.mark.slow),
        pytest.param(memory_training, 4000, 12, marks=pytest.mark.slow),
    ],
)
def test_killed_at_random_moments_it_comes_out_the_same(script, steps, kills, tmp_path):
    assert_same_after_kills(script, steps, kills, tmp_path)


def test_devices_that_share_the_work_learn_the_same(tmp_path):
    done = subprocess.run(
        [sys.executable, sharing.__file__, tmp_path],
        env=os.environ | {"JAX_NUM_CPU_DEVICES": "2"},
        capture_output=True,
        text=True,
    )
    assert done.stdout == "the same\n", done.stderr


@pytest.mark.slow
def test_two_hosts_come_out_as_one_device(tmp_path):
    with socket.socket() as free:
        free.bind(("localhost", 0))
        address = f"localhost:{free.getsockname()[1]}"
    store = tmp_path / "store"
    finish(*(start(memory_training, store, 20, address, i, 2) for i in (0, 1)))
    how = memory_training.recipe(every=5, validation=8)
    progress = lambda _: pytest.fail("a step was taken")  # noqa: E731
    together = memory_training.run(how, runtime=Runtime(store, progress))
    alone = memory_training.run(how)
    for mine, its in zip(leaves(together), leaves(alone), strict=True):
        np.testing.assert_allclose(mine, its, atol=2e-5)
    np.testing.assert_allclose(
        together.metrics.validation, alone.metrics.validation, rtol=1e-5
    )
