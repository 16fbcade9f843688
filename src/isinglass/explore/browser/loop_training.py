"""Training of the looped transformer that the panel *loop* ships.

`python -m isinglass.explore.browser.loop_training` trains it, and writes
`page/data/loop.json` anew.
"""

from typing import Any

import jax
import numpy as np
from jaxtyping import Array

from isinglass.data.induction import InductionTask
from isinglass.explore.browser.sections import write
from isinglass.systems.looped import (
    EnergyEntropyObjective,
    Evaluation,
    LoopedConfig,
    Recipe,
    train,
)

COMMAND = "python -m isinglass.explore.browser.loop_training"
CONFIG = LoopedConfig(
    vocabulary=4,
    iterations=6,
    inner_residual=True,
    positional_scale=0.0,  # places are told apart by a bias on the nearest distances
    near=16,
)
TASK = InductionTask("full-sequence", vocabulary=4)
RECIPE = Recipe(
    steps=3_000,
    shortest=6,
    longest=32,
    learning_rate=0.01,
    weight_decay=0.01,
    warmup=200,
    decay=True,
    length_curriculum=(600, 1_500),
    objective=EnergyEntropyObjective(potential=0.0, kinetic=0.0, entropy=0.0),
)
EVALUATION = Evaluation(lengths=(16, 64, 200), every=3_000, sequences=128)
SEED = 0


def make() -> dict[str, Any]:
    """Train the model, and say how well it does."""
    run = train(CONFIG, TASK, RECIPE, seeds=(SEED,), evaluate=EVALUATION)
    model = run.of(SEED)
    shares = run.metrics.accuracy_at.isel(step=-1, seed=0)
    return {
        "command": COMMAND,
        "trained": f"{RECIPE.steps} steps on sequences of {RECIPE.shortest} to "
        f"{RECIPE.longest} symbols, seed {SEED}",
        "accuracy": {
            str(length): round(float(share), 4)
            for length, share in zip(
                shares.length.values.tolist(), shares.values.tolist(), strict=True
            )
        },
        "symbols": CONFIG.vocabulary,
        "iterations": CONFIG.iterations,
        "weights": {
            name: _numbers(value)
            for name, value in vars(model).items()
            if isinstance(value, jax.Array)
        },
    }


def _numbers(array: Array) -> Any:
    """Numbers of single precision in the fewest digits that give them back."""
    values = np.asarray(array, np.float32)
    texts = np.array([float(str(value)) for value in values.ravel()])
    return texts.reshape(values.shape).tolist()


if __name__ == "__main__":
    write("loop", make())
