"""What switching costs, and whether entropy falls (Tang 2020, §5.2)."""

from collections.abc import Iterator

import numpy as np
import xarray as xr

from isinglass.figures.style import COLOURS, INK, MUTED, log_ticks, subplots
from isinglass.reproduce import Cell, Context, Figure, Ledger
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
        "steps": 200,
    },
    "default": {
        "spins": (50, 200),
        "work": (100, 9),
        "sweeps": (25, 100, 400, 1600, 6400),
        "steps": 1200,
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
    names = ("work", "dissipated", "least")
    loops = context.table(network=NETWORKS, seed=context.seeds, number=names)
    rows: list[tuple] = []
    for index, seed in context.cases(
        range(len(NETWORKS)), context.seeds, what="networks"
    ):
        account = _network(context, index, seed).drive(_cycle(8.0, setting["steps"]))
        done = account.work.sum(), account.dissipated.sum(), account.dissipated.min()
        loops[index, seed] = list(done)
        large = np.flatnonzero(account.switched >= FEWEST)
        rows += [
            (
                index,
                seed,
                account.entropy_change[i],
                account.heat[i],
                account.switched[i],
            )
            for i in large
        ]
    columns = np.array(rows, dtype=float).reshape(-1, 5).T
    fields = ("of", "of_seed", "entropy_change", "heat", "size")
    return xr.Dataset(
        {"loop": loop, "loops": loops, **equalities}
        | {
            name: ("avalanche", column)
            for name, column in zip(fields, columns, strict=True)
        }
    )


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


def _network(context: Context, index: int, seed: int) -> MeanFieldNetwork:
    """Tensors on three rings of their own order: six neighbours, now and then fewer."""
    coupling, width = list(NETWORKS.values())[index]
    rng = context.rng("network", index, seed)
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
    for index, name in enumerate(NETWORKS):
        of = measured.of == index
        falls = int((of & (measured.entropy_change < 0)).sum())
        if of.any():
            ledger.claim(
                f"network, {name}: its entropy falls in an avalanche",
                falls,
                int(of.sum()),
            )
    ours = ledger.using(because="An exact equality, which the paper does not state.")
    ours.ours_alone("Jarzynski: |⟨exp(−βW + βΔF)⟩ − 1|", [float(measured.jarzynski)])
    ours.ours_alone("Crooks: largest deviation, in nats", [float(measured.crooks)])
    ours.ours_alone(
        "least entropy production of a step", [float(measured.least_production)]
    )
    work, dissipated, _ = (measured.loops.sel(number=name) for name in _names(measured))
    ours.ours_alone(
        "largest |Σ D + Σ M ΔH| of a loop", [float(np.abs(work - dissipated).max())]
    )
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


def _names(measured: xr.Dataset) -> list[str]:
    return [str(name) for name in measured.number.values]


def draw(measured: xr.Dataset) -> Iterator[Figure]:
    """Heat and entropy of a jump, the work of loops, and avalanches of networks."""
    figure, (left, middle, right) = subplots(1, 3, width=11.5, height=3.7)
    x = np.linspace(1, 3, 300)
    heat, entropy = switching(x)
    left.plot(x, heat, color=COLOURS[1], label="heat βq to the environment")
    left.plot(x, entropy, color=COLOURS[0], label="entropy change Δs")
    left.plot(x, np.asarray(loop_area(x)) / 2, "--", color=INK, label="their sum, βA/2")
    left.axhline(0, color=MUTED, linewidth=0.8)
    left.set(xlabel="coupling βn̄", title="One jump of one tensor", ylabel="per element")
    left.legend(loc="upper left")
    for spins, colour in zip(measured.spins.values, COLOURS, strict=False):
        work = measured.loop.sel(spins=spins)
        middle.plot(measured.sweeps, work, "o-", color=colour, label=f"{spins} spins")
    middle.axhline(loop_area(COUPLING), color=INK, linestyle="--")
    middle.text(measured.sweeps[0], loop_area(COUPLING) + 0.02, "area βA", color=INK)
    log_ticks(middle, measured.sweeps.values.tolist())
    middle.set(
        xlabel="sweeps in a loop", title="Work of a loop per spin", ylim=(0, None)
    )
    middle.legend(loc="lower left")
    for index, name in enumerate(NETWORKS):
        of = measured.of == index
        right.plot(
            measured.heat[of],
            measured.entropy_change[of],
            "o",
            color=COLOURS[index],
            alpha=0.6,
            markersize=4,
            markeredgewidth=0,
            label=name,
        )
    right.axhline(0, color=MUTED, linewidth=0.8)
    right.set(xscale="log", xlabel="heat βQ in nats", ylabel="ΔS in nats")
    right.set(title="Entropy change of an avalanche")
    right.legend(loc="lower left", fontsize="small")
    yield Figure(
        figure,
        "Left: when a tensor jumps, its entropy falls and more leaves as heat. Middle: "
        f"work of a full loop at βn̄ = {COUPLING:g} from the exact master equation; a "
        "fast loop costs more than the area of the mean field, and a slow one less, "
        "since a finite tensor crosses on its own. Right: avalanches of "
        f"{FEWEST} and more tensors in networks of {TENSORS}; above zero the network's "
        "own entropy rises.",
    )


def tell(measured: xr.Dataset) -> dict[str, object]:
    """Shares and sums by network."""
    lines = []
    for index, name in enumerate(NETWORKS):
        of = measured.of == index
        change = measured.entropy_change.where(of, drop=True)
        if change.size:
            share = 100 * float((change < 0).mean())
            total, heat = float(change.sum()), float(measured.heat[of].sum())
            lines.append(
                f"{share:.0f} % of {change.size} ({name}; in all {total:.0f} nats, "
                f"against βQ = {heat:,.0f})"
            )
    work, dissipated = (measured.loops.sel(number=n) for n in ("work", "dissipated"))
    ratio = measured.loop / loop_area(COUPLING)
    return {
        "shares": lines,
        "mismatch": float(np.abs(work - dissipated).max()),
        "fast": float(ratio.isel(spins=-1).max()),
        "fastest": int(ratio.isel(spins=-1).idxmax("sweeps")),
        "slow": float(ratio.isel(sweeps=-1, spins=0)),
    }
