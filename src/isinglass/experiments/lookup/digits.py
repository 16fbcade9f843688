"""Digits by tables of bits: gradients, wires and sizes, beside controls and peers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr
from jaxtyping import Array, Float, PRNGKeyArray
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression

from isinglass import plot
from isinglass.experiments.lookup.learning import (
    PERCENT,
    Arm,
    Pictures,
    Problem,
    Training,
    learned,
    problem,
    split,
)
from isinglass.plot import subplots
from isinglass.reproduce import Cell, Context, Figure, Ledger
from isinglass.reproduce.grids import Best, at_an_edge, best_on
from isinglass.reproduce.paired import less, side
from isinglass.reproduce.searches import REPORT, SEARCH
from isinglass.systems.lookup import (
    ExtendedDifference,
    LookupNetwork,
    LookupNetworkConfig,
    fit_thermometer,
    spins,
)
from isinglass.systems.lookup.difference import FINITE, PAPER, PROGRAM

BITS, CLASSES, ARITY = 3, 10, 6
PAGE, SMALL = (2000, 1000), (500, 250)  # tables of the program, and a quarter
LONG = 30  # epochs of the program
HEATED, PLAIN, INVERSE = "ρ = 1/2", "ρ = 1", "1/(h + 1)"
LEARNED, FROZEN, WHOLE = "learned wires", "first tables frozen", "all bits"
QUARTER, LEARNED_QUARTER = "500 + 250 tables", "learned wires, 500 + 250 tables"
WHOLE_QUARTER = "learned wires from all bits, 500 + 250 tables"
BINARY = "binary network"
LOGISTIC, PIXELS, FOREST = PEERS = (
    "logistic regression",
    "logistic regression, pixels",
    "random forest",
)
STRENGTHS = (0.003, 0.01, 0.03, 0.1, 0.3, 1.0)  # C of logistic regression
SEARCHES = range(2)  # repetitions that it is chosen on
CHOICES, BOUNDS = ("rate", "temperature"), ("least", "largest")
PUBLISHED = 98.46  # of the program's tutorial, from 60,000 pictures


@dataclass(frozen=True)
class Trial:
    """An arm: a network, for how long it is trained, and how often.

    Attributes:
        name: What to call it.
        tables: Of each layer.
        epochs: How many pictures are drawn, over how many there are.
        wiring: Of the first layer.
        difference: How bits get a gradient.
        frozen: Whether the first tables stay at random.
        whole: Whether it reads all bits, not only those that say something.
        binary: Whether it is a binary network of as many bits instead.
        as_in: The trial before it whose rate and temperature it takes; "" if it has a
            search of its own.
        repetitions: At most.
        searches: Repetitions that rate and temperature are chosen on.
    """

    name: str
    tables: tuple[int, int] = PAGE
    epochs: int = 10
    wiring: str = "random"
    difference: ExtendedDifference = PROGRAM
    frozen: bool = False
    whole: bool = False
    binary: bool = False
    as_in: str = ""
    repetitions: int | None = None
    searches: int = 1

    @property
    def hidden(self) -> int:
        """Units of a binary network that stores as many bits, of 1,000 inputs."""
        return max(round((sum(self.tables) << ARITY) / 1000), 1)

    @property
    def temperatures(self) -> tuple[float, float, float]:
        """To choose from: a third of, once and thrice the root of spins of a class."""
        spins = self.hidden if self.binary else self.tables[-1] / CLASSES
        root = spins**0.5
        return round(root / 3, 3), round(root, 3), round(3 * root, 3)


@dataclass(frozen=True)
class Setting:
    """What is learned.

    Attributes:
        trials: Arms.
        training: How, but for their lengths and temperatures.
        peers: Which.
        searched: Whether temperatures, and C of peers, are; else each is the middle of
            what there is to choose from.
    """

    trials: tuple[Trial, ...]
    training: Training = field(
        default_factory=lambda: Training(batch=32, rates=(0.01, 0.03, 0.1, 0.3))
    )
    peers: tuple[str, ...] = PEERS
    searched: bool = True

    @property
    def strengths(self) -> tuple[float, ...]:
        """C of logistic regression, to choose from."""
        return STRENGTHS if self.searched else STRENGTHS[3:4]

    @property
    def names(self) -> list[str]:
        """Names of the arms."""
        return [trial.name for trial in self.trials]

    def schedule(self, trial: Trial, chosen: tuple[float, float] | None) -> Training:
        """How an arm is trained, with what another has chosen, or by its search."""
        rates = self.training.rates if chosen is None else chosen[:1]
        choices = trial.temperatures if self.searched else trial.temperatures[1:2]
        temperatures = choices if chosen is None else chosen[1:]
        return replace(
            self.training,
            steps=trial.epochs * self.training.learn // self.training.batch,
            rates=rates,
            temperatures=temperatures,
            searches=trial.searches,
            repetitions=trial.repetitions,
        )


RANDOM = (
    Trial(HEATED),
    Trial(PLAIN, difference=FINITE),
    Trial(INVERSE, difference=PAPER),
)
CONTROLS = (
    Trial(WHOLE, whole=True, as_in=HEATED),
    Trial(FROZEN, frozen=True),
    Trial(BINARY, tables=SMALL, binary=True),
)
QUARTERS = (
    Trial(QUARTER, SMALL),
    Trial(LEARNED_QUARTER, SMALL, wiring="learnable"),
)


def longer(trial: Trial) -> Trial:
    """The same for 30 epochs, with the rate and temperature chosen at 10."""
    name = f"{trial.name}, {LONG} epochs"
    return replace(trial, name=name, epochs=LONG, as_in=trial.name)


DEFAULT = (
    *RANDOM,
    longer(RANDOM[0]),
    *CONTROLS,
    QUARTERS[0],
    replace(QUARTERS[1], repetitions=5),
)
SETTINGS = {
    "quick": Setting(
        tuple(
            Trial(trial.name, (100, 50), 4, difference=trial.difference)
            for trial in RANDOM[:2]
        ),
        Training(1000, 500, batch=32, rates=(0.03,)),
        (LOGISTIC,),
        searched=False,
    ),
    "default": Setting(DEFAULT),
    "full": Setting(
        (
            *RANDOM,
            *map(longer, RANDOM),
            *CONTROLS,
            *QUARTERS,
            Trial(
                WHOLE_QUARTER,
                SMALL,
                wiring="learnable",
                whole=True,
                as_in=LEARNED_QUARTER,
            ),
            Trial(LEARNED, wiring="learnable"),
            longer(Trial(LEARNED, wiring="learnable")),
        ),
    ),
}


class BinaryNetwork(eqx.Module):
    """Bits to logits by one hidden layer of ±1 weights: a peer of as many bits.

    Attributes:
        inner: (F, H), cut to [−1, 1]; their signs are the weights.
        outer: (H, classes), likewise.
        offset: Of each hidden unit, (H,).
    """

    inner: Float[Array, "f h"]
    outer: Float[Array, "h c"]
    offset: Float[Array, "h"]

    def logits(self, bits: Array) -> Array:
        """Sums of ±1, of which the hidden are cut to signs again."""
        root = self.inner.shape[0] ** 0.5
        sums = (2 * bits - 1) @ _signs(self.inner) / root + self.offset
        hidden = _signs(jnp.clip(sums, -1, 1))
        return hidden @ _signs(self.outer)

    def clipped(self) -> BinaryNetwork:
        """The same with weights cut to [−1, 1]."""
        cut = [jnp.clip(weights, -1, 1) for weights in (self.inner, self.outer)]
        return eqx.tree_at(lambda net: (net.inner, net.outer), self, tuple(cut))


def _signs(x: Array) -> Array:
    """±1, with the gradient passed straight through."""
    return 2 * spins(x) - 1


def new_binary(key: PRNGKeyArray, inputs: int, hidden: int) -> BinaryNetwork:
    """A binary network as it is before training."""
    first, second = jax.random.split(key)
    return BinaryNetwork(
        jax.random.uniform(first, (inputs, hidden), minval=-1, maxval=1),
        jax.random.uniform(second, (hidden, CLASSES), minval=-1, maxval=1),
        jnp.zeros(hidden),
    )


def new_tables(key: PRNGKeyArray, config: LookupNetworkConfig) -> LookupNetwork:
    """A network of tables as it is before training."""
    return LookupNetwork(config, key=key)


def first_tables(net: LookupNetwork) -> Any:
    """What stays at random in the control."""
    return (net.layers[0].tables,)


def arm_of(trial: Trial, inputs: int) -> Arm:
    """What is trained, of so many bits."""
    if trial.binary:
        size = {"inputs": inputs, "hidden": trial.hidden}
        return Arm(trial.name, partial(new_binary, **size))
    config = LookupNetworkConfig(
        inputs,
        CLASSES,
        trial.tables,
        ARITY,
        trial.wiring,
        1.0,
        trial.difference,
    )
    frozen = first_tables if trial.frozen else None
    return Arm(trial.name, partial(new_tables, config=config), frozen)


def measure(context: Context) -> xr.Dataset:
    """Accuracy of all arms and peers on test pictures, and on pictures learned from.

    `bits` are those of the thermometer that say something on the pictures to learn
    from, of so many; `accuracy` is NaN where an arm has fewer repetitions. `rate` and
    `temperature` were chosen on validation pictures, of those within `limits`, as was
    `strength`, C of logistic regression, of those within `strengths`.
    """
    options = SETTINGS[context.resolution]
    task = problem(context, options.training)
    bits, useful = _bits(task)
    peers = context.table(**PERCENT, peer=options.peers, seed=context.seeds)
    strength = context.table(peer=options.peers)
    tried = context.table(peer=options.peers, bound=BOUNDS)
    for (peer,) in context.cases(options.peers, what="peers"):
        data = task, bits[:, useful], options
        peers.loc[peer], best = _of_peer(context, peer, data)
        strength.loc[peer], tried.loc[peer] = best.value, list(best.limits)
    return xr.Dataset(
        {
            **_of_arms(context, task, (bits, useful)),
            "peers": peers,
            "strength": strength,
            "strengths": tried,
            "bits": len(useful),
            "all_bits": bits.shape[1],
            "tested": len(task.test),
        }
    )


def _of_arms(context: Context, task: Problem, parts: Any) -> dict[str, xr.DataArray]:
    """All that is measured of arms, from all bits and the places of the useful."""
    options, (bits, useful) = SETTINGS[context.resolution], parts
    labels = jnp.asarray(task.labels, jnp.int32)
    axes = {"arm": options.names, "seed": context.seeds}
    accuracy, fitted = (context.table(**PERCENT, **axes) for _ in range(2))
    rate, temperature, lost = (context.table(arm=options.names) for _ in range(3))
    limits = context.table(arm=options.names, choice=CHOICES, bound=BOUNDS)
    chosen: dict[str, tuple[float, float]] = {}
    for (trial,) in context.cases(options.trials, what="arms"):
        own = bits if trial.whole else bits[:, useful]
        pictures = Pictures(jnp.asarray(own), labels)
        training = options.schedule(trial, chosen.get(trial.as_in))
        arm = arm_of(trial, own.shape[1])
        outcome = learned(context, arm, task, (pictures, training))
        name, size = trial.name, len(outcome.accuracy)
        accuracy.loc[name][:size] = outcome.accuracy
        fitted.loc[name][:size] = outcome.learned
        chosen[name] = rate.loc[name], temperature.loc[name] = outcome[:2]
        lost.loc[name] = outcome.lost
        limits.loc[name] = list(outcome.limits)
    return {
        "accuracy": accuracy,
        "learned": fitted,
        "rate": rate,
        "temperature": temperature,
        "limits": limits,
        "lost": lost,
    }


def _bits(task: Problem) -> tuple[np.ndarray, np.ndarray]:
    """Bits of all pictures, and which say something on those to learn from."""
    pixels = task.images.reshape(len(task.images), -1)
    thermometer = fit_thermometer(pixels[task.pool], BITS)
    bits = thermometer(pixels).reshape(len(pixels), -1)
    return bits.astype(np.uint8), thermometer.useful(pixels[task.pool])


def _of_peer(context: Context, peer: str, data: Any) -> tuple[list[float], Best]:
    """Accuracies in % on test pictures, and the strength that was chosen."""
    task, bits, options = data
    pixels = task.images.reshape(len(task.images), -1) / 255
    points, labels = pixels if peer == PIXELS else bits, task.labels

    def right(strength: float, seed: int, purpose: str) -> float:
        learn, choose = split(context, task, options.training, purpose, seed)
        where = choose if purpose == SEARCH else task.test
        state = context.seed_of("forest", seed)
        model: Any = LogisticRegression(C=strength, tol=1e-3, max_iter=1000)
        if peer == FOREST:
            model = RandomForestClassifier(random_state=state)
        model.fit(points[learn], labels[learn])
        return 100 * model.score(points[where], labels[where])

    def scores(strengths: Sequence[float]) -> list[float]:
        return [sum(right(c, seed, SEARCH) for seed in SEARCHES) for c in strengths]

    best = Best(np.nan, (np.nan,))
    if peer != FOREST:
        best = best_on(options.strengths, options.training.further, scores)
    return [right(best.value, seed, REPORT) for seed in context.seeds], best


# -- views -----------------------------------------------------------------------------

LONGER = longer(Trial(HEATED)).name
PAIRS = (
    (HEATED, PLAIN),
    (HEATED, INVERSE),
    (LEARNED_QUARTER, QUARTER),
    (LEARNED, HEATED),
    (LEARNED, LEARNED_QUARTER),
    (HEATED, QUARTER),
    (LONGER, HEATED),
    (HEATED, WHOLE),
    (HEATED, FROZEN),
    (QUARTER, BINARY),
    (LEARNED_QUARTER, BINARY),
)


def differences(measured: xr.Dataset) -> dict[tuple[str, str], xr.DataArray]:
    """Paired differences of arms that were trained, in points."""
    arms = set(map(str, measured.arm.values))
    pairs = {
        pair: less(measured.accuracy, "arm", *pair).dropna("seed")
        for pair in PAIRS
        if set(pair) <= arms
    }
    return {pair: points for pair, points in pairs.items() if points.size}


def runs_of(values: xr.DataArray) -> dict[str, xr.DataArray]:
    """Of each arm, the repetitions that it has."""
    return {
        str(name): values.sel(arm=name).dropna("seed") for name in values.arm.values
    }


def edges(measured: xr.Dataset) -> list[str]:
    """Arms and peers that chose the least or the largest of what was tried."""
    chosen = np.stack([measured[choice] for choice in CHOICES], -1)
    ends = at_an_edge(chosen, measured.limits).any(-1)
    peers = at_an_edge(measured.strength, measured.strengths)
    return [
        *map(str, measured.arm.values[ends]),
        *map(str, measured.peer.values[peers]),
    ]


def compare(measured: xr.Dataset, ledger: Ledger) -> None:
    """Accuracies beside the program's number, paired differences, and peers."""
    why = "The program learns from 60,000 pictures, these from 4,000 or fewer"
    for name, runs in runs_of(measured.accuracy).items():
        cell = Cell(name, "test", f"Accuracy of {name}")
        paper = PUBLISHED if name == LONGER else None
        table = ledger.using(table="Accuracy", because=why)
        table.other_setting(cell, runs, paper)
        cell = Cell(name, "training", f"Accuracy of {name} on training pictures")
        table.ours_alone(cell, runs_of(measured.learned)[name])
    ledger = ledger.using(because="No such comparison is published")
    for (first, second), points in differences(measured).items():
        name = f"{first} less {second}"
        cell = Cell(name, "points", name)
        ledger.using(table="Differences").ours_alone(cell, points)
    for peer in map(str, measured.peer.values):
        cell = Cell(peer, "test", f"Accuracy of {peer}")
        ledger.using(table="Accuracy").ours_alone(cell, measured.peers.sel(peer=peer))


