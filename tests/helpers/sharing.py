"""Train on one device and on two: fails where they differ by more than rounding.

JAX_NUM_CPU_DEVICES=2 python sharing.py STORE
"""

import sys
from dataclasses import replace
from functools import partial
from pathlib import Path

import jax
import numpy as np
import pytest

from helpers import memory_training
from helpers.looped_training import CONFIG, EVALUATION, RECIPE, TASK, run
from helpers.trainings import StopError, leaves, stopping_at
from isinglass.systems.looped import EnergyEntropyObjective, _steps
from isinglass.systems.looped._steps import Span
from isinglass.systems.looped.recipe import Stage
from isinglass.training import Runtime, Sharing, mesh_of

# A target between the entropies of parts of a batch: |S̄ − η| is of all of it.
LOOPED = replace(
    RECIPE,
    form="full-sequence",
    objective=EnergyEntropyObjective(0.1, 0.01, 1, 1.5, 0.3),
)


LENGTH = replace(EVALUATION, lengths=(8,))
looped = partial(run, LOOPED, evaluate=LENGTH)


def looped_is_the_same(seeds, alone, store):
    """Seeds are shared where they come out even, and else the batches of each."""
    shared = looped(seeds=seeds, runtime=Runtime(devices=2))
    for mine, its in zip(leaves(alone), leaves(shared), strict=True):
        np.testing.assert_allclose(mine[-len(seeds) :], its, rtol=2e-3, atol=2e-4)
    mine, its = alone.metrics.sel(seed=list(seeds)), shared.metrics
    np.testing.assert_allclose(mine.task, its.task, rtol=1e-4)
    np.testing.assert_allclose(mine.accuracy, its.accuracy, atol=5e-3)
    try:
        looped(seeds=seeds, runtime=Runtime(store, stopping_at(30), 2))
    except StopError:
        again = looped(seeds=seeds, runtime=Runtime(store, None, 2))
        assert all(map(np.array_equal, leaves(again), leaves(shared)))


def looped_waits_only_where_batches_are_shared(seeds):
    """Devices that share seeds need not wait for each other in a step."""
    keys = jax.random.split(jax.random.key(0), len(seeds))
    first = _steps.first_state(CONFIG, LOOPED, keys)
    sharing = Sharing(mesh_of(2), len(seeds))
    steps = partial(_steps.advance, stage=Stage(TASK, LOOPED), sharing=sharing)
    program = str(jax.make_jaxpr(steps)(first, keys, Span(0, 0, 2)))
    assert ("psum" in program) == (len(seeds) == 1)


def what_cannot_be_shared_is_refused():
    odd = replace(RECIPE, batch=15)
    message = "devices must divide the number of seeds, 3, or the recipe's batch, 15"
    with pytest.raises(ValueError, match=message):
        run(odd, seeds=(1, 2, 3), runtime=Runtime(devices=2))


def memory_is_the_same(store):
    """Over two devices, which it takes by itself; what it stored is read on one."""
    how = memory_training.recipe(every=5, validation=8)
    shared = memory_training.run(how, runtime=Runtime(store))
    alone = memory_training.run(how, runtime=Runtime(devices=1))
    for mine, its in zip(leaves(alone), leaves(shared), strict=True):
        np.testing.assert_allclose(mine, its, atol=2e-5)
    np.testing.assert_allclose(
        alone.metrics.validation, shared.metrics.validation, rtol=1e-5
    )
    again = memory_training.run(how, runtime=Runtime(store, devices=1))
    assert all(map(np.array_equal, leaves(again), leaves(shared)))


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    alone = looped(seeds=(0, 3), runtime=Runtime(devices=1))
    for seeds in ((0, 3), (3,)):
        looped_is_the_same(seeds, alone, folder / f"looped-{len(seeds)}")
        looped_waits_only_where_batches_are_shared(seeds)
    what_cannot_be_shared_is_refused()
    memory_is_the_same(folder / "memory")
    print("the same")
