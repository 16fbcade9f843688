"""The layer of vHeat beside the same in PyTorch."""

from __future__ import annotations

import argparse
import importlib.util
from collections.abc import Iterator
from typing import Any

import jax
import numpy as np

import harness
from harness import Program, Row, Work
from isinglass.systems.heat import HeatConduction, HeatConfig

HAS_TORCH = importlib.util.find_spec("torch") is not None
if HAS_TORCH:
    from operators_heat_peers import Peer

SIZES = ((8, 96, 56), (8, 384, 14), (8, 32, 8))  # pictures, channels, cells of a side


@jax.jit
def forward(layer: Any, x: jax.Array) -> jax.Array:
    return layer(x)


@jax.jit
def gradient(layer: Any, x: jax.Array) -> Any:
    """That of the sum of squares, by all parameters and the input."""
    return jax.grad(lambda own, y: (own(y) ** 2).sum(), (0, 1))(layer, x)


def rows(options: argparse.Namespace) -> Iterator[Row]:
    """The layer, forward and with all gradients."""
    ceiling = harness.product()
    for pictures, width, cells in SIZES:
        keys = jax.random.split(jax.random.key(0))
        layer = HeatConduction(HeatConfig(width, (cells, cells)), key=keys[0])
        x = jax.random.normal(keys[1], (pictures, cells, cells, width))
        peer = _peer(layer, x)
        if peer:
            ours, theirs = forward(layer, x), peer.forward().permute(0, 2, 3, 1)
            np.testing.assert_allclose(ours, theirs, atol=1e-4)
        # Three linear maps, the convolution, two transforms each way along two axes.
        places = pictures * cells**2
        flops = 2.0 * width * (places * (3 * width + 9 + 4 * cells) + cells**2 * width)
        name = f"vHeat, {pictures} × {width} × {cells}²"
        for work, run, passes in (
            (name, forward, 1),
            (f"{name}, gradient", gradient, 3),
        ):
            programs = {"isinglass": Program(lambda r=run, m=layer, y=x: r(m, y))}
            if peer:
                call = peer.forward if passes == 1 else peer.gradient
                programs["PyTorch"] = Program(call)
            yield from harness.measure(
                Work(work, programs, "ms", 1e3, ceiling, passes * flops),
                options.rounds,
            )


def _peer(layer: HeatConduction, x: jax.Array) -> Any:
    """PyTorch's layer, if it is installed."""
    if HAS_TORCH:
        return Peer(layer, x)
    return None