def draw(measured: xr.Dataset) -> Iterator[Figure]:
    """Accuracy of all arms and peers."""
    figure, (left, right) = subplots(1, 2, width=10.4, height=4.4, sharex=True)
    plot.rows(measured.accuracy, left, by="arm")
    left.set(xlabel="accuracy in %", title="tables and their controls")
    plot.rows(measured.peers.rename(peer="arm"), right, by="arm")
    right.set(xlabel="accuracy in %", title="peers")
    yield Figure(
        figure,
        "Accuracy on test digits; a dot is a repetition (other pictures to learn from, "
        "weights and batches), the bar the mean with its 95 % confidence interval. "
        "Where it is not said otherwise, 2,000 + 1,000 tables and 10 epochs.",
    )


def tell(measured: xr.Dataset) -> dict[str, Any]:
    """What of gradients, wires and tables makes a difference."""
    accuracy = runs_of(measured.accuracy)
    options = SETTINGS[measured.resolution]
    trials = {t.name: t for t in options.trials if t.name in accuracy}
    return {
        "accuracy": accuracy,
        "learned": runs_of(measured.learned),
        "peers": {str(p): measured.peers.sel(peer=p) for p in measured.peer.values},
        "differences": differences(measured),
        "side": side,
        "trials": trials,
        "rates": {name: float(measured.rate.sel(arm=name)) for name in accuracy},
        "heads": {name: float(measured.temperature.sel(arm=name)) for name in accuracy},
        "bits": int(measured.bits),
        "all_bits": int(measured.all_bits),
        "tested": int(measured.tested),
        "lost": int(measured.lost.sum()),
        "options": options,
        "ends": edges(measured),
        "forest": FOREST,
        "longer": LONGER,
        "seeds": measured.sizes["seed"],
        "published": PUBLISHED,
    }
