"""Speed of training tables, beside the published kernel compiled for a CPU.

    python benchmarks/lookup.py [--rounds 5]

2,352 bits, 2,000 and 1,000 tables of 6 bits, batches of 32, steps of Adam with all that
belongs to them; then 10,000 pictures forward. PyTorch and a C compiler are needed for
the peer (``pip install torch==2.13.0``). That losses agree over three steps is checked
first.
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
from isinglass.systems.lookup import LookupNetwork, LookupNetworkConfig

HAS_TORCH = importlib.util.find_spec("torch") is not None
if HAS_TORCH:
    import torch

    from lookup_peers import NATIVE, PLAIN, Peer

    KERNELS = {
        "published kernel, cc -O3": PLAIN,
        "published kernel, for this processor": NATIVE,
    }

INPUTS, TABLES, BATCH, RATE = 2352, (2000, 1000), 32, 0.01
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


def rows(options: argparse.Namespace) -> Iterator[Row]:
    """Steps with random and with learned wires, and reading alone."""
    rng = np.random.default_rng(0)
    bits = (rng.random((BATCH, INPUTS)) < 0.5).astype(np.float32)
    labels = rng.integers(0, 10, BATCH)
    for wiring in ("random", "learnable"):
        config = LookupNetworkConfig(INPUTS, tables=TABLES, wiring=wiring)
        network = LookupNetwork(config, key=jax.random.key(0))
        ours, batch = Ours(network), (jnp.asarray(bits), jnp.asarray(labels))
        programs = {"isinglass": Program(lambda o=ours, b=batch: o.step(*b))}
        if HAS_TORCH:
            theirs = torch.tensor(bits), torch.tensor(labels)
            peers = {name: Peer(network, RATE, own) for name, own in KERNELS.items()}
            for _ in range(3):
                loss = float(ours.step(*batch))
                losses = [peer.step(*theirs) for peer in peers.values()]
                np.testing.assert_allclose(losses, loss, atol=1e-3)
            for name, peer in peers.items():
                programs[name] = Program(lambda p=peer, b=theirs: p.step(*b))
        work = Work(f"a step, {wiring} wires", programs, "ms", 1e3)
        yield from harness.measure(work, options.rounds)
        if wiring == "random":
            yield from _reading(network, rng, options.rounds)


def _reading(network: LookupNetwork, rng: Any, rounds: int) -> Iterator[Row]:
    bits = (rng.random((10_000, INPUTS)) < 0.5).astype(np.float32)
    pictures = jnp.asarray(bits).reshape(20, 500, INPUTS)
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
