"""What the experiments share: arms, and how models of all instances are trained.

All instances of a draw are one input, of which some have labels: a step is one epoch.
Models of many draws and learning rates are trained side by side. The rate of an arm is
searched on the validation labels of draws that are not reported.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple
from zlib import crc32

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Bool, Float, Int, PRNGKeyArray

from isinglass._common.intervals import mean_interval
from isinglass.reproduce import Context
from isinglass.systems.diffusion import DIFFormer, DIFFormerConfig, conductances
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
PERCENT = {"unit": "%", "valid_range": (0, 100)}


class Arm(NamedTuple):
    """What is trained.

    Attributes:
        name: What to call it.
        kind: Of `DIFFormerConfig`: what flows between all pairs.
        norm: Of its queries and keys.
        has_graph: Whether it flows along a graph, too.
        graph_weight: Of that flow, where both are averaged; None where they are added.
    """

    name: str
    kind: str
    norm: str = "global"
    has_graph: bool = False
    graph_weight: float | None = None

    def along_graph(self, name: str = "") -> Arm:
        """The same beside a graph."""
        return self._replace(name=name or f"{self.name} + graph", has_graph=True)


PUBLISHED = Arm("-s as published", "simple")
ROWS = Arm("-s, rows normed", "simple", "rows")
SIGMOID = Arm("-a", "sigmoid")
MEAN = Arm("mean", "mean")
NONE = Arm("no mixing", "none")
CONVOLVED = NONE.along_graph("graph, S = I (GCN)")
# S = I adds an instance to itself; with S = 0 its weight is that beside the mean.
BARE = NONE.along_graph("graph, S = 0")._replace(graph_weight=1.0)


@dataclass(frozen=True)
class Training:
    """How an arm is trained.

    Attributes:
        width: d of the hidden state.
        layers: Of the model.
        epochs: Steps, of all instances.
        rates: Learning rates to choose from.
        searches: Draws that they are chosen on, none of them reported.
        lanes: Models that are trained side by side.
        every: Epochs between two looks at the validation labels; the best counts.
    """

    width: int = 64
    layers: int = 2
    epochs: int = 200
    rates: tuple[float, ...] = (0.003, 0.01, 0.03)
    searches: int = 2
    lanes: int = 8
    every: int = 5

    @property
    def recipe(self) -> LaneRecipe:
        """AdamW at a constant rate, of decay 0.01 as the program's L2 penalty."""
        return LaneRecipe(
            steps=self.epochs,
            weight_decay=0.01,
            betas=(0.9, 0.999),
            decay=False,
            every=self.every,
            best=True,
        )


class Draws(eqx.Module):
    """Draws of labelled instances, along the first axis.

    Attributes:
        features: (draws, N, F), or (N, F) where all draws are of the same instances.
        labels: From 0 on, (draws, N).
        training: Which labels are learned from, (draws, N).
        validation: Which labels are chosen by, (draws, N); the others are tested on.
        graph: A `Graph` of the instances, its arrays with the axes that features have
            before N; or None.
    """

    features: Float[Array, "*instances n f"]
    labels: Int[Array, "*draws n"]
    training: Bool[Array, "*draws n"]
    validation: Bool[Array, "*draws n"]
    graph: Any = None

    def at(self, place: Any) -> Draws:
        """One draw."""
        shared = self.features.ndim == 2
        features, graph = self.features, self.graph
        if not shared:
            features, graph = jax.tree.map(lambda x: x[place], (features, graph))
        masks = self.labels[place], self.training[place], self.validation[place]
        return Draws(features, *masks, graph)

    @property
    def test(self) -> Bool[np.ndarray, "*draws n"]:
        """Which labels are tested on."""
        return ~np.asarray(self.training | self.validation)


