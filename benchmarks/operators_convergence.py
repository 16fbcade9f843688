"""The tangent kernel of a shallow encoder with its λ_min: time and peak memory.

N 100 inputs of 10 × 100, d_m 4096: 1.2 million parameters, whose Jacobian has 0.9 GiB
in float64. PyTorch makes it row by row, whole. Operations that are needed: N² P, half
of J Jᵀ. The goal is 20 s, and memory of O(N²) and a block of J.
"""

from __future__ import annotations

import argparse
import importlib.util
from collections.abc import Iterator

import jax
import numpy as np

import harness
from harness import Program, Row, Work
from isinglass.systems.convergence import ShallowConfig, ShallowEncoder, tangent_kernel

HAS_TORCH = importlib.util.find_spec("torch") is not None
if HAS_TORCH:
    from operators_convergence_peers import Peer

INPUTS, TOKENS, FEATURES, WIDTH = 100, 10, 100, 4096
PARAMETERS = WIDTH * (3 * FEATURES + 1)
CODE = f"""
import jax, numpy as np
from isinglass.systems.convergence import *
x = np.random.default_rng(0).normal(size=({INPUTS}, {TOKENS}, {FEATURES}))
model = ShallowEncoder(ShallowConfig({FEATURES}, {WIDTH}), key=jax.random.key(0))
tangent_kernel(model, x).extremes
"""


def rows(options: argparse.Namespace) -> Iterator[Row]:
    """K and λ_min."""
    inputs = np.random.default_rng(0).normal(size=(INPUTS, TOKENS, FEATURES))
    config = ShallowConfig(FEATURES, WIDTH)
    model = ShallowEncoder(config, key=jax.random.key(0))
    programs = {"isinglass": Program(lambda: tangent_kernel(model, inputs).extremes)}
    if HAS_TORCH:
        peer = Peer(model, inputs)
        few = tangent_kernel(model, inputs[:4]).matrix
        np.testing.assert_allclose(peer.kernel(4), few, rtol=1e-9)
        programs["PyTorch, all of J"] = Program(peer.extremes)
    name = f"K and λ_min, N {INPUTS}, d_m {WIDTH:,}"
    ceiling = harness.product(dtype="float64")
    operations = float(INPUTS**2 * PARAMETERS)
    work = Work(name, programs, "s", 1.0, ceiling, operations)
    yield from harness.measure(work, min(options.rounds, 5))
    yield harness.peak_memory(name, "isinglass", CODE)
