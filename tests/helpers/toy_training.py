"""A training that compiles next to nothing, in this process or in one that is killed.

python toy_training.py STORE STEPS
"""

import sys
from dataclasses import dataclass
from types import SimpleNamespace
from typing import ClassVar

import jax.numpy as jnp

from isinglass.training import Failure, Metric, Runtime, Sums, Trainer, run_trainer


@dataclass(frozen=True)
class Descent(Trainer):
    """Goes down ½|x|² by its gradient: all that a trainer has to say."""

    rate: float = 0.1
    steps: int = 8
    breaks_at: int = 1_000_000

    chunk = 2
    metrics: ClassVar = {
        "loss": Metric(("step",), "mean loss", "1"),
        "distance": Metric(("step",), "distance from the minimum", "1"),
    }

    def records(self):
        return (*range(3, self.steps, 3), self.steps)

    def plan(self):
        return {"system": "descent", "rate": self.rate}

    def state_after(self, step):
        return {"x": jnp.arange(1.0, 4.0), "failed": jnp.asarray(-1)}

    def advance(self, state, step, until):
        sums = []
        for number in range(step, until):
            if number >= self.breaks_at:
                failed = number if state["failed"] < 0 else state["failed"]
                sums.append(Sums(0, {"loss": 0.0}))
                state = state | {"failed": jnp.asarray(failed)}
            else:
                sums.append(Sums(1, {"loss": 0.5 * (state["x"] ** 2).sum()}))
                state = state | {"x": state["x"] * (1 - self.rate)}
        return state, sums

    def measure(self, state, step):
        return state, {"distance": jnp.linalg.norm(state["x"])}

    def failure(self, state):
        failed = int(state["failed"])
        return None if failed < 0 else Failure(failed, "loss")

    def result(self, state, step, metrics):
        return SimpleNamespace(model=state["x"], metrics=metrics)


def descend(runtime=None, **changes):
    return run_trainer(Descent(**changes), runtime)


def run_stored(store, steps):
    """A training that writes all the time."""
    descend(Runtime(store), steps=steps)


if __name__ == "__main__":
    run_stored(sys.argv[1], int(sys.argv[2]))
