"""Poll and pool of a feature map, beside the sampler written plainly in PyTorch."""

from __future__ import annotations

import argparse
import importlib.util
from collections.abc import Iterator
from typing import Any

import jax
import numpy as np

import harness
from harness import Program, Row, Work
from isinglass.systems.polling import PollAndPool, PollAndPoolConfig

HAS_TORCH = importlib.util.find_spec("torch") is not None
if HAS_TORCH:
    from operators_polling_peers import Peer

SIZES = ((2, 256, 25, 38), (32, 64, 7, 7))  # pictures, features, rows, columns
RATIO, COARSE = 1 / 3, 30


@jax.jit
def forward(sampler: PollAndPool, features: jax.Array, positions: jax.Array) -> Any:
    tokens = sampler(features, positions, RATIO)
    return tokens.features, tokens.positions


@jax.jit
def gradient(sampler: PollAndPool, features: jax.Array, positions: jax.Array) -> Any:
    """That of the sum of squares of both, by the weights and the features."""

    def loss(sampler: Any, features: Any) -> jax.Array:
        tokens, places = forward(sampler, features, positions)
        return (tokens**2).sum() + (places**2).sum()

    return jax.grad(loss, (0, 1))(sampler, features)


def rows(options: argparse.Namespace) -> Iterator[Row]:
    """Samplers of the published size and a small one, forward and with gradients."""
    ceiling = harness.product()
    for pictures, width, height, breadth in SIZES:
        places = height * breadth
        keys = jax.random.split(jax.random.key(0), 3)
        sampler = PollAndPool(PollAndPoolConfig(width, COARSE), key=keys[0])
        shape = (pictures, places, width)
        features, positions = (jax.random.normal(key, shape) for key in keys[1:])
        parts = sampler, features, positions
        # The score of all places, logits, sums and the values of the coarse tokens.
        flops = 2.0 * pictures * (places * width * (width + 1 + 3 * COARSE))
        flops += 2.0 * pictures * COARSE * width**2
        peer = _peer(parts, (height, breadth)) if HAS_TORCH else None
        name = f"{pictures} × {width} × {height} × {breadth}"
        for work, run, passes in (
            (name, forward, 1),
            (f"{name}, gradient", gradient, 3),
        ):
            programs = {"isinglass": Program(lambda run=run, own=parts: run(*own))}
            if peer is not None:
                theirs = peer.gradient if passes == 3 else peer.forward
                programs["PyTorch"] = Program(theirs)
            yield from harness.measure(
                Work(work, programs, "ms", 1e3, ceiling, passes * flops),
                options.rounds,
            )


def _peer(parts: Any, shape: tuple[int, int]) -> Any:
    """PyTorch's, after it is known to give the same."""
    peer = Peer(*parts, shape, RATIO)
    for ours, theirs in zip(forward(*parts), peer.forward(), strict=True):
        np.testing.assert_allclose(
            ours, np.swapaxes(np.asarray(theirs), 0, 1), atol=1e-4
        )
    return peer
