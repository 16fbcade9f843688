"""Attention by offset beside PyTorch, and what a coupling outside the softmax costs."""

from __future__ import annotations

import argparse
import importlib.util
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import jax
import numpy as np

import harness
from harness import Program, Row, Work
from isinglass.attention import Positions
from isinglass.systems.relative import RelativeAttention

HAS_TORCH = importlib.util.find_spec("torch") is not None
if HAS_TORCH:
    from operators_relative_peers import Peer

# Sequences, length, width, heads, and calls in a row: what is short would be measured
# with what comes before it still in the caches.
SIZES = ((8, 128, 768, 12, 1), (32, 64, 64, 4, 10))
ARMS = {"URPE": ("rpe", True), "RPE": ("rpe", False), "no positions": ("none", False)}


@jax.jit
def forward(layer: Any, positions: Any, x: jax.Array) -> jax.Array:
    return layer(x, positions)


@jax.jit
def gradient(layer: Any, positions: Any, x: jax.Array) -> Any:
    """That of the sum of squares, by all parameters and the input."""

    def loss(*parts: Any) -> jax.Array:
        return (parts[0](parts[2], parts[1]) ** 2).sum()

    return jax.grad(loss, (0, 1, 2))(layer, positions, x)


def rows(options: argparse.Namespace) -> Iterator[Row]:
    """Layers with their projections, forward and with all gradients."""
    ceiling = harness.product()
    for sequences, length, width, heads, calls in SIZES:
        keys = jax.random.split(jax.random.key(0), 3)
        layer = RelativeAttention(width, heads, key=keys[0])
        x = jax.random.normal(keys[1], (sequences, length, width))
        parts = {
            name: (
                layer,
                Positions(kind, width, heads, length, coupling, key=keys[2]),
                x,
            )
            for name, (kind, coupling) in ARMS.items()
        }
        name = f"{sequences} × {length}, width {width}, {heads} heads"
        flops = 2.0 * sequences * length * width * (4 * width + 2 * length)
        for work, run, passes in (
            (name, forward, 1),
            (f"{name}, gradient", gradient, 3),
        ):
            programs = {
                arm: _repeated(partial(run, *own), calls) for arm, own in parts.items()
            }
            if HAS_TORCH:
                programs |= _peers(parts, passes == 3, calls)
            yield from harness.measure(
                Work(work, programs, "ms", 1e3, ceiling, passes * flops),
                options.rounds,
            )


def _repeated(run: Callable[[], Any], calls: int) -> Program:
    return Program(lambda: [run() for _ in range(calls)], calls)


def _peers(
    parts: dict[str, Any], with_gradient: bool, calls: int
) -> dict[str, Program]:
    """PyTorch's, after it is known to give the same."""
    peers = {arm: Peer(*own) for arm, own in parts.items()}
    for arm, own in parts.items():
        ours, theirs = forward(*own), peers[arm].forward()
        np.testing.assert_allclose(ours, theirs, atol=1e-4)
    return {
        f"PyTorch, {arm}": _repeated(
            peer.gradient if with_gradient else peer.forward, calls
        )
        for arm, peer in peers.items()
    }
