"""What the experiments share: arms, and a rate for each, searched on other seeds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple
from zlib import crc32

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Int, PRNGKeyArray

from isinglass.reproduce import Context
from isinglass.systems.relative import RelativeTransformer
from isinglass.training.lanes import (
    LaneRecipe,
    LaneTask,
    joined_lanes,
    lanes_of,
    train_lanes,
)
from isinglass.training.run import Runtime, even_diverged


class Arm(NamedTuple):
    """A kind of positions.

    Attributes:
        name: What to call it.
        positions: Of `RelativeConfig`.
        coupling: Whether there is a c.
        is_fixed: Whether c is drawn at random and stays so, or is learned.
        has_first: Whether a token that is no other stands before each sequence.
        causal: Whether a token sees only those before.
    """

    name: str
    positions: str
    coupling: bool = False
    is_fixed: bool = False
    has_first: bool = False
    causal: bool = False


@dataclass(frozen=True)
class Training:
    """How an arm is trained.

    Attributes:
        steps: Of AdamW, warmed up over a tenth and let fall along a cosine.
        rates: Learning rates to choose from.
        searches: Seeds that they are chosen on, none of them reported.
        lanes: Models that are trained side by side.
    """

    steps: int
    rates: tuple[float, ...]
    searches: int
    lanes: int

    @property
    def recipe(self) -> LaneRecipe:
        """Of `train_lanes`."""
        tenth = max(self.steps // 10, 1)
        return LaneRecipe(self.steps, warmup=tenth, every=2 * tenth)


class Learner(eqx.Module):
    """A model and the case that it learns.

    Attributes:
        net: The model.
        case: Number of its case.
        sizes: What its batches are drawn by.
        has_first: Whether the token after all others is put before sequences.
    """

    net: RelativeTransformer
    case: Int[Array, "*lanes"]
    sizes: Any = eqx.field(static=True)
    has_first: bool = eqx.field(static=True)

    def logits(self, tokens: Int[Array, "b n"], **options: Any) -> Array:
        """Of all tokens of sequences but such a first one."""
        if not self.has_first:
            return self.net(tokens, **options)
        first = jnp.full((len(tokens), 1), self.net.config.vocabulary - 1)
        joined = jnp.concatenate([first.astype(tokens.dtype), tokens], axis=1)
        return self.net(joined, **options)[:, 1:]


@dataclass(frozen=True)
class Problem:
    """What an arm is to learn.

    Attributes:
        name: What to call it.
        make: Makes a model of a key.
        sizes: What batches are drawn by; it can be hashed.
        loss: Of `LaneTask`, of a `Learner`.
        validate: Alike; None for what is not chosen by.
        data: Alike.
    """

    name: str
    make: Callable[[Arm, PRNGKeyArray], RelativeTransformer]
    sizes: Any
    loss: Callable[[Learner, Any, Any], Any]
    validate: Callable[[Learner, Any], Any] | None
    data: Any


class Outcome(NamedTuple):
    """What an arm came to.

    Attributes:
        rate: The learning rate that was chosen.
        models: Trained, a lane for each reported seed.
    """

    rate: float
    models: Learner


class _Job(NamedTuple):
    case: int
    rate: float
    seed: int


def learned(
    context: Context,
    problem: Problem,
    arm: Arm,
    training: Training,
    cases: Sequence[int] = (0,),
) -> dict[int, Outcome]:
    """Search a rate for each case on seeds of their own, and train with it."""
    jobs = [
        _Job(case, rate, -1 - seed)
        for case in cases
        for rate in training.rates
        for seed in range(training.searches)
    ]
    if len(training.rates) > 1:
        _, errors = _trained(context, problem, arm, training, jobs)
        assert errors is not None
        errors = errors.reshape(len(cases), len(training.rates), -1).mean(-1)
    else:
        errors = np.zeros((len(cases), 1))
    best = dict(zip(cases, errors.argmin(-1), strict=True))
    rates = list(training.rates)
    chosen = {case: float(rates[place]) for case, place in best.items()}
    jobs = [_Job(case, chosen[case], seed) for case in cases for seed in context.seeds]
    unwatched = replace(problem, validate=None)
    models, _ = _trained(context, unwatched, arm, training, jobs)
    count = len(context.seeds)
    return {
        case: Outcome(
            chosen[case], lanes_of(models, slice(place * count, (place + 1) * count))
        )
        for place, case in enumerate(cases)
    }


def _trained(
    context: Context, problem: Problem, arm: Arm, training: Training, jobs: list[_Job]
) -> tuple[Learner, np.ndarray | None]:
    """Models of all jobs and any validation errors, some at a time."""
    models, errors = [], []
    with context.follow(f"{problem.name}: {arm.name}") as report:
        for first in range(0, len(jobs), training.lanes):
            part = jobs[first : first + training.lanes]

            def tell(now: Any, first: int = first) -> None:
                report(first + training.lanes * now.step / now.steps, len(jobs))

            words = [problem.name, arm, training, *part]
            name = f"lanes-{crc32(repr(words).encode()):08x}"
            runtime = Runtime(context.store(name), tell)
            lanes = _side_by_side(context, problem, arm, training, (part, runtime))
            models.append(lanes.models)
            if problem.validate is not None:
                last = lanes.metrics.validation.isel(step=-1).values
                errors.append(np.where(lanes.diverged, np.inf, last))
    return joined_lanes(models), np.concatenate(errors) if errors else None


def _coupling(model: Learner) -> Any:
    return model.net.positions.coupling


def _begun(seeds: list[int], make: Callable[..., Any], arm: Arm) -> tuple[Any, Array]:
    """New models, and keys of their batches.

    Drawn one by one: all arms share these small programs, and one for all the draws of
    an arm takes as long to compile as its training.
    """
    nets, keys = [], []
    for seed in seeds:
        weights, batches, coupling = jax.random.split(jax.random.key(seed), 3)
        net = make(arm, weights)
        if arm.is_fixed:
            shape = net.positions.coupling.shape
            drawn = 1 + 0.5 * jax.random.normal(coupling, shape)
            net = eqx.tree_at(lambda m: m.positions.coupling, net, drawn)
        nets.append(net)
        keys.append(batches)
    stacked = jax.tree.map(lambda *leaves: jnp.asarray(np.stack(leaves)), *nets)
    return stacked, jnp.stack(keys)


def _side_by_side(
    context: Context,
    problem: Problem,
    arm: Arm,
    training: Training,
    lanes: tuple[list[_Job], Runtime],
) -> Any:
    jobs, runtime = lanes
    # Seeds of a search are below 0, and numbers of a draw are not.
    numbers = [(job.case, abs(job.seed), int(job.seed < 0)) for job in jobs]
    seeds = [context.seed_of("model", *part) for part in numbers]
    nets, batches = _begun(seeds, problem.make, arm)
    cases = jnp.array([job.case for job in jobs], jnp.int32)
    task = LaneTask(
        problem.loss,
        problem.data,
        problem.validate,
        _coupling if arm.is_fixed else None,
        {"experiment": problem.name, "arm": arm.name, "sizes": repr(problem.sizes)},
    )
    return even_diverged(
        train_lanes,
        Learner(nets, cases, problem.sizes, arm.has_first),
        task,
        training.recipe,
        learning_rates=[job.rate for job in jobs],
        keys=batches,
        runtime=runtime,
    )
