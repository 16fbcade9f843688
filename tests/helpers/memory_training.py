"""One small training, in this process or in one that can be killed or is one of two.

python memory_training.py STORE STEPS [ADDRESS NUMBER OF]
"""

import functools
import sys

import equinox as eqx
import jax
import numpy as np

from isinglass.data.sources import TextSource, split_text
from isinglass.systems.memory import Recipe, Transformer, TransformerConfig, train
from isinglass.training import Runtime

CONFIG = TransformerConfig(vocabulary=256, context=16, width=16, heads=2, layers=2)
TEXT = (
    b"the quick brown fox jumps over the lazy dog. a walrus does read the newt. " * 40
)


def sources(context=CONFIG.context):
    parts = split_text(np.frombuffer(TEXT, np.uint8), 0.2)
    return tuple(TextSource(part, context, 256) for part in parts)


def random_model(config, spread=0.3, seed=0):
    """Parameters at random, without compiling anything; of them, biases matter too."""
    like = eqx.filter_eval_shape(
        lambda key: Transformer(config, key=key), jax.random.key(0)
    )
    rng = np.random.default_rng(seed)

    def drawn(leaf):
        return jax.device_put(np.float32(spread * rng.standard_normal(leaf.shape)))

    return jax.tree.map(drawn, like)


def recipe(**changes):
    usual = {"steps": 20, "batch": 8, "learning_rate": 1e-2, "warmup": 3, "every": 10}
    return Recipe(**usual | changes)


def run(how=None, config=CONFIG, runtime=None):
    training, validation = sources()
    how = recipe() if how is None else how
    return train(config, training, how, validation=validation, runtime=runtime)


# Trained once for all tests of a process.
whole = functools.cache(run)


def run_stored(store, steps):
    """A training that writes all the time."""
    run(recipe(steps=steps, every=5, validation=8), runtime=Runtime(store))


if __name__ == "__main__":
    store, steps, *hosts = sys.argv[1:]
    if hosts:
        jax.distributed.initialize(hosts[0], int(hosts[2]), int(hosts[1]))
    run_stored(store, int(steps))
