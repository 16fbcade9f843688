"""Digits by tables of bits: gradients, wires and sizes, beside controls and peers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
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
HEATED, PLAIN, INVERSE = "ρ = 1/2", "ρ = 1", "1/(h + 1)"
LEARNED, LARGE = "ρ = 1/2, learned wires", "ρ = 1/2, 4 times the tables"
FROZEN, BINARY = "first tables frozen", "binary network"
NAMES = (HEATED, PLAIN, INVERSE, LEARNED, LARGE, FROZEN, BINARY)
LOGISTIC, PIXELS, FOREST = PEERS = (
    "logistic regression",
    "logistic regression, pixels",
    "random forest",
)
STRENGTHS = (0.01, 0.1)  # C of logistic regression
PUBLISHED = 98.46  # of the program's tutorial, from 60,000 pictures


@dataclass(frozen=True)
class Setting:
    """What is learned.

    Attributes:
        tables: Of each layer.
        training: How.
        arms: Which.
        peers: Which.
    """

    tables: tuple[int, int] = (300, 150)
    training: Training = field(
        default_factory=lambda: Training(temperatures=(2.0, 5.0))
    )
    arms: tuple[str, ...] = NAMES
    peers: tuple[str, ...] = PEERS


SETTINGS = {
    "quick": Setting(
        (100, 50),
        Training(1000, 500, steps=100, temperatures=(2.0,), rates=(0.03,)),
        (HEATED, PLAIN),
        (LOGISTIC,),
    ),
    "default": Setting(),
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


def arm_of(name: str, options: Setting, inputs: int) -> Arm:
    """What is trained by its name, of so many bits."""
    if name == BINARY:
        stored = sum(options.tables) << ARITY
        hidden = max(round(stored / (inputs + CLASSES)), 1)
        return Arm(name, partial(new_binary, inputs=inputs, hidden=hidden))
    differences: dict[str, ExtendedDifference] = {PLAIN: FINITE, INVERSE: PAPER}
    times = 4 if name == LARGE else 1
    config = LookupNetworkConfig(
        inputs,
        CLASSES,
        tuple(times * count for count in options.tables),
        ARITY,
        "learnable" if name == LEARNED else "random",
        # Larger sums grow like the root of their number, as the temperature does.
        times**0.5,
        differences.get(name, PROGRAM),
    )
    frozen = first_tables if name == FROZEN else None
    return Arm(name, partial(new_tables, config=config), frozen)


def measure(context: Context) -> xr.Dataset:
    """Accuracy of all arms and peers on test pictures, and on pictures learned from.

    `bits` are those of the thermometer that say something on the pictures to learn
    from, of so many. `rate` and `temperature` were chosen on validation pictures, as
    was `strength`, C of logistic regression.
    """
    options = SETTINGS[context.resolution]
    training = options.training
    task = problem(context, training)
    bits, whole = _bits(task)
    pictures = Pictures(jnp.asarray(bits), jnp.asarray(task.labels, jnp.int32))
    axes = {"arm": options.arms, "seed": context.seeds}
    accuracy, fitted = (context.table(**PERCENT, **axes) for _ in range(2))
    rate, temperature, lost = (context.table(arm=options.arms) for _ in range(3))
    for (name,) in context.cases(options.arms, what="arms"):
        arm = arm_of(name, options, bits.shape[1])
        outcome = learned(context, arm, task, (pictures, training))
        accuracy.loc[name], fitted.loc[name] = outcome.accuracy, outcome.learned
        rate.loc[name], temperature.loc[name] = outcome.rate, outcome.temperature
        lost.loc[name] = outcome.lost
    peers = context.table(**PERCENT, peer=options.peers, seed=context.seeds)
    strength = context.table(peer=options.peers)
    for (peer,) in context.cases(options.peers, what="peers"):
        values, strength.loc[peer] = _of_peer(context, peer, (task, bits, training))
        peers.loc[peer] = values
    return xr.Dataset(
        {
            "accuracy": accuracy,
            "learned": fitted,
            "rate": rate,
            "temperature": temperature,
            "lost": lost,
            "peers": peers,
            "strength": strength,
            "bits": bits.shape[1],
            "all_bits": whole,
            "tested": len(task.test),
        }
    )


def _bits(task: Problem) -> tuple[np.ndarray, int]:
    """Bits that say something, of all pictures, and how many there were."""
    pixels = task.images.reshape(len(task.images), -1)
    thermometer = fit_thermometer(pixels[task.pool], BITS)
    useful = thermometer.useful(pixels[task.pool])
    bits = thermometer(pixels).reshape(len(pixels), -1)
    return bits[:, useful].astype(np.uint8), bits.shape[1]


def _of_peer(context: Context, peer: str, data: Any) -> tuple[list[float], float]:
    """Accuracies in % on test pictures, and the strength that was chosen."""
    task, bits, training = data
    pixels = task.images.reshape(len(task.images), -1) / 255
    points, labels = pixels if peer == PIXELS else bits, task.labels

    def right(strength: float, seed: int, purpose: str) -> float:
        learn, choose = split(context, task, training, purpose, seed)
        where = choose if purpose == SEARCH else task.test
        state = context.seed_of("forest", seed)
        model: Any = LogisticRegression(C=strength, tol=1e-3, max_iter=1000)
        if peer == FOREST:
            model = RandomForestClassifier(random_state=state)
        model.fit(points[learn], labels[learn])
        return 100 * model.score(points[where], labels[where])

    best = np.nan
    if peer != FOREST:
        best = max(STRENGTHS, key=lambda strength: right(strength, 0, SEARCH))
    return [right(best, seed, REPORT) for seed in context.seeds], best


# -- views -----------------------------------------------------------------------------

PAIRS = (
    (HEATED, PLAIN),
    (HEATED, INVERSE),
    (LEARNED, HEATED),
    (LARGE, HEATED),
    (HEATED, FROZEN),
    (HEATED, BINARY),
    (LEARNED, BINARY),
)


def differences(measured: xr.Dataset) -> dict[tuple[str, str], xr.DataArray]:
    """Paired differences of arms that were trained, in points."""
    arms = set(map(str, measured.arm.values))
    return {
        pair: less(measured.accuracy, "arm", *pair)
        for pair in PAIRS
        if set(pair) <= arms
    }


def compare(measured: xr.Dataset, ledger: Ledger) -> None:
    """Accuracies beside the program's number, paired differences, and peers."""
    why = "The program learns from 60,000 pictures, these from 4,000 or fewer"
    for name in map(str, measured.arm.values):
        cell = Cell(name, "test", f"Accuracy of {name}")
        runs = measured.accuracy.sel(arm=name)
        paper = PUBLISHED if name == LARGE else None
        table = ledger.using(table="Accuracy", because=why)
        table.other_setting(cell, runs, paper)
        cell = Cell(name, "training", f"Accuracy of {name} on training pictures")
        table.ours_alone(cell, measured.learned.sel(arm=name))
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
    figure, (left, right) = subplots(1, 2, width=10.4, height=3.6, sharex=True)
    plot.rows(measured.accuracy, left, by="arm")
    left.set(xlabel="accuracy in %", title="tables and their controls")
    plot.rows(measured.peers.rename(peer="arm"), right, by="arm")
    right.set(xlabel="accuracy in %", title="peers")
    yield Figure(
        figure,
        "Accuracy on test digits; a dot is a repetition (other pictures to learn from, "
        "weights and batches), the bar the mean with its 95 % confidence interval.",
    )


def tell(measured: xr.Dataset) -> dict[str, Any]:
    """What of gradients, wires and tables makes a difference."""
    arms = list(map(str, measured.arm.values))
    return {
        "accuracy": {name: measured.accuracy.sel(arm=name) for name in arms},
        "learned": {name: measured.learned.sel(arm=name) for name in arms},
        "peers": {str(p): measured.peers.sel(peer=p) for p in measured.peer.values},
        "differences": differences(measured),
        "side": side,
        "rates": {name: float(measured.rate.sel(arm=name)) for name in arms},
        "heads": {name: float(measured.temperature.sel(arm=name)) for name in arms},
        "bits": int(measured.bits),
        "all_bits": int(measured.all_bits),
        "tested": int(measured.tested),
        "lost": int(measured.lost.sum()),
        "options": SETTINGS[measured.resolution],
        "seeds": measured.sizes["seed"],
        "large": LARGE,
        "published": PUBLISHED,
    }
