"""Speed and memory of training looped transformers, beside PyTorch.

    pip install torch==2.13.0 && python benchmarks/looped.py [--rounds N --seeds N]

PyTorch is only needed here; from https://download.pytorch.org/whl/cpu on a machine
without a GPU. That both compute the same loss and gradient from the same weights is
checked before anything is timed. The setting is that of Lam 2026: 32 sequences of
length 16 to 64, T = 25, d = 8, all three penalties, float32. Ours are the steps that
`isinglass.systems.looped.train` takes, drawing of data included, shared by as many of
JAX's devices as there are cores (the ten seeds if they come out even, or else every
batch), and with one. PyTorch, with its own threads, gets batches of the same lengths
that are drawn before: its eager mode as they are, its compiler in multiples of 16.
Compilation is left out. The limit is what the products and exponentials of a step take
by both ceilings, one after the other.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Iterator
from dataclasses import replace

from isinglass._common.machine import cores

# Before JAX is imported: it makes its devices once.
os.environ.setdefault("JAX_NUM_CPU_DEVICES", str(cores()))

import jax
import jax.numpy as jnp
import numpy as np

import harness
from harness import Program, Row, Work
from isinglass.data.induction import InductionTask
from isinglass.systems.looped import (
    EnergyEntropyObjective,
    LoopedConfig,
    LoopedTransformer,
    Recipe,
    _steps,
)
from isinglass.systems.looped._steps import Span
from isinglass.systems.looped.recipe import Stage
from isinglass.training import Sharing, mesh_of

CONFIG, TASK = LoopedConfig(vocabulary=16), InductionTask("last-token", 16)
BATCH, SHORTEST, LONGEST, STEPS = 32, 16, 64, 32
PENALTIES = (0.1, 0.001, 0.02)  # potential, kinetic, entropy
DEVICES = max(n for n in range(1, jax.device_count() + 1) if BATCH % n == 0)


def recipe(only: int | None = None) -> Recipe:
    """The paper's, or with one length."""
    return Recipe(
        batch=BATCH,
        shortest=only or SHORTEST,
        longest=only or LONGEST,
        objective=EnergyEntropyObjective(*PENALTIES),
    )


