"""Speed and memory of training looped transformers, beside PyTorch.

    pip install torch==2.13.0 && python benchmarks/looped.py [--rounds N]

PyTorch is only needed here; from https://download.pytorch.org/whl/cpu on a machine
without a GPU. One run, interleaved, medians. That both compute the same loss and
gradient from the same weights is checked before anything is timed. The setting is that
of Lam 2026: 32 sequences of length 16 to 64, T = 25, d = 8, all three penalties,
float32. Ours are the steps that `isinglass.systems.looped.train` takes, drawing of data
included, shared by as many of JAX's devices as there are cores (the ten seeds if they
come out even, or else every batch), and with one. PyTorch, with its own threads, gets
batches of the same lengths that are drawn before: its eager mode as they are, its
compiler in multiples of
16. Compilation is left out.
"""

from __future__ import annotations

import argparse
import os
import platform
import re
import subprocess
import sys
import time
from collections.abc import Callable, Mapping

from isinglass._common.machine import cores

# Before JAX is imported: it makes its devices once.
os.environ.setdefault("JAX_NUM_CPU_DEVICES", str(cores()))

import jax
import jax.numpy as jnp
import numpy as np
from rich.console import Console
from rich.table import Table

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
BATCH, SHORTEST, LONGEST, STEPS, SEEDS, PAPERS_STEPS = 32, 16, 64, 32, 10, 20_000
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


def seconds(function: Callable[[], object]) -> float:
    begin = time.perf_counter()
    function()
    return time.perf_counter() - begin


class Ours:
    """The same steps of training again and again, of one seed or of ten at a time."""

    def __init__(self, seeds: int, devices: int, only: int | None = None) -> None:
        self.stage = Stage(TASK, recipe(only))
        self.sharing = Sharing(mesh_of(devices), seeds) if devices > 1 else None
        self.keys = jax.random.split(jax.random.key(0), seeds)
        self.state = _steps.first_state(CONFIG, self.stage.recipe, self.keys)

    def __call__(self) -> float:
        """Milliseconds a step."""
        begin = time.perf_counter()
        self.state, _ = _steps.advance(
            self.state, self.keys, Span(0, 0, STEPS), self.stage, self.sharing
        )
        jax.block_until_ready(self.state)
        return 1e3 * (time.perf_counter() - begin) / STEPS


class Theirs:
    """Training in PyTorch."""

    def __init__(self, model: LoopedTransformer, compiled: bool) -> None:
        from looped_peers import PyTorch

        self.peer, self.compiled = PyTorch(model, PENALTIES), compiled
        self.batches = [self.peer.batch(*pair) for pair in batches(padded=compiled)]

    def __call__(self) -> float:
        """Milliseconds a step."""
        begin = time.perf_counter()
        for batch in self.batches:
            self.peer.step(batch, self.compiled)
        return 1e3 * (time.perf_counter() - begin) / len(self.batches)


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


def interleaved(
    functions: Mapping[str, Callable[[], float]], rounds: int
) -> dict[str, np.ndarray]:
    """What each function returns, run in turn; the first time, which compiles, not."""
    for function in functions.values():
        function()
    numbers = [[function() for function in functions.values()] for _ in range(rounds)]
    return dict(zip(functions, np.transpose(numbers), strict=True))


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


def matmul_ceiling(size: int = 1_024) -> float:
    """Flops per second of one large product."""
    x = jnp.ones((size, size))
    product = jax.jit(jnp.matmul)
    product(x, x).block_until_ready()
    best = min(seconds(lambda: product(x, x).block_until_ready()) for _ in range(20))
    return 2 * size**3 / best


def exp_ceiling(size: int = 1 << 18, times: int = 64) -> float:
    """Exponentials per second in the cache, all cores."""

    @jax.jit
    def chain(x: jax.Array) -> jax.Array:
        return jax.lax.fori_loop(0, times, lambda _, x: jnp.exp(-x), x)

    x = jnp.linspace(0.1, 0.9, size)
    chain(x).block_until_ready()
    best = min(seconds(lambda: chain(x).block_until_ready()) for _ in range(10))
    return size * times / best


def peak_memory(length: int) -> tuple[float, float]:
    """Peak GiB of a fresh process that reads one sequence (Linux), and its seconds."""
    code = (
        "import sys; sys.path.insert(0, 'benchmarks')\n"
        "from looped import *\nimport equinox as eqx\n"
        "model = eqx.filter_jit(LoopedTransformer(CONFIG, key=jax.random.key(0)))\n"
        f"tokens = jax.random.randint(jax.random.key(1), ({length},), 0, 16)\n"
        "model(tokens).block_until_ready()\n"
        "print(seconds(lambda: model(tokens).block_until_ready()))\n"
        "print(open('/proc/self/status').read())\n"
    )
    output = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True
    ).stdout
    return int(re.findall(r"VmHWM:\s*(\d+) kB", output)[0]) / 2**20, float(
        output.split()[0]
    )


