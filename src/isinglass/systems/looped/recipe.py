"""How a looped transformer is trained: steps, lengths, penalties, curricula."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import jax.numpy as jnp
import optax

from isinglass._common.checks import (
    as_list,
    check_choice,
    check_flag,
    check_kind,
    check_whole,
)
from isinglass.attention.positions import LAYOUTS, Layout
from isinglass.data.induction import FORMS, Form, InductionTask
from isinglass.systems.looped.penalties import EnergyEntropyObjective
from isinglass.training.optimiser import WarmupCosine, adamw, check_recipe

# The gradient is compiled once for each width of the arrays: one every so many symbols,
# and none that hardly any length would use.
WIDTHS_APART, FEWEST_LENGTHS = 16, 8


@dataclass(frozen=True)
class Recipe:
    """How to train; the defaults are those of Lam 2026 where it says.

    Several recipes one after the other are a curriculum in stages: see `train`.

    A pair of steps is counted from the recipe's own first step, 0; what grows does so
    linearly between the two, and (0, 0) leaves it at its largest from the start.

    Attributes:
        steps: Number of steps, at least 1.
        batch: Sequences in a step.
        shortest, longest: Lengths, both included, from which each step's is drawn
            uniformly. A model that is not causal would see padding: it gets the next of
            `widths` instead.
        learning_rate: Of AdamW, at its highest.
        weight_decay: Of AdamW, on all parameters.
        warmup: Steps over which the learning rate grows linearly from 0.
        decay: Whether it then falls along a cosine, to 0 at the last step.
        clip: Norm that gradients are cut back to; None for no limit. The paper does not
            say.
        objective: The loss and its penalties; schedules in it are given the recipe's
            own step.
        form: Form of the task to train on; None for that of the task given to `train`.
        length_curriculum: Two steps between which the longest length grows from
            `shortest`.
        vocabulary_curriculum: Two steps between which the symbols in use grow from
            `first_symbols` to the whole vocabulary.
        first_symbols: Symbols in use at first, at least 2; None for all of them.
        layout: Where symbols are placed, as `lay_out` has it. With "skips", what would
            have to be read across a gap is not asked for.
        farthest: Positions stay below this, where the layout is not "consecutive".

    Raises:
        ValueError: If a value is out of range.
    """

    steps: int = 20_000
    batch: int = 32
    shortest: int = 16
    longest: int = 64
    learning_rate: float = 1e-3
    weight_decay: float = 0.10
    warmup: int = 0
    decay: bool = False
    clip: float | None = 1.0
    objective: EnergyEntropyObjective = field(default_factory=EnergyEntropyObjective)
    form: Form | None = None
    length_curriculum: tuple[int, int] = (0, 0)
    vocabulary_curriculum: tuple[int, int] = (0, 0)
    first_symbols: int | None = None
    layout: Layout = "consecutive"
    farthest: int = 1024

    def __post_init__(self) -> None:
        check_recipe(self)
        check_whole(2, shortest=self.shortest)
        check_whole(self.shortest, longest=self.longest)
        if self.first_symbols is not None:
            check_whole(2, first_symbols=self.first_symbols)
        check_choice((None, *FORMS), form=self.form)
        check_flag(decay=self.decay)
        check_kind(EnergyEntropyObjective, objective=self.objective)
        for name in ("length_curriculum", "vocabulary_curriculum"):
            ends = as_list(name, getattr(self, name))
            for end in ends:
                check_whole(0, **{name: end})
            if len(ends) != 2 or ends[0] > ends[1]:
                raise ValueError(
                    f"{name} must be two steps in order, got {tuple(ends)}"
                )
        check_choice(LAYOUTS, layout=self.layout)
        check_whole(farthest=self.farthest)
        if self.layout != "consecutive" and self.farthest < self.longest:
            raise ValueError(
                f"farthest must be at least longest, {self.longest}, got "
                f"{self.farthest}"
            )

    @property
    def widths(self) -> tuple[int, ...]:
        """Widths that arrays are padded to: multiples of 16, and the longest length."""
        first = self.shortest + FEWEST_LENGTHS
        multiples = range(
            -(-first // WIDTHS_APART) * WIDTHS_APART,
            self.longest - FEWEST_LENGTHS + 1,
            WIDTHS_APART,
        )
        return (*multiples, self.longest)

    @property
    def rate(self) -> WarmupCosine:
        """How the learning rate runs: it would be 0 in the step after the last."""
        falling = max(self.steps - self.warmup, 1)
        return WarmupCosine(self.warmup, falling, 0.0 if self.decay else None)

    def optimiser(self, learning_rate: Any = None) -> optax.GradientTransformation:
        """AdamW, with the gradient cut back before and the learning rate scheduled.

        Args:
            learning_rate: At its highest; may be traced. The recipe's own if None.
        """
        highest = self.learning_rate if learning_rate is None else learning_rate
        schedule = self.rate.schedule(highest)
        return adamw(schedule, weight_decay=self.weight_decay, clip=self.clip)

    def longest_at(self, step: Any) -> Any:
        """The longest length that may be drawn at a step, which may be traced."""
        return _grown(self.shortest, self.longest, self.length_curriculum, step)

    def symbols_at(self, step: Any, vocabulary: int) -> Any:
        """How many symbols are in use at a step, which may be traced."""
        if self.first_symbols is None:
            return vocabulary
        return _grown(self.first_symbols, vocabulary, self.vocabulary_curriculum, step)

    def task(self, learned: InductionTask) -> InductionTask:
        """The task to train on, where `learned` is the one to learn.

        Raises:
            ValueError: If the recipe's lengths or symbols do not suit the task.
        """
        task = InductionTask(self.form or learned.form, learned.vocabulary)
        if self.shortest < task.shortest:
            raise ValueError(
                f"shortest must be at least {task.shortest} in the {task.form} form, "
                f"got {self.shortest}"
            )
        if self.first_symbols is not None and self.first_symbols > task.vocabulary:
            raise ValueError(
                f"first_symbols must be at most the vocabulary, {task.vocabulary}, "
                f"got {self.first_symbols}"
            )
        return task


@dataclass(frozen=True)
class Stage:
    """One stage of a training: `task` by `recipe`."""

    task: InductionTask
    recipe: Recipe

    def rule(self) -> Stage:
        """A stage with what the compiled steps depend on, and nothing else.

        The rate is given to them as a number, and how many steps there are matters only
        where it decays, so that no other needs compiling.
        """
        recipe = replace(self.recipe, learning_rate=1.0)
        return Stage(self.task, recipe if recipe.decay else replace(recipe, steps=1))


def recipes_in_order(recipe: Recipe | Sequence[Recipe]) -> tuple[Recipe, ...]:
    """The recipes that are run one after the other.

    Raises:
        ValueError: If there is none.
        TypeError: If one is something else.
    """
    check_kind(Recipe, Sequence, recipe=recipe)
    recipes = (recipe,) if isinstance(recipe, Recipe) else tuple(recipe)
    for number, stage in enumerate(recipes):
        check_kind(Recipe, **{f"recipe[{number}]": stage})
    if not recipes:
        raise ValueError("recipe must hold at least one Recipe, got none")
    return recipes


def first_steps(recipes: Sequence[Recipe]) -> tuple[int, ...]:
    """First step of each recipe, counted over all, and where the last one ends."""
    return tuple(itertools.accumulate((recipe.steps for recipe in recipes), initial=0))


def _grown(first: int, last: int, between: tuple[int, int], step: Any) -> Any:
    begin, end = between
    if begin == end:
        return jnp.where(step < end, first, last)
    return jnp.clip(
        first + (last - first) * (step - begin) // (end - begin), first, last
    )
