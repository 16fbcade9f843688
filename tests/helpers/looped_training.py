"""One small training, in this process or in one that can be killed.

python looped_training.py STORE STEPS
"""

import functools
import sys

from isinglass.data.induction import InductionTask
from isinglass.systems.looped import (
    BaselineConfig,
    Evaluation,
    LoopedConfig,
    Recipe,
    train,
)
from isinglass.training import Runtime

CONFIG = LoopedConfig(vocabulary=4, width=4, hidden=4, iterations=2)
BASELINE = BaselineConfig(vocabulary=4, width=4, heads=2, iterations=2)
TASK = InductionTask("last-token", vocabulary=4)
RECIPE = Recipe(steps=40, batch=16, shortest=4, longest=8, learning_rate=3e-2, clip=0.1)
EVALUATION = Evaluation(lengths=(5, 8), every=10, sequences=32)
SEEDS = (0, 3)


def run(
    *recipes, config=CONFIG, task=TASK, seeds=SEEDS, evaluate=EVALUATION, runtime=None
):
    """`train`, of what all tests train where nothing else is said."""
    return train(
        config,
        task,
        recipes or RECIPE,
        seeds=seeds,
        evaluate=evaluate,
        runtime=runtime,
    )


# Trained once for all tests of a process.
whole = functools.cache(run)


def run_stored(store, steps):
    """A training that writes all the time."""
    run(
        Recipe(steps, 4, 4, 8, 1e-2),
        evaluate=Evaluation((8,), 5, 8),
        runtime=Runtime(store),
    )


if __name__ == "__main__":
    store, steps = sys.argv[1:]
    run_stored(store, int(steps))
