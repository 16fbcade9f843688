"""Train the same on one device and on two: fails where they differ by more than rounding.

JAX_NUM_CPU_DEVICES=2 python sharing.py STORE SEED,…
"""

import sys
from dataclasses import replace
from functools import partial

import jax
import numpy as np

from helpers.looped_training import CONFIG, RECIPE, TASK, run
from isinglass.systems.looped import _steps as _loop
from isinglass.systems.looped.penalties import EnergyEntropyObjective


class StopError(Exception):
    pass


def stop_late(now):
    if now.step >= 30:
        raise StopError


def leaves(trained):
    return [np.asarray(leaf) for leaf in jax.tree.leaves(trained.model)]


# A target between the entropies of parts of a batch: |S̄ − η| is of all of it.
recipe = replace(
    RECIPE,
    form="full-sequence",
    objective=EnergyEntropyObjective(0.1, 0.01, 1, 1.5, 0.3),
)
seeds = [int(each) for each in sys.argv[2].split(",")]
alone, shared = (run(recipe, seeds=seeds, devices=devices) for devices in (1, 2))
for one, two in zip(leaves(alone), leaves(shared), strict=True):
    np.testing.assert_allclose(one, two, rtol=2e-3, atol=2e-4)
np.testing.assert_allclose(alone.metrics.task, shared.metrics.task, rtol=1e-4)
np.testing.assert_allclose(alone.metrics.accuracy, shared.metrics.accuracy, atol=5e-3)

# Devices that share seeds need not wait for each other in a step.
keys = jax.random.split(jax.random.key(0), len(seeds))
first = _loop.first_state(CONFIG, recipe, keys)
steps = partial(_loop.advance, task=TASK, recipe=recipe, devices=2)
program = str(jax.make_jaxpr(steps)(first, keys, 0, 0, 2))
assert ("psum" in program) == (len(seeds) == 1)

try:
    run(recipe, seeds=seeds, devices=2, store=sys.argv[1], progress=stop_late)
except StopError:
    again = run(recipe, seeds=seeds, devices=2, store=sys.argv[1])
    assert all(map(np.array_equal, leaves(again), leaves(shared)))
    print("the same")
