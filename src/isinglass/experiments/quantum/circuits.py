"""Circuits for pairs of digits: arms, and how they are trained side by side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int, PRNGKeyArray

from isinglass.experiments.quantum.pictures import Pair, split
from isinglass.reproduce import Context, searches
from isinglass.reproduce.searches import REPORT, Job, Search, Trainings
from isinglass.systems.quantum import SASQuaTCh, SASQuaTChConfig
from isinglass.systems.quantum.registers import haar_unitaries
from isinglass.training.lanes import LaneRecipe, LaneTask, each_lane, lanes_of


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
        further: Rates beyond those, while the best is an end.
    """

    steps: int = 600
    batch: int = 50
    rates: tuple[float, ...] = (0.003, 0.01, 0.03, 0.1, 0.3)
    searches: int = 2
    further: int = 4

    @property
    def recipe(self) -> LaneRecipe:
        """Adam at a rate that falls along half a cosine."""
        return LaneRecipe(self.steps, clip=None, betas=(0.9, 0.999), every=self.steps)


class Outcome(NamedTuple):
    """What an arm came to.

    Attributes:
        rate: The learning rate that was chosen.
        circuits: Trained ones, one of each reported repetition.
        accuracy: On the test pictures in %, (repetitions,).
        limits: The least and the largest rate that was tried.
    """

    rate: float
    circuits: list[SASQuaTCh]
    accuracy: Float[np.ndarray, "seeds"]
    limits: tuple[float, float]


class Learner(eqx.Module):
    """A circuit and the pictures that it learns from."""

    circuit: SASQuaTCh
    unitaries: Any  # of each register, (lanes, m, m), of Haar's; else None
    learn: Int[Array, "*lanes n"]
    batch: int = eqx.field(static=True)

    def expectation(self, states: Array) -> Float[Array, "n"]:
        """⟨Z⟩ of unit vectors."""
        return self.circuit.expectation(states, self.unitaries)


class Samples(eqx.Module):
    """Unit vectors with signs."""

    states: Float[Array, "n places"]
    signs: Float[Array, "n"]


def loss(learner: Learner, data: Samples, key: PRNGKeyArray) -> Float[Array, ""]:
    """(⟨Z⟩ − y)² of a batch."""
    places = jax.random.choice(key, learner.learn, (learner.batch,))
    values = learner.expectation(data.states[places])
    return ((values - data.signs[places]) ** 2).mean()


def learned(
    context: Context,
    problem: Pair,
    arm: tuple[Arm, int],
    training: Training,
) -> Outcome:
    """Search a rate, if there are several, and train with it what is reported."""
    own, layers = arm
    pool = slice(problem.pool)  # of one size, so that pairs share a program
    data = Samples(
        jnp.asarray(problem.states[pool], jnp.float32),
        jnp.asarray(problem.signs[pool], jnp.float32),
    )
    trainings = Trainings(
        f"{own.label(layers)}, {problem.name}",
        partial(_learners, context, problem, own.config(layers), training),
        LaneTask(loss, data, frozen=_drawn if own.basis == "haar" else None),
        training.recipe,
        plan=[arm, training, problem.name],
        what="circuit",
    )

    def chosen(learners: Learner, jobs: Sequence[Job]) -> list[float]:
        right = _right(learners, problem)
        splits = [split(context, problem, job.purpose, job.seed) for job in jobs]
        return [r[s.choose].mean() for r, s in zip(right, splits, strict=True)]

    search = Search((training.rates,), training.searches, training.further)
    (rate,), learners, _, (limits,) = searches.learned(
        context, trainings, search, chosen
    )
    right = _right(learners, problem)[:, problem.test].mean(-1)
    circuits = []
    for lane, seed in enumerate(context.seeds):
        drawn = replace(own.config(layers), seed=_haar_seed(context, REPORT, seed))
        circuits.append(_with_config(lanes_of(learners.circuit, lane), drawn))
    return Outcome(rate, circuits, 100 * right, limits)


def _drawn(learner: Learner) -> Any:
    """What is drawn once, and not trained."""
    return learner.unitaries


def _haar_seed(context: Context, purpose: str, seed: int) -> int:
    """Of a repetition's unitaries, the same for all layers and pairs."""
    return context.seed_of(f"unitaries to {purpose}", seed)


def _with_config(circuit: SASQuaTCh, config: SASQuaTChConfig) -> SASQuaTCh:
    angles = circuit.kernel, circuit.readout
    other = SASQuaTCh(config, key=jax.random.key(0))
    return eqx.tree_at(lambda own: (own.kernel, own.readout), other, angles)


def _learners(
    context: Context,
    problem: Pair,
    config: SASQuaTChConfig,
    training: Training,
    jobs: Sequence[Job],
    keys: Array,
) -> Learner:
    """Circuits as they begin, stacked, with the pictures that they learn from."""
    splits = [split(context, problem, job.purpose, job.seed) for job in jobs]
    learn = jnp.asarray(np.stack([own.learn for own in splits]), jnp.int32)
    unitaries = None
    if config.basis == "haar":
        seeds = [_haar_seed(context, job.purpose, job.seed) for job in jobs]
        draws = [haar_unitaries(config.registers, seed) for seed in seeds]
        unitaries = tuple(
            jnp.asarray(np.stack(own), jnp.complex64)
            for own in zip(*draws, strict=True)
        )
    return Learner(_circuits(config, keys), unitaries, learn, training.batch)


def _right(learners: Learner, problem: Pair) -> Bool[np.ndarray, "lanes n"]:
    """Whether each circuit is right on each picture."""
    values = _values(learners, jnp.asarray(problem.states, jnp.float32))
    return (np.asarray(values) > 0) == (problem.signs > 0)


@eqx.filter_jit
def _values(learners: Learner, states: Array) -> Array:
    return each_lane(lambda learner: learner.expectation(states), learners)


@eqx.filter_jit
def _circuits(config: SASQuaTChConfig, keys: Array) -> SASQuaTCh:
    return eqx.filter_vmap(lambda key: SASQuaTCh(config, key=key))(keys)
