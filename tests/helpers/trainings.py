"""Small trainings of every system, with what the engine's contract needs of each."""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from helpers import lane_training, looped_training, memory_training
from helpers.looped_training import BASELINE, EVALUATION, RECIPE
from helpers.memory_training import CONFIG, TEXT, recipe
from isinglass.data.sources import TextSource
from isinglass.systems.looped import EnergyEntropyObjective
from isinglass.systems.memory import Execution, TransformerConfig, train
from isinglass.training import LaneTask

Training = Callable[..., Any]  # of keyword arguments, `runtime` among them


@dataclasses.dataclass(frozen=True)
class Case:
    """A training and its kin.

    Attributes:
        run: It; takes `runtime` by keyword.
        others: Other trainings, by what the refusal says that differs.
        diverging: One that diverges, at `step` by `term`.
    """

    run: Training
    others: Mapping[str, Training]
    diverging: Training
    step: int
    term: str


class StopError(Exception):
    """A training is interrupted."""


def stopping_at(step):
    """Progress that interrupts a training at a step."""

    def progress(now):
        if now.step >= step:
            raise StopError

    return progress


def leaves(run):
    """Parameters, as NumPy arrays."""
    model = run.models if hasattr(run, "models") else run.model
    return [np.asarray(leaf) for leaf in jax.tree.leaves(model)]


def assert_same(run, other):
    """Refuse trainings that are not the same to the bit."""
    for mine, its in zip(leaves(run), leaves(other), strict=True):
        np.testing.assert_array_equal(mine, its)
    assert run.metrics.identical(other.metrics)
    assert getattr(run, "stopped", None) == getattr(other, "stopped", None)


def with_arguments(function, *arguments, **options):
    """The function, of these; more options may be added."""
    return lambda **more: function(*arguments, **options, **more)


# -- looped transformers ---------------------------------------------------------------


def _looped_objective(**terms):
    return dataclasses.replace(RECIPE, objective=EnergyEntropyObjective(**terms))


UNTIL_13 = _looped_objective(
    potential=lambda step: jnp.where(jnp.asarray(step) < 13, 0.1, jnp.nan)
)
_looped = looped_training.run
_changed = dataclasses.replace
LOOPED = Case(
    _looped,
    {
        r"config\.width is 4 there, 8 asked for": with_arguments(
            _looped, config=_changed(looped_training.CONFIG, width=8)
        ),
        r"config\.positional_scale is 0.15": with_arguments(
            _looped, config=_changed(looped_training.CONFIG, positional_scale=0.2)
        ),
        r"task\.form is last-token there": with_arguments(
            _looped, task=_changed(looped_training.TASK, form="full-sequence")
        ),
        r"recipe\[0\]\.learning_rate is 0.03": with_arguments(
            _looped, _changed(RECIPE, learning_rate=0.02)
        ),
        "recipe is ": with_arguments(_looped, RECIPE, RECIPE),
        r"recipe\[0\]\.objective\.kinetic is 0.001 there, 0.5 asked": with_arguments(
            _looped, _looped_objective(kinetic=0.5)
        ),
        r"recipe\[0\]\.objective\.potential is 0.1 there": with_arguments(
            _looped, _looped_objective(potential=optax.linear_schedule(0, 1, 9))
        ),
        r"seeds is \[0, 3\] there, \[0, 4\] asked for": with_arguments(
            _looped, seeds=(0, 4)
        ),
        r"evaluate\.every is 10 there, 20 asked": with_arguments(
            _looped, evaluate=_changed(EVALUATION, every=20)
        ),
        r"evaluate\.stop_at is None there, 0.5 asked for": with_arguments(
            _looped, evaluate=_changed(EVALUATION, stop_at=0.5)
        ),
        "system is looped there, memory asked for": memory_training.run,
    },
    diverging=with_arguments(_looped, UNTIL_13),
    step=13,
    term="loss",
)

_SHORT = _changed(EVALUATION, lengths=(8,))
_baseline = with_arguments(_looped, config=BASELINE, seeds=(5,), evaluate=_SHORT)
LOOPED_BASELINE = Case(
    _baseline,
    {
        r"config\.heads is 2 there, 1 asked": with_arguments(
            _looped, config=_changed(BASELINE, heads=1), seeds=(5,), evaluate=_SHORT
        ),
        r"config\.\w+ is \w+ there": with_arguments(
            _looped, seeds=(5,), evaluate=_SHORT
        ),
    },
    diverging=with_arguments(
        _looped,
        _changed(RECIPE, learning_rate=1e30),
        config=BASELINE,
        seeds=(5,),
        evaluate=_SHORT,
    ),
    step=1,
    term="task",
)


# -- transformers as memories ----------------------------------------------------------


class Broken(TextSource):
    """A text of which some batches are weighted otherwise."""

    def __init__(self, weight, is_broken):
        super().__init__(np.frombuffer(TEXT, np.uint8), 16, 256)
        self.weight, self.is_broken, self.taken = weight, is_broken, 0

    def take(self, places):
        batch = super().take(places)
        self.taken += 1
        if not self.is_broken(self.taken):
            return batch
        return batch._replace(weights=batch.weights * self.weight)


def _broken_fourth(runtime):
    source = Broken(np.float32(np.nan), lambda count: count == 4)
    return train(CONFIG, source, recipe(), runtime=runtime)


_memory = memory_training.run
MEMORY = Case(
    _memory,
    {
        r"recipe\.steps is 20 there, 30 asked for": with_arguments(
            _memory, recipe(steps=30)
        ),
        r"recipe\.execution\.dtype is float32 the": with_arguments(
            _memory, recipe(execution=Execution("bfloat16"))
        ),
        r"config\.heads is 2 there, 4 asked for": with_arguments(
            _memory, config=TransformerConfig(256, 16, 16, 4, 2)
        ),
        r"start is seed there, parameters .* asked for": with_arguments(
            _memory, config=memory_training.random_model(CONFIG)
        ),
        r"source\.digest is text .* there, text .* asked for": lambda runtime: train(
            CONFIG,
            TextSource(np.frombuffer(TEXT[::-1], np.uint8), 16, 256),
            recipe(),
            validation=memory_training.sources()[1],
            runtime=runtime,
        ),
        "system is memory there, looped asked for": _looped,
    },
    diverging=_broken_fourth,
    step=3,
    term="loss",
)


# -- models in lanes -------------------------------------------------------------------

_lanes = lane_training.run
LANES = Case(
    _lanes,
    {
        r"recipe\.steps is 60 there, 50 asked": with_arguments(
            _lanes, _changed(lane_training.RECIPE, steps=50)
        ),
        r"learning_rates is \[0.05, 0.1\] there, \[0.05, 0.2\] asked": with_arguments(
            _lanes, rates=(0.05, 0.2)
        ),
        r"keys is .* asked for": with_arguments(_lanes, keys=lane_training.KEYS[2:4]),
        r"models is arrays .* asked for": with_arguments(
            _lanes, start=lane_training.models(slice(2, 4))
        ),
        r"data is arrays .* asked for": with_arguments(
            _lanes, task=_changed(lane_training.TASK, data=lane_training.OTHER_DATA)
        ),
        r"plan\.loss is mean square there, nothing asked for": with_arguments(
            _lanes, task=_changed(lane_training.TASK, plan={})
        ),
        "system is lanes there, memory asked for": memory_training.run,
    },
    diverging=with_arguments(
        _lanes, task=LaneTask(lane_training.loss_until_13, lane_training.DATA)
    ),
    step=13,
    term="loss",
)
