"""Relays: sizes, return points, and signals that must meet (Tang 2020, §5.2)."""

from collections.abc import Iterator

import numpy as np
import xarray as xr

from isinglass import plot
from isinglass.experiments.interference.relay_pairs import METHODS, accuracies
from isinglass.experiments.interference.setting import load_task
from isinglass.plot import COLOURS, INK, subplots
from isinglass.reproduce import Cell, Context, Figure, Ledger
from isinglass.systems.interference import Avalanches, RelayNetwork

TENSORS, NEIGHBOURS, COUPLING = 300, 6, 1.2
TIMES = ("all 1", "whole, 1 to 19", "exponential")
NEGATIVE = {"no negative routes": 0.0, "30 % negative": 0.3}
MOST = 3000  # switches of an avalanche among negative routes
SETTINGS = {
    "quick": {"networks": 6, "pairs": (600, 1200)},
    "default": {"networks": 30, "pairs": (600, 2400)},
}


def measure(context: Context) -> xr.Dataset:
    """How often the laws hold, a large avalanche, and pairs of pictures."""
    setting = SETTINGS[context.resolution]
    networks = range(setting["networks"])
    laws = context.table(
        kind=NEGATIVE, network=networks, law=("sizes", "return", "largest")
    )
    for kind, number in context.cases(NEGATIVE, networks, what="networks"):
        laws.loc[kind, number] = list(_laws(context, number, NEGATIVE[kind]))
    task = load_task(context)
    accuracy = context.table(
        unit="%", valid_range=(0, 100), reader=METHODS, seed=context.seeds
    )
    for (seed,) in context.cases(context.seeds, what="repetitions"):
        result = accuracies(context, task, seed, setting["pairs"])
        accuracy.loc[:, seed] = [result[name] for name in METHODS]
    return xr.Dataset({"laws": laws, "accuracy": accuracy} | _raster(context))


def network(context: Context, number: int, times: str, negative: float) -> RelayNetwork:
    """Random routes; the same number has the same ones whatever the travel times."""
    rng = context.rng("network", number)
    weights = np.zeros((TENSORS, TENSORS))
    for sender in range(TENSORS):
        weights[rng.choice(TENSORS, NEIGHBOURS, replace=False), sender] = 1
    np.fill_diagonal(weights, 0)
    weights *= rng.uniform(0.5, 1.5, weights.shape) / NEIGHBOURS
    weights[rng.random(weights.shape) < negative] *= -1
    # The same both ways, so that avalanches end among negative routes, too.
    weights = (weights + weights.T) / 2
    local_fields = rng.normal(0, 0.7, TENSORS)
    delays = {
        "all 1": np.ones(weights.shape),
        "whole, 1 to 19": rng.integers(1, 20, weights.shape).astype(float),
        "exponential": rng.exponential(1.0, weights.shape) + 1e-3,
    }[times]
    return RelayNetwork(weights, delays, local_fields, COUPLING)


def _laws(context: Context, number: int, negative: float) -> tuple[float, ...]:
    """Whether sizes are the same for all travel times, and a state comes back.

    An avalanche among negative routes that does not end has broken both.
    """
    ways = [network(context, number, times, negative) for times in TIMES]
    try:
        drives = [way.drive(0.1, most_switches=MOST) for way in ways]
        turned = ways[0].branches.copy()
        ways[0].drive([-0.4, 0.1], most_switches=MOST)
    except RuntimeError:
        return 0.0, 0.0, np.nan
    alike = all(np.array_equal(d.size, drives[0].size) for d in drives)
    back = np.array_equal(ways[0].branches, turned)
    return float(alike), float(back), float(drives[0].size.max())


def _raster(context: Context) -> dict[str, object]:
    """Every switch of the largest avalanche of a network, by travel times."""
    parts: dict[str, object] = {}
    for index, times in enumerate(TIMES):
        drive = network(context, 0, times, 0.0).drive(4.0)
        mine = drive.switches.avalanche == int(drive.size.argmax())
        for name in ("time", "tensor"):
            column = getattr(drive.switches, name)[mine].astype(float)
            parts[f"{name}_{index}"] = ("switch", column)
        if index == 0:
            parts |= _staircase(drive)
    return parts


def _staircase(drive: Avalanches) -> dict[str, object]:
    return {
        "field": ("avalanche", drive.field),
        "size": ("avalanche", drive.size.astype(float)),
    }


def compare(measured: xr.Dataset, ledger: Ledger) -> None:
    """The laws and their control, and accuracy on pairs."""
    ours = ledger.using(because="The paper states no law, and has no such task.")
    words = {
        "sizes": "sizes are the same for all travel times",
        "return": "state returns",
    }
    for law, word in words.items():
        for kind in NEGATIVE:
            held = measured.laws.sel(law=law, kind=kind)
            ours.using(table="Networks in which a law holds").share(
                Cell(word, kind), int(held.sum()), held.size
            )
    pairs = ours.using(table="Do two pictures show the same digit?")
    for method in METHODS:
        pairs.ours_alone(f"accuracy, {method}", measured.accuracy.sel(reader=method))


def draw(measured: xr.Dataset) -> Iterator[Figure]:
    """A large avalanche under three travel times; the staircase; pairs of pictures."""
    figure, axes = subplots(1, 3, width=11.5, height=3.7, sharey=True)
    for index, (panel, times) in enumerate(zip(axes, TIMES, strict=True)):
        at, tensor = measured[f"time_{index}"], measured[f"tensor_{index}"]
        plot.line(
            at, tensor, panel, "o", color=COLOURS[index], markersize=2.5, alpha=0.8
        )
        panel.set(title=f"Travel times {times}", xlabel="time since the first switch")
    axes[0].set_ylabel("tensor")
    yield Figure(
        figure,
        "The largest avalanche of one network under three kinds of travel times, a dot "
        "a switch. It takes longer or shorter, but the same "
        f"{measured.sizes['switch']} tensors switch.",
        part="raster",
    )
    figure, (left, right) = subplots(1, 2, width=11.5, height=3.2)
    plot.stems(measured.field, measured["size"], left, base=0.8)
    left.set(yscale="log", ylim=(0.8, None), xlabel="field βH", ylabel="size")
    left.set_title("Avalanches of a slow sweep")
    plot.rows(measured.accuracy, right, by="reader", colours=COLOURS)
    right.axvline(50, color=INK, linestyle=":", linewidth=1)
    right.set(xlabel="accuracy in %", title="Do two pictures show the same digit?")
    yield Figure(
        figure,
        "Left: avalanches of the same network while the field rises, each at its "
        "field. Right: a second layer that hears which targets switched for two "
        "pictures; dotted chance. The rule compares the two answers outright.",
        part="pairs",
    )


def tell(measured: xr.Dataset) -> dict[str, object]:
    """How often the laws hold."""
    counts = measured.laws.sel(law=["sizes", "return"]).sum("network")
    return {
        "switch_count": measured.sizes["switch"],
        "held": {
            (kind, law): int(counts.sel(kind=kind, law=law))
            for kind in NEGATIVE
            for law in ("sizes", "return")
        },
        "networks": measured.sizes["network"],
        "kinds": list(NEGATIVE),
        "endless": int(
            measured.laws.sel(kind="30 % negative", law="largest").isnull().sum()
        ),
        "longest": [float(measured[f"time_{i}"].max()) for i in range(len(TIMES))],
    }