class Learner(eqx.Module):
    """A model and the draw that it learns.

    Attributes:
        net: The model.
        place: Number of its draw.
        has_graph: Whether it is told the graph.
    """

    net: DIFFormer
    place: Int[Array, "*lanes"]
    has_graph: bool = eqx.field(static=True)

    def logits(
        self, draw: Draws, key: PRNGKeyArray | None = None
    ) -> Float[Array, "n c"]:
        """Of all instances of a draw."""
        graph = draw.graph if self.has_graph else None
        return self.net(draw.features, graph, key=key)

    def states(self, draws: Draws) -> Float[Array, "k n d"]:
        """What the layers make of the instances of its draw."""
        draw = draws.at(self.place)
        return self.net.states(draw.features, draw.graph if self.has_graph else None)


class Job(NamedTuple):
    """One training.

    Attributes:
        place: Number of the draw.
        rate: Learning rate.
        seed: Of the first weights and of dropout, the same for all arms.
    """

    place: int
    rate: float
    seed: int


class Problem(NamedTuple):
    """Draws to learn, by what they are for.

    Attributes:
        name: What to call it.
        draws: All of them.
        classes: How many there are.
        places: Number of a draw by case (such as the number of labels), purpose and
            seed.
    """

    name: str
    draws: Draws
    classes: int
    places: Mapping[Any, int]

    def of(self, case: Hashable, purpose: str) -> dict[int, int]:
        """Numbers of the draws of a case by seed."""
        return {
            key[2]: place
            for key, place in self.places.items()
            if key[:2] == (case, purpose)
        }


class Outcome(NamedTuple):
    """What an arm came to in one case.

    Attributes:
        rate: The learning rate that was chosen.
        models: Trained models, a lane for each reported seed.
        accuracy: On test labels in %, (seeds,).
    """

    rate: float
    models: Learner
    accuracy: Float[np.ndarray, "seeds"]


def loss(model: Learner, draws: Draws, key: PRNGKeyArray) -> Float[Array, ""]:
    """Cross-entropy of the training labels, with dropout."""
    draw = draws.at(model.place)
    losses = optax.softmax_cross_entropy_with_integer_labels(
        model.logits(draw, key), draw.labels
    )
    return (losses * draw.training).sum() / draw.training.sum()


def validation_error(model: Learner, draws: Draws) -> Float[Array, ""]:
    """Share of the validation labels that are wrong."""
    draw = draws.at(model.place)
    wrong = model.logits(draw).argmax(-1) != draw.labels
    return (wrong & draw.validation).sum() / draw.validation.sum()


@eqx.filter_jit
def _predictions(models: Learner, draws: Draws) -> Int[Array, "lanes n"]:
    return each_lane(
        lambda model: model.logits(draws.at(model.place)).argmax(-1), models
    )


@eqx.filter_jit
def unevenness(models: Learner, draws: Draws) -> Float[Array, "lanes"]:
    """N · max |S − 1/N| of each model, the largest of its layers: 0 of the mean."""

    def largest(model: Learner) -> Array:
        config, parts = model.net.config, []
        states = model.states(draws)
        for layer, state in zip(model.net.layers, states, strict=False):
            queries, keys = (
                (state @ part.weight + part.bias).reshape(
                    -1, config.heads, config.width
                )
                for part in (layer.query, layer.key)
            )
            shares = conductances(queries, keys, config.kind, config.norm)
            parts.append(jnp.abs(len(state) * shares - 1).max())
        return jnp.stack(parts).max()

    return each_lane(largest, models)


