"""Pictures completed by a descent of an energy, beside its controls and peers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np
import xarray as xr

from isinglass._common.intervals import mean_interval
from isinglass.experiments.descent.completion_figures import depths, errors, examples
from isinglass.experiments.descent.completion_models import nearest_pictures, retrieved
from isinglass.experiments.descent.completion_setting import (
    COUNTS,
    DEEP,
    DEPTHS,
    ENCODER,
    ET,
    HOPFIELD,
    HYPERSET,
    INVERSE_TEMPERATURES,
    LEAK,
    LOOPED,
    MEAN,
    NEAREST,
    PEERS,
    QUERY_ONLY,
    SETTINGS,
    STEPS,
    TRAINED,
    UPDATES,
    Data,
    Pictures,
    load,
    whole,
)
from isinglass.experiments.descent.completion_training import (
    Arm,
    completed,
    reported,
    searched,
)
from isinglass.reproduce import Cell, Context, Figure, Ledger, side_by_side

SHOWN = 6  # pictures in the figure
NOT_PUBLISHED = "The paper shows pictures of ImageNet, and states no error"


def measure(context: Context) -> xr.Dataset:
    """Errors of all on the same test pictures with the same patches hidden.

    `deep` is the error after other numbers of steps, on some of them; `search` the
    validation error by learning rate; `completed` what is made of the first pictures.
    """
    options = SETTINGS[context.resolution]
    data = load(context, options)

    def train(context: Context, name: str) -> xr.Dataset:
        return _measured_arm(context, Arm(name, options), data)

    parts = side_by_side(context, train, TRAINED)
    arms = xr.concat(list(parts.values()), xr.IndexVariable("arm", list(TRAINED)))
    peers = _measured_peers(context, data)
    own = arms.drop_vars("completed")
    joined = {
        name: xr.concat(
            [arms[name].rename(arm="model"), peers[name].rename(peer="model")],
            "model",
        )
        for name in ("error", "completed")
    }
    first = data.tested(context, context.seeds[0])
    shown = np.where(first.hidden[..., None], np.nan, first.patches)[:SHOWN]
    return xr.Dataset(
        {
            **own.drop_vars("error"),
            **joined,
            "tuned": peers.tuned,
            "original": (("picture", "y", "x"), whole(first.patches[:SHOWN])),
            "shown": (("picture", "y", "x"), whole(shown)),
        }
    )


def _measured_arm(context: Context, arm: Arm, data: Data) -> xr.Dataset:
    """Choose a rate with seeds of its own, train those that are reported, and test."""
    options = arm.setting
    search, rate = searched(context, arm, data)
    lanes = reported(context, arm, data, rate)
    error = context.table(seed=context.seeds)
    deep = context.table(depth=DEPTHS, seed=context.seeds)
    made = np.empty(0)
    for index, seed in enumerate(context.seeds):
        model, pictures = lanes.of(index), data.tested(context, seed)
        patches = _complete(model, *pictures, jnp.asarray(arm.steps))
        error.loc[seed] = pictures.error(_pixels(patches))
        if index == 0:
            made = whole(patches[:SHOWN])
        if arm.name in DEEP:
            few = Pictures(*(part[: options.deep] for part in pictures))
            for depth in DEPTHS:
                patches = _complete(model, *few, jnp.asarray(depth))
                deep.loc[depth, seed] = few.error(_pixels(patches))
    return xr.Dataset(
        {
            "error": error,
            "deep": deep,
            "completed": (("picture", "y", "x"), made),
            "search": ("learning_rate", search),
            "rate": rate,
            "parameters": arm.parameters(lanes.of(0)),
            "diverged": int(lanes.diverged.sum()),
        },
        {"learning_rate": list(options.rates)},
    )


_complete = eqx.filter_jit(completed)


def _pixels(patches: Any) -> np.ndarray:
    """Pictures, patch after patch."""
    return np.asarray(patches).reshape(len(patches), -1)


def _measured_peers(context: Context, data: Data) -> xr.Dataset:
    """What needs no training, its numbers chosen on validation pictures."""
    stored = data.train.reshape(len(data.train), -1)
    check = data.validation
    made = nearest_pictures(stored, check.pixels, check.hidden_pixels, COUNTS)
    count = COUNTS[int(np.argmin([check.error(outcome) for outcome in made]))]
    options = [(beta, n) for beta in INVERSE_TEMPERATURES for n in UPDATES]
    scores = [
        check.error(retrieved(stored, check.pixels, check.hidden_pixels, *option))
        for option in options
    ]
    beta, updates = options[int(np.argmin(scores))]
    error = context.table(peer=PEERS, seed=context.seeds)
    first: list[np.ndarray] = []
    for (seed,) in context.cases(context.seeds, what="peers"):
        pictures = data.tested(context, seed)
        places = pictures.pixels, pictures.hidden_pixels
        outcomes = {
            NEAREST: nearest_pictures(stored, *places, (count,))[0],
            HOPFIELD: retrieved(stored, *places, beta, updates),
            MEAN: np.broadcast_to(stored.mean(0), pictures.pixels.shape),
        }
        for peer, outcome in outcomes.items():
            error.loc[peer, seed] = pictures.error(outcome)
        shape = (SHOWN, *data.test.shape[1:])
        first = first or [whole(p[:SHOWN].reshape(shape)) for p in outcomes.values()]
    return xr.Dataset(
        {
            "error": error,
            "completed": (("peer", "picture", "y", "x"), np.stack(first)),
            "tuned": ("choice", np.array([count, beta, updates], float)),
        },
        {"choice": ["k", "β", "updates"]},
    )


def less(measured: xr.Dataset, method: str, other: str = ET) -> xr.DataArray:
    """A method's error less another's, on the same draws."""
    return measured.error.sel(model=method) - measured.error.sel(model=other)


def deeper(measured: xr.Dataset, arm: str, depth: int) -> xr.DataArray:
    """The error after a number of steps less that after the trained number."""
    deep = measured.deep.sel(arm=arm)
    return deep.sel(depth=depth) - deep.sel(depth=STEPS)


def relation(more: xr.DataArray) -> str:
    """Whether what has that much more error is "behind", "ahead" or "level"."""
    if more.sizes["seed"] < 2:
        return "level"
    _, low, high = mean_interval(more.values)
    return "behind" if low > 0 else "ahead" if high < 0 else "level"


def compare(measured: xr.Dataset, ledger: Ledger) -> None:
    """Errors, differences on the same draws, and errors by number of steps."""
    ledger = ledger.using(because=NOT_PUBLISHED)
    for method in measured.model.values:
        values = measured.error.sel(model=method)
        ledger.using(table="Mean square error of hidden pixels").ours_alone(
            Cell(method, "error", f"error, {method}"), values
        )
        if method != ET:
            ledger.using(table="Error less the Energy Transformer's").ours_alone(
                Cell(method, "difference", f"{method} less {ET}"),
                less(measured, method),
            )
    table = ledger.using(table="Error by number of steps at test, trained with 12")
    for arm in DEEP:
        for depth in DEPTHS:
            table.ours_alone(
                Cell(arm, f"T = {depth}", f"error, {arm}, T = {depth}"),
                measured.deep.sel(arm=arm, depth=depth),
            )


def draw(measured: xr.Dataset) -> Iterator[Figure]:
    """Errors, errors by number of steps, and pictures."""
    options = SETTINGS[measured.resolution]
    yield Figure(
        errors(measured),
        f"Mean square error of the pixels in {options.hidden} hidden patches of "
        f"{options.patches}. Each dot is one repetition: other initial weights, other "
        "batches, other patches hidden of the same test pictures. Bars: 95 % "
        "confidence intervals of the mean.",
    )
    yield Figure(
        depths(measured),
        f"Models trained with T = {STEPS} (dotted), run for other numbers of steps on "
        "the same pictures. Bands: 95 % confidence intervals of the mean.",
        part="depth",
    )
    yield Figure(
        examples(measured),
        "Test pictures of the first repetition; blue patches are hidden.",
        part="pictures",
    )


def tell(measured: xr.Dataset) -> dict[str, object]:
    """Who is ahead of whom, and what more steps do."""
    others = [name for name in measured.model.values if name != ET]
    mean = measured.error.mean("seed")
    return {
        "et": ET,
        "no_keys": QUERY_ONLY,
        "leak": LEAK,
        "hyperset": HYPERSET,
        "looped": LOOPED,
        "encoder": ENCODER,
        "mean": MEAN,
        "nearest": NEAREST,
        "hopfield": HOPFIELD,
        "beside": {
            peer: {name: less(measured, name, peer) for name in TRAINED}
            for peer in (MEAN, NEAREST)
        },
        "sides": {
            peer: _sides({n: relation(less(measured, n, peer)) for n in TRAINED})
            for peer in (MEAN, NEAREST)
        },
        "error": {
            name: measured.error.sel(model=name) for name in measured.model.values
        },
        "ahead": {name: less(measured, name) for name in others},
        "gain": 100 * float(1 - mean.sel(model=ET) / mean.sel(model=MEAN)),
        "relation": {name: relation(less(measured, name)) for name in others},
        "order": [str(name) for name in mean.sortby(mean).model.values],
        "deeper": {arm: {d: deeper(measured, arm, d) for d in DEPTHS} for arm in DEEP},
        "deep_relation": {
            arm: {d: relation(deeper(measured, arm, d)) for d in DEPTHS if d != STEPS}
            for arm in DEEP
        },
        "deep_at": {
            arm: {d: measured.deep.sel(arm=arm, depth=d) for d in DEPTHS}
            for arm in DEEP
        },
        "depths": DEPTHS,
        "deep_arms": DEEP,
        "sizes": {name: int(measured.parameters.sel(arm=name)) for name in TRAINED},
        "rates": {name: float(measured.rate.sel(arm=name)) for name in TRAINED},
        "edge": _at_the_edge(measured),
        "tuned": dict(
            zip(measured.choice.values, measured.tuned.values.tolist(), strict=True)
        ),
        "lost": int(measured.diverged.sum()),
        "options": SETTINGS[measured.resolution],
        "trained_steps": STEPS,
        "seeds": measured.sizes["seed"],
    }


def _sides(relations: dict[str, str]) -> dict[str, list[str]]:
    """Who is ahead, level and behind."""
    return {
        side: [name for name, word in relations.items() if word == side]
        for side in ("ahead", "level", "behind")
    }


def _at_the_edge(measured: xr.Dataset) -> list[str]:
    """Arms whose best learning rate was the least or largest that was searched."""
    ends = measured.learning_rate.values[[0, -1]]
    return [name for name in TRAINED if float(measured.rate.sel(arm=name)) in ends]
