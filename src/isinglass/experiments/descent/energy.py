"""Does the energy fall: by block, weights and step, and what comes to rest."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import jax
import numpy as np
import xarray as xr

from isinglass.experiments.descent import energy_courses as courses
from isinglass.experiments.descent.energy_blocks import (
    BLOCKS,
    CASES,
    ET,
    EXACT,
    GAUSSIAN,
    LEAK,
    ORTHOGONAL,
    PUBLISHED,
    TOKENS,
    WEIGHTS,
    WIDTH,
    hyperset,
    stacked,
    transformer,
)
from isinglass.experiments.descent.energy_figures import STEP
from isinglass.experiments.descent.energy_figures import draw as draw
from isinglass.reproduce import Cell, Context, Ledger
from isinglass.systems.descent import EnergyTransformer, EnergyTransformerConfig

STEPS = (0.001, 0.01, 0.02, 0.1, 0.5, 1.0, 10.0, 100.0, 1000.0)
LONG = (ET, LEAK, PUBLISHED, EXACT)
HALVES = ("attention", "feed-forward", "whole step")
PUBLISHED_SHAPE = EnergyTransformerConfig()
PUBLISHED_STEPS = 12  # T of the published image model
NAMES = ("et", "attention", "memory", "others", "leak", "published", "exact")


@dataclass(frozen=True)
class Setting:
    """How much is followed.

    Attributes:
        steps: Of each descent.
        matrices: Draws of weights a seed for half-steps.
        times: When long runs are looked at.
        depths: Numbers of steps of the published image model.
        pictures: Seeds of those.
        image: Its shape, and how many tokens it has.
    """

    steps: int = 32
    matrices: int = 20
    times: Sequence[int] = (100, 1000, 10_000)
    depths: Sequence[int] = (12, 48, 200, 400)
    pictures: int = 10
    image: EnergyTransformerConfig = PUBLISHED_SHAPE
    tokens: int = 50


SETTINGS = {
    "quick": Setting(
        12, 10, (100, 1000), (12, 48), 4, EnergyTransformerConfig(96, 2, 48, 384)
    ),
    "default": Setting(),
}


def measure(context: Context) -> xr.Dataset:
    """All of it in float64, but the model of published size.

    `rises` counts the steps of a descent at which the energy rose, `height` is the
    largest rise beside |E|, `uphill` counts steps with ⟨−∇E, step⟩ < 0, `cosine` is the
    least, `left` what is left of the way to a floor that the energy never passes (of no
    meaning with a leak). `half_uphill` is the share of tokens whose half-step goes up
    its own energy. The rest is of long runs, of exact laws, and of the published size.
    """
    setting = SETTINGS[context.resolution]
    with jax.enable_x64(True):
        parts = [
            _descents(context, setting),
            _half_steps(context, setting),
            _long_runs(context, setting),
            _laws(context),
        ]
    return xr.merge([*parts, _published_size(context, setting)]).assign_attrs(
        steps=setting.steps, tokens=setting.tokens
    )


def _drawn(context: Context, name: str, kinds: Sequence[str]) -> Any:
    """Weights of a block of every kind and seed."""
    case, family = CASES[name], name.split(",")[0]
    return stacked(
        [
            stacked(
                [
                    case.weights(context.rng(f"{family}, {kind}", seed), kind)
                    for seed in context.seeds
                ]
            )
            for kind in kinds
        ]
    )


def _states(context: Context, purpose: str) -> np.ndarray:
    return np.stack(
        [
            context.rng(purpose, s).standard_normal((TOKENS, WIDTH))
            for s in context.seeds
        ]
    )


def _descents(context: Context, setting: Setting) -> xr.Dataset:
    axes = {"block": BLOCKS, "weights": WEIGHTS, "alpha": STEPS, "seed": context.seeds}
    names = ("rises", "height", "uphill", "cosine", "left")
    tables = {name: context.table(**axes) for name in names}
    states = _states(context, "states")
    for (name,) in context.cases(BLOCKS, what="blocks"):
        weights = _drawn(context, name, WEIGHTS)
        descent, floors = courses.descents(
            CASES[name].make(), weights, np.array(STEPS), states, setting.steps
        )
        energies, floors = np.asarray(descent.energies), np.asarray(floors)[:, None]
        rises = np.diff(energies, axis=0) / np.abs(energies[:-1])
        values = {
            "rises": np.asarray(descent.rose).sum(0),
            "height": np.maximum(rises, 0).max(0),
            "uphill": (np.asarray(descent.cosine) < -1e-9).sum(0),
            "cosine": np.asarray(descent.cosine).min(0),
            "left": (energies[-1] - floors) / (energies[0] - floors),
        }
        for table, array in values.items():
            tables[table].loc[name] = array
    return xr.Dataset(tables)


def _half_steps(context: Context, setting: Setting) -> xr.Dataset:
    """Of Hyper-SET, by weights: tokens that go up, least cosines, and asymmetry."""
    published, exact = hyperset("published"), hyperset("exact")
    blocks = {"published": published, "exact": exact}
    axes = {"weights": WEIGHTS, "half": HALVES, "seed": context.seeds}
    uphill = context.table(unit="%", valid_range=(0, 100), **axes)
    least = context.table(**axes)
    asymmetry = context.table(
        weights=WEIGHTS, step=list(blocks), seed=context.seeds, valid_range=(0, np.inf)
    )
    states = _states(context, "states")
    for kind, seed in context.cases(WEIGHTS, context.seeds, what="kinds of weights"):
        rng = context.rng(f"half-steps, {kind}", seed)
        draws = range(setting.matrices)
        weights = stacked([CASES[PUBLISHED].weights(rng, kind) for _ in draws])
        starts = rng.standard_normal((setting.matrices, TOKENS, WIDTH))
        cosines = np.asarray(courses.half_steps(published, exact, weights, starts))
        uphill.loc[kind, :, seed] = 100 * (cosines < 0).mean((1, 2))
        least.loc[kind, :, seed] = np.nanmin(cosines, axis=(1, 2))
    for kind in WEIGHTS:
        weights = {k: v[0] for k, v in _drawn(context, PUBLISHED, [kind]).items()}
        for step, block in blocks.items():
            asymmetry.loc[kind, step] = courses.asymmetry(block, weights, states)
    return xr.Dataset(
        {"half_uphill": uphill, "half_cosine": least, "asymmetry": asymmetry}
    )


def _long_runs(context: Context, setting: Setting) -> xr.Dataset:
    """Gaussian weights for the Energy Transformer, orthogonal ones for Hyper-SET."""
    axes = {"long": LONG, "time": setting.times, "seed": context.seeds}
    names = ("length", "force", "turn", "energy", "rises")
    tables = {name: context.table(**axes) for name in names}
    states = _states(context, "states")
    for (name,) in context.cases(LONG, what="long runs"):
        kind = GAUSSIAN if name in (ET, LEAK) else ORTHOGONAL
        weights = {k: v[0] for k, v in _drawn(context, name, [kind]).items()}
        rests = courses.long_runs(
            CASES[name].make(), weights, STEP, states, setting.times
        )
        for time, rest in zip(setting.times, rests, strict=True):
            for table in names:
                tables[table].loc[name, time] = getattr(rest, table)
    return xr.Dataset({f"long_{name}": table for name, table in tables.items()})


def _laws(context: Context) -> xr.Dataset:
    """Exact laws, at Gaussian weights."""
    states = _states(context, "states")
    weights = {
        name: {k: v[0] for k, v in _drawn(context, name, [GAUSSIAN]).items()}
        for name in (ET, PUBLISHED)
    }
    seeds = context.seeds
    of_transformer = context.table(seed=seeds, transformer_law=courses.TRANSFORMER_LAWS)
    of_hyperset = context.table(seed=seeds, hyperset_law=courses.HYPERSET_LAWS)
    share, place = context.table(seed=seeds), context.table(seed=seeds)
    rate = context.table(seed=seeds, gain=(1, -1))
    of_transformer[:], share[:], rate[:] = courses.transformer_laws(
        transformer(), weights[ET], states
    )
    of_hyperset[:], place[:] = courses.hyperset_laws(
        hyperset("published"), weights[PUBLISHED], states
    )
    return xr.Dataset(
        {
            "transformer_missed": of_transformer,
            "hyperset_missed": of_hyperset,
            "floor_share": share,
            "place": place,
            "rate": rate,
        }
    )


def _published_size(context: Context, setting: Setting) -> xr.Dataset:
    """The image model's energy after so many steps, from initial weights."""
    depths, seeds = (0, *setting.depths), context.seeds[: setting.pictures]
    energy = context.table(depth=depths, picture=seeds)
    for (seed,) in context.cases(seeds, what="models of published size"):
        key, state_key = jax.random.split(
            jax.random.key(context.seed_of("published size", seed))
        )
        block = EnergyTransformer(setting.image, key=key)
        shape = setting.tokens, setting.image.width
        state, before = jax.random.normal(state_key, shape), 0
        for depth in depths:
            state, value = courses.energy_after(block, state, depth - before)
            energy.loc[depth, seed], before = float(value), depth
    return xr.Dataset({"depth_energy": energy})


