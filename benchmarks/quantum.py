"""A step of SASQuaTCh, value and gradient, beside PennyLane with and without jit.

    python benchmarks/quantum.py [--rounds 5 --batch 32 --layers 2]

Nine spins, registers (4, 4), complex64. PennyLane (``pip install pennylane==0.45.1``)
runs the same gates on `default.qubit` with all pictures at once; its jit compiles for
minutes. Both give the same loss to 10⁻⁵ before they are timed. The ceiling is a large
product of the same rounds: of the circuit's own products of 16 × 16 with 256
amplitudes, (L + 1) · 2 · 16 · 256 complex multiply-adds a picture, thrice with the
gradient.
"""

from __future__ import annotations

import argparse
import importlib.util
import time
from collections.abc import Callable, Iterator
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

import harness
from harness import Program, Row, Work
from isinglass.systems.quantum import SASQuaTCh, SASQuaTChConfig

HAS_PENNYLANE = importlib.util.find_spec("pennylane") is not None
if HAS_PENNYLANE:
    from quantum_peers import Peer

REPEATS, SEEDS = 20, 10  # steps of a call; circuits side by side
COMPLEX = 8  # flops of a complex multiply-add


def loss(model: SASQuaTCh, states: jax.Array, signs: jax.Array) -> jax.Array:
    """(⟨Z⟩ − y)²."""
    return ((model.expectation(states) - signs) ** 2).mean()


def repeated(step: Callable[[], Any], times: int) -> Callable[[], Any]:
    def run() -> Any:
        for _ in range(times - 1):
            step()
        return step()

    return run


def first_call(work: str, program: str, step: Callable[[], Any]) -> Row:
    """How long the first call takes, which compiles: once, so that there is one."""
    start = time.process_time()
    jax.block_until_ready(step())
    taken = time.process_time() - start
    return Row(work, program, "processor s", taken, taken, taken)


def rows(options: argparse.Namespace) -> Iterator[Row]:
    """First steps, then steps of one circuit and of ten side by side."""
    config = SASQuaTChConfig((4, 4), options.layers)
    rng = np.random.default_rng(0)
    fields = rng.random((options.batch, config.places))
    fields /= np.linalg.norm(fields, axis=1, keepdims=True)
    states = jnp.asarray(fields, jnp.float32)
    signs = jnp.asarray(rng.choice([-1.0, 1.0], options.batch), jnp.float32)
    model = SASQuaTCh(config, key=jax.random.key(0))
    step = eqx.filter_jit(eqx.filter_value_and_grad(loss))

    def ours() -> Any:
        return step(model, states, signs)

    first = "first step, compiling"
    yield first_call(first, "isinglass", ours)
    programs = {"isinglass": Program(repeated(ours, REPEATS), REPEATS)}
    if HAS_PENNYLANE:
        peer = Peer(config.layers, states, signs)
        angles = jnp.asarray(model.kernel), model.readout

        def jitted() -> Any:
            return peer.jitted(*angles)

        if options.compile:
            yield first_call(first, "PennyLane, jit", jitted)
            values, theirs = ours(), jitted()
            np.testing.assert_allclose(values[0], theirs[0], atol=1e-5)
            for name, gradient in zip(("kernel", "readout"), theirs[1], strict=True):
                own = getattr(values[1], name)
                np.testing.assert_allclose(own, gradient, atol=1e-5)
            programs["PennyLane, jit"] = Program(repeated(jitted, REPEATS), REPEATS)
        programs["PennyLane"] = Program(lambda: peer.plain(*angles), once=True)
    flops = 3.0 * COMPLEX * options.batch * (options.layers + 1) * 2 * 16 * 256
    ceiling = harness.product()
    name = f"step, {options.batch} pictures, L {options.layers}, with gradient"
    yield from harness.measure(
        Work(name, programs, "ms", 1e3, ceiling, flops), options.rounds
    )
    yield from side_by_side(options, states, signs)


def side_by_side(
    options: argparse.Namespace, states: jax.Array, signs: jax.Array
) -> Iterator[Row]:
    """Ten circuits one after another in one program, as training does, or mapped."""
    config = SASQuaTChConfig((4, 4), options.layers)
    keys = jax.random.split(jax.random.key(0), SEEDS)
    models = eqx.filter_vmap(lambda key: SASQuaTCh(config, key=key))(keys)
    value = eqx.filter_value_and_grad(loss)

    @eqx.filter_jit
    def in_turn(models: SASQuaTCh) -> Any:
        return jax.lax.map(lambda model: value(model, states, signs), models)

    @eqx.filter_jit
    def mapped(models: SASQuaTCh) -> Any:
        return eqx.filter_vmap(lambda model: value(model, states, signs))(models)

    programs = {
        "in turn": Program(repeated(lambda: in_turn(models), 5), 5.0 * SEEDS),
        "vmap": Program(repeated(lambda: mapped(models), 5), 5.0 * SEEDS),
    }
    name = f"step of a circuit among {SEEDS}"
    yield from harness.measure(Work(name, programs, "ms", 1e3), options.rounds)


if __name__ == "__main__":
    parser = harness.options_of(__doc__, batch=32, layers=2, compile=1)
    arguments = parser.parse_args()
    harness.report(rows(arguments), arguments)
