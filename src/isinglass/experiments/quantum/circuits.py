"""Circuits for pairs of digits: arms, and how they are trained side by side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple
from zlib import crc32

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int, PRNGKeyArray

from isinglass.experiments.quantum.pictures import Pair, split
from isinglass.reproduce import Context
from isinglass.systems.quantum import SASQuaTCh, SASQuaTChConfig
from isinglass.training.lanes import LaneRecipe, LaneTask, each_lane, train_lanes
from isinglass.training.run import Runtime, even_diverged

SEARCH, REPORT = "search", "report"


class Arm(NamedTuple):
    """A circuit.

    Attributes:
        name: What to call it.
        basis: Of `SASQuaTChConfig`.
        kernel: Of `SASQuaTChConfig`.
        registers: Of `SASQuaTChConfig`.
    """

    name: str
    basis: str = "fourier"
    kernel: str = "circuit"
    registers: tuple[int, ...] = (4, 4)

    def config(self, layers: int) -> SASQuaTChConfig:
        """The circuit with some layers."""
        return SASQuaTChConfig(self.registers, layers, self.kernel, self.basis)

    def label(self, layers: int) -> str:
        """Its name and its layers."""
        return f"{self.name}, L = {layers}"


@dataclass(frozen=True)
class Training:
    """How circuits are trained.

    Attributes:
        steps: Of Adam.
        batch: Pictures of a step.
        rates: Learning rates to choose from.
        searches: Repetitions that they are chosen on, none of them reported.
    """

    steps: int = 600
    batch: int = 50
    rates: tuple[float, ...] = (0.01, 0.03, 0.1)
    searches: int = 2

    @property
    def recipe(self) -> LaneRecipe:
        """Adam at a rate that falls along half a cosine."""
        return LaneRecipe(self.steps, clip=None, betas=(0.9, 0.999), every=self.steps)


class Job(NamedTuple):
    """A training.

    Attributes:
        rate: Learning rate.
        purpose: To search or to report.
        seed: Of the pictures, the first angles and the batches, the same for all arms.
    """

    rate: float
    purpose: str
    seed: int


class Outcome(NamedTuple):
    """What an arm came to.

    Attributes:
        rate: The learning rate that was chosen.
        circuits: Trained ones, a lane for each reported repetition.
        accuracy: On the test pictures in %, (repetitions,).
    """

    rate: float
    circuits: SASQuaTCh
    accuracy: Float[np.ndarray, "seeds"]


class Learner(eqx.Module):
    """A circuit and the pictures that it learns from."""

    circuit: SASQuaTCh
    learn: Int[Array, "*lanes n"]
    batch: int = eqx.field(static=True)


class Samples(eqx.Module):
    """Unit vectors with signs."""

    states: Float[Array, "n places"]
    signs: Float[Array, "n"]


def loss(learner: Learner, data: Samples, key: PRNGKeyArray) -> Float[Array, ""]:
    """(⟨Z⟩ − y)² of a batch."""
    places = jax.random.choice(key, learner.learn, (learner.batch,))
    values = learner.circuit.expectation(data.states[places])
    return ((values - data.signs[places]) ** 2).mean()


def learned(
    context: Context,
    problem: Pair,
    arm: tuple[Arm, int],
    training: Training,
) -> Outcome:
    """Search a rate, if there are several, and train with it what is reported."""
    rate = training.rates[0]
    if len(training.rates) > 1:
        rate = _searched(context, problem, arm, training)
    jobs = [Job(rate, REPORT, seed) for seed in context.seeds]
    circuits = _trained(context, problem, arm, training, jobs)
    right = _right(circuits, problem)[:, problem.test].mean(-1)
    return Outcome(rate, circuits, 100 * right)


def _searched(
    context: Context, problem: Pair, arm: tuple[Arm, int], training: Training
) -> float:
    """The rate of the highest mean accuracy on pictures to choose by."""
    jobs = [
        Job(rate, SEARCH, seed)
        for rate in training.rates
        for seed in range(training.searches)
    ]
    right = _right(_trained(context, problem, arm, training, jobs), problem)
    shares = [
        own[split(context, problem, SEARCH, job.seed).choose].mean()
        for own, job in zip(right, jobs, strict=True)
    ]
    means = np.reshape(shares, (len(training.rates), -1)).mean(-1)
    return training.rates[int(means.argmax())]


def _right(circuits: SASQuaTCh, problem: Pair) -> Bool[np.ndarray, "lanes n"]:
    """Whether each circuit is right on each picture."""
    values = _values(circuits, jnp.asarray(problem.states, jnp.float32))
    return (np.asarray(values) > 0) == (problem.signs > 0)


@eqx.filter_jit
def _values(circuits: SASQuaTCh, states: Array) -> Array:
    return each_lane(lambda circuit: circuit.expectation(states), circuits)


def _trained(
    context: Context,
    problem: Pair,
    arm: tuple[Arm, int],
    training: Training,
    jobs: Sequence[Job],
) -> SASQuaTCh:
    """Circuits of all jobs, in one compiled program."""
    splits = [split(context, problem, job.purpose, job.seed) for job in jobs]
    seeds = [context.seed_of(f"circuit to {job.purpose}", job.seed) for job in jobs]
    keys = jax.vmap(jax.random.key)(jnp.array(seeds, jnp.uint32))
    angles, batches = jax.vmap(jax.random.split, out_axes=1)(keys)
    learn = jnp.asarray(np.stack([own.learn for own in splits]), jnp.int32)
    own, layers = arm
    circuits = _circuits(own.config(layers), angles)
    data = Samples(
        jnp.asarray(problem.states, jnp.float32),
        jnp.asarray(problem.signs, jnp.float32),
    )
    words = repr([arm, training, problem.name, *jobs])
    store = context.store(f"training-{crc32(words.encode()):08x}")
    with context.follow(f"{own.label(layers)}, {problem.name}") as report:
        runtime = Runtime(store, lambda now: report(now.step, now.steps))
        lanes = even_diverged(
            train_lanes,
            Learner(circuits, learn, training.batch),
            LaneTask(loss, data),
            training.recipe,
            learning_rates=[job.rate for job in jobs],
            keys=batches,
            runtime=runtime,
        )
    return lanes.models.circuit


@eqx.filter_jit
def _circuits(config: SASQuaTChConfig, keys: Array) -> SASQuaTCh:
    return eqx.filter_vmap(lambda key: SASQuaTCh(config, key=key))(keys)
