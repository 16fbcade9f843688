"""One small training, in this process or in one that can be killed.

python looped_training.py STORE STEPS
"""

import sys

from isinglass.data.induction import InductionTask
from isinglass.systems.looped.evaluation import Evaluation
from isinglass.systems.looped.model import LoopedConfig
from isinglass.systems.looped.recipe import Recipe
from isinglass.systems.looped.training import train

CONFIG = LoopedConfig(vocabulary=4, width=4, hidden=4, iterations=2)
TASK = InductionTask("last-token", vocabulary=4)
RECIPE = Recipe(steps=40, batch=16, shortest=4, longest=8, learning_rate=3e-2, clip=0.1)
EVALUATION = Evaluation(lengths=(5, 8), every=10, sequences=32)
SEEDS = (0, 3)


def run(
    *recipes, config=CONFIG, task=TASK, seeds=SEEDS, evaluate=EVALUATION, **options
):
    """`train`, of what all tests train where nothing else is said."""
    return train(
        config, task, recipes or RECIPE, seeds=seeds, evaluate=evaluate, **options
    )


if __name__ == "__main__":
    store, steps = sys.argv[1:]
    run(Recipe(int(steps), 4, 4, 8, 1e-2), store=store, evaluate=Evaluation((8,), 5, 8))
