"""Accuracy by depth, how alike instances become, and whether layers descend."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np
import xarray as xr
from jaxtyping import Array
from matplotlib.ticker import MaxNLocator

from isinglass import plot
from isinglass.experiments.diffusion import block_graphs
from isinglass.experiments.diffusion.block_graphs import Ensemble
from isinglass.experiments.diffusion.setting import (
    BARE,
    CONVOLVED,
    MEAN,
    NONE,
    PERCENT,
    PUBLISHED,
    Arm,
    Draws,
    Learner,
    Training,
    learned,
)
from isinglass.plot import COLOURS, log_ticks, subplots
from isinglass.reproduce import Cell, Context, Figure, Ledger
from isinglass.systems.diffusion import layer_energies
from isinglass.training.lanes import each_lane

ALONG = PUBLISHED.along_graph()
ARMS = (ALONG, MEAN.along_graph(), CONVOLVED, BARE, PUBLISHED, MEAN, NONE)
NAMES = tuple(arm.name for arm in ARMS)
COURSES = ("cosine", "roughness", "energy", "penalty")
REPLICATED = 29.4  # Cora, 16 layers, qitianwu/DIFFormer#6


GRAPHS = Ensemble(400, 40, 30, 80)
NARROW = Training(32, epochs=100, searches=1, lanes=1, every=10)


@dataclass(frozen=True)
class Setting:
    """What is drawn and learned.

    Attributes:
        depths: Numbers of layers.
        signal: λ² + μ²/γ of the graphs.
        ensemble: What graphs.
        training: How, but for the depth.
        arms: Which.
    """

    depths: tuple[int, ...] = (1, 4, 16)
    signal: float = 3.0
    ensemble: Ensemble = GRAPHS
    training: Training = NARROW
    arms: tuple[Arm, ...] = ARMS


ROUGH = Training(16, epochs=60, rates=(0.01, 0.03), searches=1, lanes=2, every=10)
SETTINGS = {
    "quick": Setting(
        (1, 4),
        ensemble=Ensemble(300, 30, 20, 60),
        training=ROUGH,
        arms=(ALONG, CONVOLVED),
    ),
    "default": Setting(),
}


def measure(context: Context) -> xr.Dataset:
    """Accuracy by depth, and what the layers of the deepest trained models do.

    `cosine` is the mean over pairs of instances; `roughness` the mean squared distance
    along edges over that of all pairs; `energy` that of Theorem 1 for -s at λ = 1/N, of
    states divided by √d, an instance, and `penalty` its second term.
    """
    options = SETTINGS[context.resolution]
    axes = {"learner": NAMES, "depth": options.depths}
    accuracy = context.table(**PERCENT, **axes, seed=context.seeds)
    chosen = context.table(**axes)
    deepest = max(options.depths)
    axes = {"learner": NAMES, "layer": range(deepest + 1), "seed": context.seeds}
    courses = {name: context.table(**axes) for name in COURSES}
    problem, _ = block_graphs.problem(
        context, options.ensemble, options.signal, options.training.searches
    )
    for arm, depth in context.cases(options.arms, options.depths, what="models"):
        training = replace(options.training, layers=depth)
        (outcome,) = learned(context, problem, arm, training, [options.signal]).values()
        accuracy.loc[arm.name, depth] = outcome.accuracy
        chosen.loc[arm.name, depth] = outcome.rate
        if depth == deepest:
            for name, values in _courses(outcome.models, problem.draws).items():
                courses[name].loc[arm.name] = np.asarray(values).T
    return xr.Dataset({"accuracy": accuracy, "rate": chosen, **courses})


@eqx.filter_jit
def _courses(models: Learner, draws: Draws) -> dict[str, Array]:
    """By lane and layer, the input's state among them; NaN where there is no number."""

    def of_model(model: Learner) -> dict[str, Array]:
        states, graph = model.states(draws), draws.at(model.place).graph
        nodes, width = states.shape[1:]
        unit = states / jnp.linalg.norm(states, axis=-1, keepdims=True).clip(1e-9)
        pairs = nodes * (nodes - 1)
        cosine = ((unit.sum(1) ** 2).sum(-1) - (unit**2).sum((1, 2))) / pairs
        centred = states - states.mean(1, keepdims=True)
        spread = 2 * (centred**2).sum((1, 2)) * nodes / pairs
        # Loops and what fills up count for nothing.
        counts = (graph.weights > 0) & (graph.sources != graph.targets)
        along = ((states[:, graph.sources] - states[:, graph.targets]) ** 2).sum(-1)
        rough = (along * counts).sum(-1) / counts.sum() / spread
        scaled = states / width**0.5
        energy = layer_energies(scaled, 1 / nodes) / nodes
        moved = (jnp.diff(scaled, axis=0) ** 2).sum((1, 2)) / nodes
        none = jnp.full(1, jnp.nan)
        return {
            "cosine": cosine,
            "roughness": rough,
            "energy": jnp.concatenate([none, energy]),
            "penalty": jnp.concatenate([none, energy - moved]),
        }

    return each_lane(of_model, models)


