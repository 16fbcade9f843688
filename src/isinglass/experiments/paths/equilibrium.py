"""Stationary states by strength of the bath, beside Gibbs and the mean force."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr

from isinglass import plot
from isinglass.experiments.paths.setting import SPINS, shuffled
from isinglass.plot import COLOURS, log_ticks, subplots
from isinglass.reproduce import Cell, Context, Figure, Ledger
from isinglass.systems.paths import (
    Ohmic,
    OpenSystem,
    TimeGrid,
    gibbs_state,
    influence_coefficients,
    mean_force_state,
    stationary_state,
    transfer_tensors,
)
from isinglass.systems.paths.propagate import ChainRun, run_chain

HAMILTONIAN = np.array([[0.5, 0.5], [0.5, -0.5]])  # ε = Δ = 1
STATES = ("chain", "mean force", "Gibbs", "memory of one step")
BAR = 2e-3


@dataclass(frozen=True)
class Setting:
    """What is run.

    Attributes:
        strengths: ξ.
        beta: Inverse temperature.
        cutoff: ω_c.
        step: δ.
        time: Of the memory of transfer tensors.
        slices: Of imaginary time.
        control: ξ of chains with lags shuffled, which have the `loose` cutoff and half
            of the time, as their bonds are large.
        loose: That cutoff.
    """

    strengths: tuple[float, ...] = (0.025, 0.05, 0.1, 0.2, 0.4)
    beta: float = 1.0
    cutoff: float = 5.0
    step: float = 0.1
    time: float = 6.0
    slices: int = 16
    control: float = 0.1
    loose: float = 1e-8


SETTINGS = {
    "quick": Setting((0.1, 0.2), time=3.0, slices=12, loose=1e-8),
    "default": Setting(),
}


def measure(context: Context) -> xr.Dataset:
    """Polarisation and coherence of states, by strength.

    `polarisation` ⟨σ_z⟩ and `coherence` ⟨σ_x⟩ by state; `distance` the largest
    difference of an element to the stationary state of the chain; `mixed` that of
    chains with lags shuffled to the mean-force state, a shuffle a seed, NaN where it
    has no stationary state.
    """
    options = SETTINGS[context.resolution]
    axes = {"strength": options.strengths, "state": STATES}
    polarisation, coherence = context.table(**axes), context.table(**axes)
    distance = context.table(**axes)
    mixed = context.table(seed=context.seeds)
    for (strength,) in context.cases(options.strengths, what="strengths"):
        bath = Ohmic(strength, options.cutoff, options.beta)
        system = OpenSystem(HAMILTONIAN, SPINS, bath)
        states = {
            "chain": _still(system, options),
            "mean force": mean_force_state(system, options.slices),
            "Gibbs": gibbs_state(system),
            "memory of one step": _still(system, options, memory=1),
        }
        for name, state in states.items():
            polarisation.loc[strength, name] = (state[0, 0] - state[1, 1]).real
            coherence.loc[strength, name] = 2 * state[0, 1].real
            distance.loc[strength, name] = abs(state - states["chain"]).max()
    bath = Ohmic(options.control, options.cutoff, options.beta)
    system = OpenSystem(HAMILTONIAN, SPINS, bath)
    force = mean_force_state(system, options.slices)
    for (seed,) in context.cases(context.seeds, what="shuffles"):
        state = _still(system, options, rng=context.rng("lags", seed))
        mixed.loc[seed] = abs(state - force).max()
    return xr.Dataset(
        {
            "polarisation": polarisation,
            "coherence": coherence,
            "distance": distance,
            "mixed": mixed,
        }
    )


def _still(
    system: OpenSystem,
    options: Setting,
    *,
    memory: int | None = None,
    rng: np.random.Generator | None = None,
) -> np.ndarray:
    """The stationary state of a chain's transfer tensors."""
    time, cutoff = options.time, 1e-13
    if rng is not None:
        time, cutoff = options.time / 2, options.loose
    grid = TimeGrid(options.step, round(time / options.step), memory)
    weights = influence_coefficients(system, grid)
    if rng is not None:
        weights = shuffled(weights, rng)
    maps, _ = run_chain(system, grid, ChainRun(cutoff, weights))
    try:
        return stationary_state(transfer_tensors(maps))
    except ValueError:
        return np.full((2, 2), np.nan)


def compare(measured: xr.Dataset, ledger: Ledger) -> None:
    """Distances of the chain's stationary state to both candidates."""
    alone = ledger.using(because="The paper has no equilibrium")
    for strength in measured.strength.values:
        row = f"ξ = {strength:g}"
        for state in STATES[1:]:
            cell = Cell(row, state, f"distance to {state}, {row}")
            value = measured.distance.sel(strength=[strength], state=state)
            alone.using(table="Distance of the chain's state").ours_alone(
                cell, value.values
            )
    values = measured.mixed.dropna("seed")
    if values.size:
        alone.ours_alone("distance of shuffled lags to the mean force", values)


def draw(measured: xr.Dataset) -> Iterator[Figure]:
    """Polarisation by strength, and distances."""
    figure, (left, right) = subplots(1, 2, width=11, height=3.8)
    for place, (name, style) in enumerate(zip(STATES[:3], "o-:", strict=True)):
        plot.line(
            measured.strength,
            measured.coherence.sel(state=name),
            left,
            style,
            color=COLOURS[place],
            label=name,
        )
    left.set(xscale="log", xlabel="strength of the bath, ξ", ylabel="coherence ⟨σ_x⟩")
    left.legend()
    for place, name in enumerate(STATES[1:], start=1):
        plot.line(
            measured.strength,
            measured.distance.sel(state=name),
            right,
            "o-",
            ms=4,
            color=COLOURS[place],
            label=name,
        )
    control = SETTINGS[measured.resolution].control
    plot.line(
        np.full(measured.sizes["seed"], control),
        measured.mixed,
        right,
        "x",
        color=COLOURS[len(STATES)],
        label="lags shuffled, to the mean force",
    )
    right.set(xscale="log", yscale="log")
    right.set(xlabel="strength of the bath, ξ", ylabel="distance to the chain's state")
    right.legend(loc="center right", bbox_to_anchor=(1, 0.33))
    for axes in (left, right):
        log_ticks(axes, measured.strength.values.tolist())
    yield Figure(
        figure,
        "Left: coherence of the state at which a chain comes to rest, beside that "
        "of the mean force, by paths in imaginary time, and exp(−βH)/Z. Right: largest "
        "difference of an element of density matrices.",
    )


def tell(measured: xr.Dataset) -> dict[str, Any]:
    """Distances by state."""
    gibbs = measured.distance.sel(state="Gibbs")
    force = measured.distance.sel(state="mean force")
    return {
        "options": SETTINGS[measured.resolution],
        "seeds": measured.sizes["seed"],
        "slope": gibbs / measured.strength,
        "gibbs": gibbs,
        "force": force,
        "bar": BAR,
        "is_force": bool((force < gibbs).all()),
        "markov": measured.distance.sel(state="memory of one step"),
        "lost": int(measured.mixed.isnull().sum()),
        "mixed": measured.mixed.dropna("seed"),
    }