def batches(padded: bool) -> list[tuple[np.ndarray, np.ndarray]]:
    """Of the lengths that ours draws, as they are or in multiples of 16."""
    rng = np.random.default_rng(0)
    drawn = []
    for step in range(STEPS):
        length = int(_steps.draw_length(step, step, recipe(), True)[0])
        shape = (BATCH, -(-length // 16) * 16 if padded else length)
        tokens = rng.integers(0, 16, shape, np.int32)
        drawn.append((tokens, rng.integers(0, 16, BATCH, np.int32)))
    return drawn


class Ours:
    """The same steps of training again and again, of one seed or of ten at a time."""

    def __init__(self, seeds: int, devices: int, only: int | None = None) -> None:
        self.stage = Stage(TASK, recipe(only))
        self.sharing = Sharing(mesh_of(devices), seeds) if devices > 1 else None
        self.keys = jax.random.split(jax.random.key(0), seeds)
        self.state = _steps.first_state(CONFIG, self.stage.recipe, self.keys)

    def __call__(self) -> object:
        self.state, _ = _steps.advance(
            self.state, self.keys, Span(0, 0, STEPS), self.stage, self.sharing
        )
        return self.state


class Theirs:
    """Training in PyTorch."""

    def __init__(self, model: LoopedTransformer, compiled: bool) -> None:
        from looped_peers import PyTorch

        self.peer, self.compiled = PyTorch(model, PENALTIES), compiled
        self.batches = [self.peer.batch(*pair) for pair in batches(padded=compiled)]

    def __call__(self) -> None:
        for batch in self.batches:
            self.peer.step(batch, self.compiled)


def check_same_gradient(model: LoopedTransformer, peer: Theirs) -> None:
    """Refuse to time programs whose steps have not the same loss and gradient."""
    gradient = jax.jit(jax.grad(_steps.loss, has_aux=True), static_argnums=(2, 4))
    stage = Stage(TASK, recipe())
    for tokens, answers in batches(padded=False)[:3]:
        last = np.arange(tokens.shape[1]) == np.zeros_like(tokens) + tokens.shape[1] - 1
        batch = _steps.Batch(tokens, np.where(last, answers[:, None], 0), last, None)
        ours, (loss, *_) = gradient(model, batch, tokens.shape[1], 0, stage)
        expected, by_weights = peer.peer.gradient(peer.peer.batch(tokens, answers))
        np.testing.assert_allclose(loss, expected, rtol=1e-4)
        for name, expected in by_weights.items():
            distance = np.linalg.norm(getattr(ours, name) - expected)
            # After 25 iterations of rounding.
            assert distance <= 1e-2 * np.linalg.norm(expected), name


# -- what the machine could do ---------------------------------------------------------


def work(length: float) -> tuple[float, float]:
    """Flops and exponentials of one step at a length, counted from the equations.

    Of every score: two products going forward, five coming back, of d multiply-adds
    each; and two exponentials (with two square roots, which are not counted). Of every
    symbol: its products with the weights, thrice, and once more because they are
    computed anew. The upper triangle counts, for it is computed.
    """
    d, hidden = CONFIG.width, CONFIG.hidden
    calls = BATCH * CONFIG.iterations
    products = 7 * d * length**2 + 4 * (3 * d * d + 2 * d * hidden) * length
    return 2 * calls * products, 2 * calls * length**2


def decay(x: jax.Array) -> jax.Array:
    """An exponential that stays in range however often it is repeated."""
    return jnp.exp(-x)


def both() -> tuple[harness.Ceiling, harness.Ceiling]:
    """Flops of a product, and exponentials in the cache."""
    exponentials = harness.elementwise("exponentials, in the cache", decay)
    return harness.product(1_024), exponentials


def least(length: int, rounds: int) -> np.ndarray:
    """Milliseconds, wall and processor, that a step takes at least by both ceilings."""
    calls = {ceiling.name: ceiling.run for ceiling in both()}
    times = harness.interleaved(calls, rounds)
    shares = [
        amount / ceiling.operations * np.median(times[ceiling.name], axis=0)
        for ceiling, amount in zip(both(), work(length), strict=True)
    ]
    return 1e3 * np.sum(shares, axis=0)


def ceilings(rounds: int) -> Iterator[Row]:
    """Their rates, once they are compiled."""
    for ceiling in both():
        nothing = {"nothing": Program(lambda: None)}
        yield harness.measure(Work("ceilings", nothing, ceiling=ceiling), rounds)[-1]


def steps(name: str, programs: dict[str, Callable[[], object]]) -> Work:
    """Milliseconds of a training step."""
    runs = {name: Program(program, STEPS) for name, program in programs.items()}
    return Work(name, runs, unit="ms a step", scale=1e3)


def rows(options: argparse.Namespace) -> Iterator[Row]:
    """Beside PyTorch, several seeds, the limit by length, and memory."""
    model = LoopedTransformer(CONFIG, key=jax.random.key(0))
    eager, compiled = Theirs(model, compiled=False), Theirs(model, compiled=True)
    check_same_gradient(model, eager)
    programs = {"Isinglass": Ours(1, DEVICES)}
    if DEVICES > 1:
        programs["Isinglass, one device"] = Ours(1, 1)
    programs |= {"PyTorch": eager, "torch.compile": compiled}
    name = f"training, {SHORTEST} to {LONGEST} symbols"
    yield from harness.measure(steps(name, programs), options.rounds)
    yield from ceilings(options.rounds)
    seeds = options.seeds
    for length in (None, 16, 32, 48, 64):
        kinds = {
            "one seed": Ours(1, DEVICES, length),
            "one seed, one device": Ours(1, 1, length),
            f"{seeds} seeds": Ours(seeds, DEVICES, length),
        }
        several = steps(f"{seeds} seeds at once, length {length or 'drawn'}", kinds)
        rounds = max(3, options.rounds // 2)
        limit = least(length, rounds) if length else np.full(2, np.nan)
        by_unit = dict(
            zip((several.unit, f"processor {several.unit}"), limit, strict=True)
        )
        for row in harness.measure(several, rounds):
            if row.program.startswith("one seed"):
                share = float(by_unit[row.unit] / row.median)
                row = replace(row, share_of_limit=share)
            yield row
    for length in (1_000, 10_000):
        yield harness.peak_memory(
            f"reading {length:,} symbols", "Isinglass", READING.format(length=length)
        )


READING = """
from looped import *
import equinox as eqx
model = eqx.filter_jit(LoopedTransformer(CONFIG, key=jax.random.key(0)))
tokens = jax.random.randint(jax.random.key(1), ({length},), 0, 16)
model(tokens).block_until_ready()
"""


def main() -> None:
    """Measure everything and print the tables."""
    options = harness.options_of(__doc__, rounds=9, seeds=10).parse_args()
    harness.report(rows(options), options)


if __name__ == "__main__":
    main()