# -- the run ---------------------------------------------------------------------------


def main() -> None:
    """Measure everything and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--rounds", type=int, default=9, help="rounds of every measurement"
    )
    rounds = parser.parse_args().rounds
    console = Console()
    model = LoopedTransformer(CONFIG, key=jax.random.key(0))
    eager, compiled = Theirs(model, compiled=False), Theirs(model, compiled=True)
    check_same_gradient(model, eager)
    contests = {
        "Isinglass": Ours(1, DEVICES),
        "PyTorch": eager,
        "torch.compile": compiled,
    }
    if DEVICES > 1:
        contests["Isinglass, one device"] = Ours(1, 1)
    console.print(speed_table(interleaved(contests, rounds)))
    console.print(seeds_table(rounds))
    console.print(limit_table(rounds))
    for length in (1_000, 10_000):
        memory, took = peak_memory(length)
        console.print(
            f"Inference, {length:,} symbols: {memory:.2f} GiB at peak, {took:.1f} s"
        )
    console.print(
        f"{platform.machine()}, {cores()} cores, {DEVICES} × "
        f"{jax.devices()[0].device_kind}"
    )


def speed_table(times_by_name: Mapping[str, np.ndarray]) -> Table:
    """Medians, and how many times ours each takes, the median over rounds of ratios."""
    ours = times_by_name["Isinglass"]
    table = Table(
        title=f"a training step, medians of {len(ours)} rounds of {STEPS} steps"
    )
    for column in ("", "ms", "range", "steps/s", "times ours"):
        table.add_column(column, justify="right" if column else "left")
    for name, times in times_by_name.items():
        median = float(np.median(times))
        table.add_row(
            name,
            f"{median:.1f}",
            f"{times.min():.1f} – {times.max():.1f}",
            f"{1e3 / median:.0f}",
            "" if name == "Isinglass" else f"{np.median(times / ours):.1f} ×",
        )
    return table


def seeds_table(rounds: int) -> Table:
    """What ten seeds cost on all devices, beside one on all and one on one alone."""
    table = Table(title=f"{SEEDS} seeds at once, ms a step")
    for column in (
        "length",
        "one",
        "one, one device",
        "ten",
        "times one",
        "times one on one",
    ):
        table.add_column(column, justify="right")
    for length in (None, 16, 32, 48, 64):
        kinds = {
            "one": Ours(1, DEVICES, length),
            "alone": Ours(1, 1, length),
            "ten": Ours(SEEDS, DEVICES, length),
        }
        both, alone, ten = interleaved(kinds, max(3, rounds // 2)).values()
        table.add_row(
            f"{length or 'drawn'}",
            *(f"{np.median(times):.1f}" for times in (both, alone, ten)),
            *(f"{np.median(ten / times):.1f} ×" for times in (both, alone)),
        )
        if length is None:
            minutes = np.median(ten) * PAPERS_STEPS / 60_000
            table.caption = (
                f"{PAPERS_STEPS:,} steps of {SEEDS} seeds: {minutes:.1f} minutes"
            )
    return table


def limit_table(rounds: int) -> Table:
    """How far from the limits of the machine, by length."""
    flops_per_second, exps_per_second = matmul_ceiling(), exp_ceiling()
    table = Table(title="a training step, and what it must at least take")
    for column in (
        "length",
        "Mflop",
        "M exp",
        "least ms by both ceilings",
        "ms",
        "of the limit",
    ):
        table.add_column(column, justify="right")
    for length in (16, 64):
        took = float(np.median(interleaved({"": Ours(1, DEVICES, length)}, rounds)[""]))
        flops, exps = work(length)
        least = 1e3 * (flops / flops_per_second + exps / exps_per_second)
        numbers = (
            f"{flops / 1e6:.0f}",
            f"{exps / 1e6:.1f}",
            f"{least:.2f}",
            f"{took:.1f}",
        )
        table.add_row(f"{length}", *numbers, f"{least / took:.0%}")
    table.caption = (
        f"ceilings: {flops_per_second / 1e9:.0f} Gflop/s in a product of 1024 × 1024, "
        f"{exps_per_second / 1e9:.2f} G exp/s in the cache"
    )
    return table


if __name__ == "__main__":
    main()
