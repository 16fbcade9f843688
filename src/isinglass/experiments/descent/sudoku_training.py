"""How the arms of `descent-sudoku` are trained, their rates chosen, and measured."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Float, Int, PRNGKeyArray

from isinglass.experiments.descent import sudoku_arms as arms
from isinglass.experiments.descent.layers import fixed_numbers
from isinglass.experiments.descent.sudoku_arms import Shape
from isinglass.experiments.descent.sudoku_puzzles import Pool, Split
from isinglass.reproduce import Context, following
from isinglass.systems.descent import SymbolHyperSET, token_spread
from isinglass.training import LaneRecipe, Lanes, LaneTask, train_lanes

SPANS = ("1 to T", "T + 1 to 2T")


@dataclass(frozen=True)
class Setting:
    """Puzzles, models and how they are trained.

    Attributes:
        shape: Sizes of all models.
        iterations: T.
        puzzles: How many are made.
        givens: Least and most filled cells.
        steps: Of the reported trainings.
        batch: Puzzles in a step.
        rates: Learning rates that are tried.
        search_steps: Of the trainings that they are tried in.
        search_seeds: How many of each rate.
        tests: Most puzzles that a model is tested on.
        weight_decay: Of AdamW.
        arms: Which are trained.
    """

    shape: Shape
    iterations: int
    puzzles: int
    givens: tuple[int, int]
    steps: int
    batch: int
    rates: tuple[float, ...]
    search_steps: int
    search_seeds: int
    tests: int
    weight_decay: float = 0.1
    arms: tuple[str, ...] = arms.ARMS

    def of(self, some: Sequence[str]) -> list[str]:
        """Those of some arms that are trained."""
        return [arm for arm in some if arm in self.arms]

    @property
    def board(self) -> str:
        """Such as "4 × 4"."""
        return f"{self.shape.size} × {self.shape.size}"

    def recipe(self, steps: int) -> LaneRecipe:
        """As published but for the rate: AdamW (0.9, 0.95), clip 1, a cosine."""
        return LaneRecipe(
            steps,
            weight_decay=self.weight_decay,
            betas=(0.9, 0.95),
            warmup=steps // 20,
            every=max(1, steps // 4),
        )


class Puzzles(NamedTuple):
    """What all lanes share: the pool, and places of it to choose rates on."""

    puzzles: Int[Array, "k cells"]
    solutions: Int[Array, "k cells"]
    tuning: Int[Array, "v"]


class Lane(eqx.Module):
    """A model, and the puzzles it is trained on."""

    solver: SymbolHyperSET
    train: Int[Array, "m"]


def logits_after(
    solver: SymbolHyperSET, puzzles: Int[Array, "b cells"], iterations: int
) -> Float[Array, "b cells n"]:
    """The solver's logits, all of its iterations kept for the gradient.

    Computing each anew, as the solver does by itself, would save memory that such small
    models do not need, and take longer.
    """
    state = solver.embed(puzzles)
    layer = solver.layer.started(state)

    def body(state: Array, time: Array) -> tuple[Array, None]:
        return layer.step(state, time), None

    state = jax.lax.scan(body, state, jnp.arange(iterations))[0]
    return solver.decode(state)


@dataclass(frozen=True)
class Loss:
    """Cross-entropy of the empty cells after T iterations, nats, of a batch."""

    iterations: int
    batch: int

    def __call__(self, lane: Lane, data: Puzzles, key: PRNGKeyArray) -> Array:
        """The loss of a batch that the key draws."""
        places = jax.random.choice(key, lane.train, (self.batch,))
        return self.of_places(lane, data, places)

    def of_places(self, lane: Lane, data: Puzzles, places: Int[Array, "b"]) -> Array:
        """The loss of some puzzles."""
        puzzles, solutions = data.puzzles[places], data.solutions[places]
        logits = logits_after(lane.solver, puzzles, self.iterations)
        losses = optax.softmax_cross_entropy_with_integer_labels(logits, solutions - 1)
        empty = puzzles == 0
        return (losses * empty).sum() / empty.sum()


@dataclass(frozen=True)
class Validation(Loss):
    """The same of all puzzles that rates are chosen on."""

    def __call__(self, lane: Lane, data: Puzzles, key: Any = None) -> Array:
        """The loss."""
        del key
        return self.of_places(lane, data, data.tuning)


@dataclass(frozen=True)
class Trainings:
    """Trainings of one arm on one pool.

    Attributes:
        context: Whose seeds and checkpoints they are.
        setting: How.
        pool: The puzzles.
        arm: Which.
    """

    context: Context
    setting: Setting
    pool: Pool
    arm: str

    def search(self, split: Split) -> Float[np.ndarray, "rates"]:
        """Validation loss after short trainings, by rate: the mean over seeds."""
        setting = self.setting
        seeds = np.tile(np.arange(setting.search_seeds), len(setting.rates))
        lanes = self._train(
            "search",
            seeds,
            [split] * len(seeds),
            np.repeat(setting.rates, setting.search_seeds),
            setting.recipe(setting.search_steps),
        )
        last = lanes.metrics.validation.isel(step=-1).values
        last = np.where(lanes.diverged, np.inf, last)
        return last.reshape(len(setting.rates), -1).mean(1)

    def report(self, splits: Sequence[Split], rate: float) -> Lanes:
        """Models of all seeds, trained at a rate."""
        setting, seeds = self.setting, np.array(self.context.seeds)
        rates = np.full(len(seeds), rate)
        recipe = setting.recipe(setting.steps)
        return self._train("report", seeds, splits, rates, recipe)

    def _train(
        self,
        purpose: str,
        seeds: Int[np.ndarray, "lanes"],
        splits: Sequence[Split],
        rates: Float[np.ndarray, "lanes"],
        recipe: LaneRecipe,
    ) -> Lanes:
        setting, context = self.setting, self.context
        # The same seeds in all arms: these begin with the same embedding, and are
        # shown the same batches.
        keys = jnp.stack(
            [jax.random.key(context.seed_of(purpose, int(seed))) for seed in seeds]
        )
        rows = jnp.asarray(np.stack([split.train for split in splits]))
        models = eqx.filter_jit(eqx.filter_vmap(self._lane))(keys, rows)
        tuning = splits[0].test if purpose == "search" else np.arange(1)
        layer = models.solver.layer
        task = LaneTask(
            Loss(setting.iterations, setting.batch),
            Puzzles(
                jnp.asarray(self.pool.puzzles),
                jnp.asarray(self.pool.solutions),
                jnp.asarray(tuning[: setting.tests]),
            ),
            Validation(setting.iterations, 0) if purpose == "search" else None,
            frozen=_numbers if fixed_numbers(layer) else None,
            plan={"arm": self.arm, "board": setting.board, "batch": setting.batch},
        )
        name = f"{purpose}-{setting.shape.size}-{arms.ARMS.index(self.arm)}"
        what = f"{setting.board}, {self.arm}, {purpose}"
        with following(context, name, what) as runtime:
            return train_lanes(
                models,
                task,
                recipe,
                learning_rates=rates,
                keys=keys,
                runtime=runtime,
            )

    def _lane(self, key: PRNGKeyArray, rows: Int[Array, "m"]) -> Lane:
        return Lane(arms.make_solver(self.arm, self.setting.shape, key), rows)


def _numbers(lane: Lane) -> tuple[Any, ...]:
    return fixed_numbers(lane.solver.layer)


@eqx.filter_jit
def solved(
    solver: SymbolHyperSET,
    puzzles: Int[Array, "b cells"],
    solutions: Int[Array, "b cells"],
    iterations: int,
) -> Float[Array, "iterations"]:
    """Percent of the boards whose empty cells are all right, after each iteration."""
    state = solver.embed(puzzles)
    layer = solver.layer.started(state)

    def body(state: Array, time: Array) -> tuple[Array, Array]:
        state = layer.step(state, time)
        right = solver.decode(state).argmax(-1) + 1 == solutions
        return state, (right | (puzzles > 0)).all(-1).mean()

    return 100 * jax.lax.scan(body, state, jnp.arange(iterations))[1]


class Descent(NamedTuple):
    """What a trained layer does to its energy, over 2T iterations.

    Attributes:
        rises: Percent of iterations in which it rises, by `SPANS`.
        energy: Mean over boards, by iteration from 0 on, (2T + 1,).
    """

    rises: Float[np.ndarray, "2"]
    energy: Float[np.ndarray, "times"]


def descent(
    solver: SymbolHyperSET, puzzles: Int[Array, "b cells"], iterations: int
) -> Descent:
    """Follow the energy of boards over twice the iterations trained with."""
    report = solver.layer.follow(solver.embed(puzzles), 2 * iterations)
    halves = report.rose[:iterations], report.rose[iterations:]
    rises = np.array([100 * float(half.mean()) for half in halves])
    return Descent(rises, np.asarray(report.energies.mean(-1)))


class Geometry(NamedTuple):
    """How the tokens of a trained Hyper-SET lie in its subspaces, and its steps.

    Attributes:
        rank: Effective rank of projections, at x(0) and x(T), mean over boards, heads.
        angle: Mean angle of two, degrees, likewise.
        negative: Percent of α and γ over iterations 1 to T that are below 0.
    """

    rank: Float[Array, "2"]
    angle: Float[Array, "2"]
    negative: Float[Array, "2"]


@eqx.filter_jit
def geometry(
    solver: SymbolHyperSET, puzzles: Int[Array, "b cells"], iterations: int
) -> Geometry:
    """Measure the spread of tokens, and the signs of steps."""
    first = solver.embed(puzzles)
    layer = solver.layer.started(first)
    both = jnp.stack([first, solver.layer.iterate(first, iterations)])
    spread = token_spread(layer.projections(both))

    def signs(time: Array) -> Array:
        return jnp.stack([(half < 0).mean() for half in layer.step_sizes(first, time)])

    negative = jax.lax.map(signs, jnp.arange(iterations)).mean(0)
    rank, angle = (values.mean((1, 2)) for values in spread)
    return Geometry(rank, angle, 100 * negative)
