"""What switching costs, and whether entropy falls (Tang 2020, §5.2)."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes

from isinglass import plot
from isinglass.plot import COLOURS, INK, MUTED, log_ticks, subplots
from isinglass.reproduce import Cell, Context, Figure, Ledger
from isinglass.reproduce.findings import number
from isinglass.systems.interference import (
    GlauberTensor,
    MeanFieldNetwork,
    Protocol,
    loop_area,
    switching,
)

COUPLING = 1.5  # βn̄ of the tensor of spins
TURN, LEGS = 0.35, 40  # field at which its loop turns, and steps to get there
# Networks: coupling J and width R of local fields, in units of 1/β at β = 2, n̄ = 0.8.
NETWORKS = {"J = 0.5, R = 0.6": (0.5, 0.6), "J = 1, R = 0.6": (1.0, 0.6)} | {
    "J = 0.5, R = 1.2": (0.5, 1.2),
    "J = 0.3, R = 0.9": (0.3, 0.9),
}
TENSORS, NEIGHBOURS, BETA, SELF = 150, 6, 2.0, 0.8
FEWEST = 3  # switches that make an avalanche
SETTINGS = {
    "quick": {
        "spins": (20, 50),
        "work": (12, 7),
        "sweeps": (25, 100, 400),
        "steps": (50, 200),
    },
    "default": {
        "spins": (50, 200),
        "work": (100, 9),
        "sweeps": (25, 100, 400, 1600, 6400),
        "steps": (150, 600, 2400),
    },
}


def measure(context: Context) -> xr.Dataset:
    """One tensor by its master equation, and networks of mean fields in a loop."""
    setting = SETTINGS[context.resolution]
    context.progress.step("master equation")
    equalities = _equalities(*setting["work"])
    loop = context.table(spins=setting["spins"], sweeps=setting["sweeps"])
    for spins, sweeps in context.cases(*loop.indexes.values(), what="loops"):
        loop.loc[spins, sweeps] = _loop_work(spins, sweeps)
    return xr.Dataset({"loop": loop, **equalities} | _networks(context))


def _networks(context: Context) -> dict[str, Any]:
    """Work and dissipation of loops in few and in many steps, and their avalanches.

    A coarse step also moves tensors that do not switch, and what they gain and lose is
    counted as the avalanche's; that goes away as steps become fine.
    """
    steps = SETTINGS[context.resolution]["steps"]
    axes = {"network": NETWORKS, "steps": steps, "seed": context.seeds}
    loops = context.table(**axes, number=("work", "dissipated", "least"))
    falls = context.table(**axes, count=("falls", "avalanches"))
    parts = []
    for name, count, seed in context.cases(*axes.values(), what="networks"):
        account = _network(context, name, seed).drive(_cycle(8.0, count))
        done = account.work.sum(), account.dissipated.sum(), account.dissipated.min()
        loops.loc[name, count, seed] = list(done)
        large = account.switched >= FEWEST
        change, heat = account.entropy_change[large], account.heat[large]
        falls.loc[name, count, seed] = [(change < 0).sum(), len(change)]
        if count == steps[-1]:
            of = np.full(len(change), list(NETWORKS).index(name))
            parts.append(np.stack([of, change, heat]))
    columns = np.concatenate([np.zeros((3, 0)), *parts], axis=1)
    avalanches = zip(("of", "entropy_change", "heat"), columns, strict=True)
    return {"loops": loops, "falls": falls} | {
        name: ("avalanche", column) for name, column in avalanches
    }


def _equalities(spins: int, steps: int) -> dict[str, float]:
    """Deviations from Jarzynski's and Crooks's equalities, and what steps produce."""
    tensor, fields = GlauberTensor(spins, COUPLING), np.linspace(-0.4, 0.4, steps)
    rise, fall = (Protocol(path, spins) for path in (fields, fields[::-1]))
    forward, back = tensor.work_distribution(rise), tensor.work_distribution(fall)
    gain = forward.work - forward.free_energy_change
    ratio = np.log(forward.probability / back.probability[::-1])
    return {
        "jarzynski": abs(float(forward.probability @ np.exp(-gain)) - 1),
        "crooks": float(np.abs(ratio - gain).max()),
        "works": len(gain),
        "least_production": float(tensor.dissipation(rise).entropy_production.min()),
        "unlikely": float(forward.probability @ (gain < 0)),
    }


def _cycle(turn: float, steps: int) -> np.ndarray:
    up = np.linspace(-turn, turn, steps)
    return np.concatenate([up, up[::-1][1:]])


def _loop_work(spins: int, sweeps: int) -> float:
    """Work per spin of a loop in so many sweeps, times β."""
    cycle = _cycle(TURN, LEGS + 1)
    updates = max(1, round(spins * sweeps / (2 * LEGS)))
    return (
        GlauberTensor(spins, COUPLING).dissipation(Protocol(cycle, updates)).work
        / spins
    )


def _network(context: Context, name: str, seed: int) -> MeanFieldNetwork:
    """Tensors on three rings of their own order: six neighbours, now and then fewer."""
    coupling, width = NETWORKS[name]
    rng = context.rng("network", list(NETWORKS).index(name), seed)
    beside = np.zeros((TENSORS, TENSORS))
    for _ in range(NEIGHBOURS // 2):
        ring = rng.permutation(TENSORS)
        beside[ring, np.roll(ring, 1)] = 1
    beside = np.maximum(beside, beside.T)
    local_fields = BETA * rng.normal(0, width, TENSORS)
    return MeanFieldNetwork(
        BETA * coupling / NEIGHBOURS * beside, local_fields, BETA * SELF
    )


def compare(measured: xr.Dataset, ledger: Ledger) -> None:
    """The statements of §5.2, and the equalities behind them."""
    x = np.linspace(1.01, 5, 400)
    heat, entropy = switching(x)
    ledger.claim(
        "one tensor: its entropy falls in every jump", int((entropy < 0).sum()), len(x)
    )
    ledger.claim(
        "one tensor: the environment's entropy rises by more",
        int((heat + entropy > 0).sum()),
        len(x),
    )
    finest = measured.falls.isel(steps=-1).sum("seed")
    for name in NETWORKS:
        falls, count = (int(value) for value in finest.sel(network=name))
        if count:
            statement = f"network, {name}: its entropy falls in an avalanche"
            ledger.claim(statement, falls, count)
    ours = ledger.using(because="An exact equality, which the paper does not state.")
    ours.ours_alone("Jarzynski: |⟨exp(−βW + βΔF)⟩ − 1|", [float(measured.jarzynski)])
    ours.ours_alone("Crooks: largest deviation, in nats", [float(measured.crooks)])
    ours.ours_alone(
        "least entropy production of a step", [float(measured.least_production)]
    )
    ours.ours_alone("largest |Σ D + Σ M ΔH| of a loop", [_mismatch(measured)])
    costs = ledger.using(
        table="Work of a loop per spin, over the area of the loop",
        because="The paper has the limit alone: the area.",
    )
    for spins in measured.spins.values:
        for sweeps in measured.sweeps.values:
            ratio = measured.loop.sel(spins=spins, sweeps=sweeps) / loop_area(COUPLING)
            costs.ours_alone(
                Cell(f"{spins} spins", f"{sweeps:,} sweeps"), [float(ratio)]
            )


def _mismatch(measured: xr.Dataset) -> float:
    """How far work and dissipation of a closed loop are apart at most."""
    work, dissipated = (measured.loops.sel(number=n) for n in ("work", "dissipated"))
    return float(np.abs(work - dissipated).max())


def draw(measured: xr.Dataset) -> Iterator[Figure]:
    """Heat and entropy of a jump, the work of loops, and avalanches of networks."""
    figure, (left, middle, right) = subplots(1, 3, width=11.5, height=3.7)
    x = np.linspace(1, 3, 300)
    heat, entropy = switching(x)
    plot.line(x, heat, left, color=COLOURS[1], label="heat βq to the environment")
    plot.line(x, entropy, left, color=COLOURS[0], label="entropy change Δs")
    plot.line(
        x, np.asarray(loop_area(x)) / 2, left, "--", color=INK, label="their sum, βA/2"
    )
    left.axhline(0, color=MUTED, linewidth=0.8)
    left.set(xlabel="coupling βn̄", title="One jump of one tensor", ylabel="per element")
    left.legend(loc="upper left")
    for spins, colour in zip(measured.spins.values, COLOURS, strict=False):
        work = measured.loop.sel(spins=spins)
        plot.line(
            measured.sweeps, work, middle, "o-", color=colour, label=f"{spins} spins"
        )
    middle.axhline(loop_area(COUPLING), color=INK, linestyle="--")
    place = {"color": INK, "ha": "right", "va": "bottom"}
    middle.text(measured.sweeps[-1], loop_area(COUPLING) + 0.01, "area βA", **place)
    log_ticks(middle, measured.sweeps.values.tolist())
    middle.set(
        xlabel="sweeps in a loop", title="Work of a loop per spin", ylim=(0, None)
    )
    middle.legend(loc="lower left")
    _draw_avalanches(right, measured)
    yield Figure(
        figure,
        "Left: when a tensor jumps, its entropy falls and more leaves as heat. Middle: "
        f"work of a full loop at βn̄ = {COUPLING:g} from the exact master equation; a "
        "fast loop costs more than the area of the mean field, and a slow one less, "
        "since a finite tensor crosses on its own. Right: avalanches of "
        f"{FEWEST} and more tensors in networks of {TENSORS}; above zero the network's "
        "own entropy rises.",
    )


def _draw_avalanches(axes: Axes, measured: xr.Dataset) -> None:
    for index, name in enumerate(NETWORKS):
        of = measured.of == index
        plot.line(
            measured.heat[of],
            measured.entropy_change[of],
            axes,
            "o",
            color=COLOURS[index],
            alpha=0.6,
            markersize=4,
            markeredgewidth=0,
            label=name,
        )
    axes.axhline(0, color=MUTED, linewidth=0.8)
    axes.set(xscale="log", xlabel="heat βQ in nats", ylabel="ΔS in nats")
    axes.set(title="Entropy change of an avalanche")
    axes.legend(loc="lower left", fontsize="small")


def tell(measured: xr.Dataset) -> dict[str, object]:
    """Shares and sums by network."""
    share = 100 * measured.falls.sum("seed").sel(count="falls")
    share = share / measured.falls.sum("seed").sel(count="avalanches")
    lines = []
    for index, name in enumerate(NETWORKS):
        of = measured.of == index
        if of.any():
            columns = (measured.entropy_change, measured.heat)
            change, heat = (float(column[of].sum()) for column in columns)
            percent = float(share.sel(network=name)[-1])
            lines.append(
                f"{percent:.0f} % of {int(of.sum())} ({name}; in all "
                f"{number(change, '.0f')} nats, against βQ = {heat:,.0f})"
            )
    ratio = measured.loop / loop_area(COUPLING)
    return {
        "shares": lines,
        "coarse": share.isel(steps=0).values,
        "mismatch": _mismatch(measured),
        "fast": float(ratio.isel(spins=-1).max()),
        "fastest": int(ratio.isel(spins=-1).idxmax("sweeps")),
        "slow": float(ratio.isel(sweeps=-1, spins=0)),
    }
