"""Models trained side by side, by what was searched on repetitions not reported.

A repetition draws its own pictures, first weights and batches. What an arm is trained
by, a learning rate or one with something else, is searched on repetitions that are not
reported, by what is neither learned from nor tested on:

    arm = Trainings("softmax", start, LaneTask(loss, data), recipe, plan=[setting])
    (rate,), models, lost, limits = learned(context, arm, Search((rates,), 2), score)

With ``Search((rates,), 2, further=4)`` the rates go on beyond an end that is best.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple
from zlib import crc32

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, Key

from isinglass.reproduce.context import Context
from isinglass.reproduce.grids import Best, best_on
from isinglass.training.lanes import (
    LaneRecipe,
    LaneTask,
    each_lane,
    joined_lanes,
    lanes_of,
    train_lanes,
)
from isinglass.training.run import Runtime, even_diverged

SEARCH, REPORT = "search", "report"


class Job(NamedTuple):
    """One training.

    Attributes:
        choice: What it is trained by, its learning rate first.
        purpose: To search or to report.
        seed: Of all that is drawn, the same for all arms.
    """

    choice: tuple[float, ...]
    purpose: str
    seed: int


@dataclass(frozen=True)
class Trainings:
    """How the models of an arm are trained.

    Attributes:
        name: What it is called while it is trained.
        start: ``start(jobs, keys)`` gives models as they begin, a lane for each job, by
            the keys of their weights.
        task: What they learn.
        recipe: How.
        plan: What else its checkpoints are to be known by, as `repr` says it.
        lanes: Models side by side, so that all parts take one compiled program; None
            for all.
        what: What is drawn by a seed, as the names of seeds say it.
    """

    name: str
    start: Callable[[Sequence[Job], Key[Array, "lanes"]], Any]
    task: LaneTask
    recipe: LaneRecipe
    plan: Sequence[Any]
    lanes: int | None = None
    what: str = "model"


class Search(NamedTuple):
    """What is searched.

    Attributes:
        grids: Values to choose from, learning rates first. They are searched in turn,
            with what is best of those before and the middle of those behind.
        repetitions: On which, none of them reported.
        further: Values that each may get beyond its ends, while the best is an end.
        reported: Repetitions that are reported, at most; None for all asked for.
    """

    grids: tuple[Sequence[float], ...]
    repetitions: int
    further: int = 0
    reported: int | None = None


class Learned(NamedTuple):
    """What an arm came to.

    Attributes:
        choice: Of each grid, the best.
        models: Trained, a lane for each reported repetition.
        lost: How many of them diverged; they are as they were before.
        limits: Of each grid, the least and the largest that was tried.
    """

    choice: tuple[float, ...]
    models: Any
    lost: int
    limits: tuple[tuple[float, float], ...]


def learned(
    context: Context,
    arm: Trainings,
    search: Search,
    score: Callable[[Any, Sequence[Job]], Any],
) -> Learned:
    """Search what to train by, and train by it on the reported repetitions.

    Args:
        context: How the experiment is run.
        arm: What is trained.
        search: What is searched; nothing where there is no choice.
        score: ``score(models, jobs)`` gives a number for each lane, the larger the
            better.
    """
    best = searched(context, arm, search, score)
    choice = tuple(own.value for own in best)
    seeds = list(context.seeds)[: search.reported]
    jobs = [Job(choice, REPORT, seed) for seed in seeds]
    models, lost = trained(context, arm, jobs)
    return Learned(choice, models, lost, tuple(own.limits for own in best))


def searched(
    context: Context,
    arm: Trainings,
    search: Search,
    score: Callable[[Any, Sequence[Job]], Any],
) -> list[Best]:
    """Search one grid after another; arguments are those of `learned`."""
    seeds = range(search.repetitions)
    means: dict[tuple[float, ...], float] = {}

    def scores(choices: Sequence[tuple[float, ...]]) -> list[float]:
        new = [choice for choice in choices if choice not in means]
        if new:
            jobs = [Job(choice, SEARCH, seed) for choice in new for seed in seeds]
            models, _ = trained(context, arm, jobs)
            results = np.reshape(score(models, jobs), (len(new), -1)).mean(-1)
            means.update(zip(new, results.tolist(), strict=True))
        return [means[choice] for choice in choices]

    choice = [sorted(grid)[len(grid) // 2] for grid in search.grids]
    best = []
    for place, grid in enumerate(search.grids):
        before, behind = choice[:place], choice[place + 1 :]

        def with_others(
            values: Sequence[float], before: Any = before, behind: Any = behind
        ) -> list[float]:
            return scores([(*before, value, *behind) for value in values])

        best.append(best_on(grid, search.further, with_others))
        choice[place] = best[-1].value
    return best


def trained(context: Context, arm: Trainings, jobs: Sequence[Job]) -> tuple[Any, int]:
    """Train the models of all jobs, some at a time; they, and how many diverged."""
    parts, lost, size = [], 0, arm.lanes or len(jobs)
    with context.follow(arm.name) as report:
        for first in range(0, len(jobs), size):
            part = list(jobs[first : first + size])
            filled = part + part[-1:] * (size - len(part))

            def tell(now: Any, first: int = first) -> None:
                report(first + size * now.step / now.steps, len(jobs))

            name = f"training-{crc32(repr([*arm.plan, *filled]).encode()):08x}"
            lanes = _side_by_side(
                context, arm, filled, Runtime(context.store(name), tell)
            )
            parts.append(lanes_of(lanes.models, slice(len(part))))
            lost += int(lanes.diverged[: len(part)].sum())
    return joined_lanes(parts), lost


def _side_by_side(
    context: Context, arm: Trainings, jobs: Sequence[Job], runtime: Runtime
) -> Any:
    seeds = [context.seed_of(f"{arm.what} to {job.purpose}", job.seed) for job in jobs]
    keys = jax.vmap(jax.random.key)(jnp.array(seeds, jnp.uint32))
    weights, batches = jax.vmap(jax.random.split, out_axes=1)(keys)
    return even_diverged(
        train_lanes,
        arm.start(jobs, weights),
        arm.task,
        arm.recipe,
        learning_rates=[job.choice[0] for job in jobs],
        keys=batches,
        runtime=runtime,
    )


def accuracies(
    models: Any, data: Any, places: Int[Any, "lanes n"], at_once: int | None = None
) -> Float[np.ndarray, "lanes"]:
    """Compute of each model the share of its pictures that it is right on, in %.

    Args:
        models: With ``logits(data, places)``, stacked.
        data: With ``labels``.
        places: Numbers of the pictures of each lane, (lanes, n).
        at_once: How many at a time, of which n is a multiple; None for all.
    """
    size = at_once or places.shape[-1]
    return 100 * np.asarray(_right(models, data, jnp.asarray(places), size), float)


@eqx.filter_jit
def _right(models: Any, data: Any, places: Array, at_once: int) -> Array:
    def share(lane: tuple[Any, Array]) -> Array:
        model, own = lane

        def right(part: Array) -> Array:
            return (model.logits(data, part).argmax(-1) == data.labels[part]).mean()

        return jax.lax.map(right, own.reshape(-1, at_once)).mean()

    return each_lane(share, (models, places))