# -- views -----------------------------------------------------------------------------


def compare(measured: xr.Dataset, ledger: Ledger) -> None:
    """Both papers say that the energy falls; all else has no published number."""
    claims = {
        ET: ("Hoover et al. 2023", ""),
        PUBLISHED: (
            "Hu et al. 2025",
            "It is said of trained steps of any sign; ours are fixed",
        ),
    }
    for name, (source, because) in claims.items():
        for kind in WEIGHTS:
            rises = measured.rises.sel(block=name, weights=kind, alpha=STEP)
            ledger.using(source=source).claim(
                f"{name}, {kind}: the energy falls at all of {measured.steps} steps of "
                f"{STEP:g}",
                int((rises == 0).sum()),
                rises.size,
                because=because,
            )
    ledger = ledger.using(because="The papers have no number of this")
    _compare_rises(measured, ledger)
    for variable, column, table in (
        ("half_uphill", "half", "Tokens that go uphill"),
        ("asymmetry", "step", "Antisymmetric part of the step's Jacobian"),
    ):
        for kind in WEIGHTS:
            for name, values in measured[variable].sel(weights=kind).groupby(column):
                cell = Cell(kind, str(name), f"{table}, {kind}, {name}")
                ledger.using(table=table).ours_alone(cell, values.squeeze(column))
    energies = ledger.using(table="Energy at the published size")
    for depth, values in measured.depth_energy.groupby("depth"):
        energies.ours_alone(f"energy after {depth} steps", values.squeeze("depth"))