def learned(
    context: Context,
    problem: Problem,
    arm: Arm,
    training: Training,
    cases: Sequence[Hashable],
) -> dict[Any, Outcome]:
    """Search a rate for each case, and train with it on the reported draws."""
    searched = [
        Job(place, rate, seed)
        for case in cases
        for rate in training.rates
        for seed, place in problem.of(case, SEARCH).items()
    ]
    models = _trained(context, problem, arm, training, searched)
    right = _right(models, problem.draws, np.asarray(problem.draws.validation))
    rates = right.reshape(len(cases), len(training.rates), -1).mean(-1).argmax(-1)
    chosen = {
        case: training.rates[best] for case, best in zip(cases, rates, strict=True)
    }
    jobs = [
        Job(place, chosen[case], seed)
        for case in cases
        for seed, place in problem.of(case, REPORT).items()
    ]
    models = _trained(context, problem, arm, training, jobs)
    accuracy = _right(models, problem.draws, problem.draws.test)
    outcomes, first = {}, 0
    for case in cases:
        lanes = slice(first, first + len(problem.of(case, REPORT)))
        part = lanes_of(models, lanes)
        outcomes[case] = Outcome(chosen[case], part, accuracy[lanes])
        first = lanes.stop
    return outcomes


def sides_of(cases: Mapping[Any, Any], side: str) -> int:
    """In how many cases paired differences lie on a side.

    It is "ahead of" 0, "behind" or "level with" it: the first two are those in which
    the 95 % interval of the mean is on one side of 0.
    """
    return sum(_side(values) == side for values in cases.values())


def _side(differences: Any) -> str:
    _, low, high = mean_interval(np.asarray(differences))
    if low > 0:
        return "ahead of"
    return "behind" if high < 0 else "level with"


def _right(models: Learner, draws: Draws, mask: np.ndarray) -> np.ndarray:
    """Share of the labels under a mask that each model is right on, in %."""
    places = np.asarray(models.place)
    right = np.asarray(_predictions(models, draws)) == np.asarray(draws.labels)[places]
    return 100 * (right & mask[places]).sum(-1) / mask[places].sum(-1)


def _trained(
    context: Context, problem: Problem, arm: Arm, training: Training, jobs: list[Job]
) -> Learner:
    """Models of all jobs, some at a time, so that all take one compiled program."""
    parts = []
    name = f"{problem.name}: {arm.name}"
    with context.follow(name) as report:
        for first in range(0, len(jobs), training.lanes):
            lanes = jobs[first : first + training.lanes]
            filled = lanes + lanes[-1:] * (training.lanes - len(lanes))

            def tell(now: Any, first: int = first) -> None:
                report(first + training.lanes * now.step / now.steps, len(jobs))

            runtime = Runtime(_store(context, problem, arm, training, filled), tell)
            models = _side_by_side(context, problem, arm, training, filled, runtime)
            parts.append(lanes_of(models, slice(len(lanes))))
    return joined_lanes(parts)


def _side_by_side(
    context: Context,
    problem: Problem,
    arm: Arm,
    training: Training,
    jobs: list[Job],
    runtime: Runtime,
) -> Learner:
    draws = problem.draws
    config = DIFFormerConfig(
        inputs=draws.features.shape[-1],
        classes=problem.classes,
        width=training.width,
        layers=training.layers,
        kind=arm.kind,
        norm=arm.norm,
        graph_weight=arm.graph_weight,
    )
    seeds = [context.seed_of("model", job.place, job.seed) for job in jobs]
    keys = jax.vmap(jax.random.key)(jnp.array(seeds, jnp.uint32))
    weights, dropout = jax.vmap(jax.random.split, out_axes=1)(keys)
    nets = eqx.filter_vmap(lambda key: DIFFormer(config, key=key))(weights)
    places = jnp.array([job.place for job in jobs], jnp.int32)
    lanes = even_diverged(
        train_lanes,
        Learner(nets, places, arm.has_graph),
        LaneTask(loss, draws, validation_error),
        training.recipe,
        learning_rates=[job.rate for job in jobs],
        keys=dropout,
        runtime=runtime,
    )
    return lanes.models


def _store(
    context: Context, problem: Problem, arm: Arm, training: Training, jobs: list[Job]
) -> Any:
    """Folder of the checkpoint of some jobs: another for each problem, arm and job."""
    words = [problem.name, arm.name, training, *jobs]
    number = crc32(repr(words).encode())
    return context.store(f"training-{number:08x}")