def _names(measured: xr.Dataset) -> list[str]:
    """The arms that were trained at this resolution."""
    done = measured.accuracy.notnull().any(("depth", "seed"))
    return [str(name) for name in measured.learner.values[done.values]]


def rises(courses: xr.DataArray) -> xr.DataArray:
    """Share of layers that raise it, in %."""
    steps = courses.diff("layer")
    share = 100 * (steps > 0).sum("layer") / steps.notnull().sum("layer")
    share.attrs = {"units": "%", "valid_range": [0, 100]}
    return share


def loss_of_depth(measured: xr.Dataset, learner: str) -> xr.DataArray:
    """Accuracy of the deepest less that of the shallowest, in points."""
    accuracy = measured.accuracy.sel(learner=learner, drop=True)
    points = accuracy.isel(depth=-1, drop=True) - accuracy.isel(depth=0, drop=True)
    points.attrs = {"units": "points"}
    return points


def compare(measured: xr.Dataset, ledger: Ledger) -> None:
    """Accuracy by depth, what is lost by it, and what the layers do."""
    because = "Figure 2(b) is withdrawn by its authors, and of Cora"
    ledger = ledger.using(because=because)
    deepest = int(measured.depth.values[-1])
    for name in _names(measured):
        for depth in measured.depth.values:
            cell = Cell(name, f"{depth}", f"{name}, depth {depth}")
            ledger.using(table="Accuracy by depth").ours_alone(
                cell, measured.accuracy.sel(learner=name, depth=depth)
            )
        table = ledger.using(table=f"Models of {deepest} layers")
        last = measured.sel(learner=name).isel(layer=-1)
        energies = (
            measured[["energy", "penalty"]].sel(learner=name).isel(layer=slice(1, None))
        )
        for quantity, values in (
            (f"less depth {measured.depth.values[0]}", loss_of_depth(measured, name)),
            ("mean cosine at the end", last.cosine),
            ("roughness at the end", last.roughness),
            ("layers that raise E", rises(energies.energy)),
            ("layers that raise the penalty", rises(energies.penalty)),
        ):
            cell = Cell(name, quantity, f"{name}, {deepest} layers: {quantity}")
            table.ours_alone(cell, values)


def draw(measured: xr.Dataset) -> Iterator[Figure]:
    """Accuracy by depth, and cosine and energy by layer of the deepest models."""
    figure, panels = subplots(1, 3, width=11, height=3.9)
    accuracy, cosine, energy = panels
    colours = [COLOURS[place] for place in (0, 5, 1, 6, 0, 5, 1)]
    for name in _names(measured):
        index = NAMES.index(name)
        line = {
            "colours": [colours[index]],
            "linestyle": "-" if ARMS[index].has_graph else ":",
            "label": name,
        }
        part = measured.sel(learner=name)
        marked = {"marker": "o", "markersize": 4, **line}
        plot.band(part.accuracy, accuracy, along="depth", **marked)
        plot.band(part.cosine, cosine, along="layer", **line)
        plot.band(part.energy.isel(layer=slice(1, None)), energy, along="layer", **line)
    log_ticks(accuracy, measured.depth.values.tolist())
    deepest = int(measured.depth.values[-1])
    accuracy.set(xlabel="layers", ylabel="accuracy in %", title="Accuracy by depth")
    title = f"How alike, of {deepest}"
    cosine.set(xlabel="layer", ylabel="mean cosine of pairs", title=title)
    title = f"Energy, of {deepest}"
    energy.set(xlabel="layer", ylabel="E/N at λ = 1/N", title=title)
    for panel in (cosine, energy):
        panel.xaxis.set_major_locator(MaxNLocator(integer=True))
    handles = accuracy.get_legend_handles_labels()
    figure.legend(*handles, loc="outside lower center", ncols=3)
    yield Figure(
        figure,
        "Left: accuracy on nodes without labels by the number of layers. Middle and "
        f"right: trained models of {deepest} layers, layer by layer: the mean cosine "
        "of pairs of instances, and the energy of Theorem 1, which would fall. Bands "
        "are 95 % confidence intervals of the mean over graphs.",
    )


def tell(measured: xr.Dataset) -> dict[str, Any]:
    """What depth costs each arm, and how often its layers raise the energy."""
    names = _names(measured)
    energies = measured[["energy", "penalty"]].isel(layer=slice(1, None))
    published = [name for name in names if name.startswith(PUBLISHED.name)]
    raised = rises(energies.energy.sel(learner=published))
    return {
        "climbs": bool((raised > 0).any()),
        "names": names,
        "options": SETTINGS[measured.resolution],
        "seeds": measured.sizes["seed"],
        "depths": [int(depth) for depth in measured.depth.values],
        "lost": {name: loss_of_depth(measured, name) for name in names},
        "rises": {
            name: {
                what: rises(energies[what].sel(learner=name))
                for what in ("energy", "penalty")
            }
            for name in names
        },
        "first": measured.cosine.isel(layer=0).sel(learner=names),
        "last": measured.isel(layer=-1),
        "replicated": REPLICATED,
    }