def _compare_rises(measured: xr.Dataset, ledger: Ledger) -> None:
    counts = ledger.using(table="Steps at which the energy rose")
    share = shares(measured)
    for name in BLOCKS:
        for alpha in STEPS:
            cell = Cell(name, f"α = {alpha:g}", f"rises of {name} at α = {alpha:g}")
            values = share.sel(block=name, alpha=alpha).mean("weights", keep_attrs=True)
            counts.ours_alone(cell, values)


def shares(measured: xr.Dataset) -> xr.DataArray:
    """Share of a descent's steps at which the energy rose, in percent."""
    share = 100 * measured.rises / measured.steps
    return share.assign_attrs(units="%", valid_range=[0, 100])


def tell(measured: xr.Dataset) -> dict[str, Any]:
    """Counts with their intervals, and what grows and what comes to rest."""
    share = shares(measured)

    def rises(name: str, alphas: Any = STEPS, kinds: Any = WEIGHTS) -> dict[str, Any]:
        place = {"block": name, "alpha": list(alphas), "weights": list(kinds)}
        counts = measured.rises.sel(place)
        return {
            "count": int(counts.sum()),
            "of": int(counts.size * measured.steps),
            "share": share.sel(place).mean(["alpha", "weights"], keep_attrs=True),
            "height": float(100 * measured.height.sel(place).max()),
            # The least step at which it rose, if any.
            "first": min(
                counts.alpha[counts.any(["weights", "seed"])].values, default=0
            ),
        }

    length, times = measured.long_length, measured.time.values
    growth = np.log(length.isel(time=-1) / length.isel(time=-2))
    fall = measured.depth_energy.isel(depth=0) - measured.depth_energy
    return {
        "rises": rises,
        "names": dict(zip(NAMES, BLOCKS, strict=True)),
        "small": [alpha for alpha in STEPS if alpha <= 1],
        "alphas": STEPS,
        "kinds": WEIGHTS,
        # Beside |g| = |z| = √(N d): 2 from one side of all spheres to the other.
        "turned": STEP * measured.long_turn.isel(time=-1) / (TOKENS * WIDTH) ** 0.5,
        "growth": growth / np.log(times[-1] / times[-2]),
        "reached": 100 * fall.sel(depth=PUBLISHED_STEPS) / fall.isel(depth=-1),
        "worst": max(
            float(measured.transformer_missed[:, :-1].max()),
            float(measured.hyperset_missed.max()),
        ),
        "by_epsilon": float(measured.transformer_missed[:, -1].max()),
        "least_cosines": {
            kind: [f"{value:.2f}".replace("-", "−") for value in values]
            for kind, values in zip(
                WEIGHTS, measured.half_cosine.min("seed").values, strict=True
            )
        },
        "step_of": STEP,
    }
