"""Speed and memory of mean-field sweeps, beside what people would use instead.

    pip install '.[benchmark]' && python benchmarks/meanfield.py [--rounds N]

One run, interleaved, medians. That all programs compute the same map is checked before
anything is timed. Times are per value of β and step of the map, M = 3, L = 4, float64;
compilation is left out.
"""

from __future__ import annotations

import argparse
import platform
import re
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Literal

import jax
import jax.numpy as jnp
import numpy as np
from rich.console import Console
from rich.table import Table

from isinglass._common.machine import cores
from isinglass.dynamics import (
    Measure,
    Sampling,
    bifurcation,
    lyapunov_spectrum,
    trajectory,
)
from isinglass.dynamics._lanes import Carry, Program, advance_block
from isinglass.dynamics._runner import runner_of
from isinglass.systems.meanfield import Features, MeanField, gamma_of
from meanfield_peers import Chaotax, Numba, Transcription

EPSILON, GAMMA = 0.02, gamma_of(2.2, 100, 3)
ZOOM, WHOLE = (1.24, 1.28), (0.0, 3.0)
VALUES, STEPS, SPECTRUM_STEPS = 1_000, 20_000, 4_000

field = MeanField(Features.paper())
start = partial(field.start_from_pattern, pattern=0)


def parameters(beta: float) -> dict[str, float]:
    return {"beta": beta, "gamma": GAMMA, "epsilon": EPSILON}


def sweep(values: int, span: tuple[float, float], measure: Measure) -> object:
    """A bifurcation diagram in memory, as a user asks for it."""
    fixed = {"gamma": GAMMA, "epsilon": EPSILON}
    return bifurcation(
        field.map, start, fixed, {"beta": np.linspace(*span, values)}, measure
    )


def orbits(values: int, steps: int) -> object:
    return sweep(values, ZOOM, Measure(transient=0, steps=steps))


def spectra(
    values: int,
    steps: int,
    span: tuple[float, float] = ZOOM,
    qr_every: Literal["auto"] | int = "auto",
) -> object:
    return sweep(
        values,
        span,
        # No orbit is run on where its kind is in doubt: peers tell no kinds.
        Measure(
            transient=0,
            steps=steps,
            exponents=None,
            qr_every=qr_every,
            extensions=0,
        ),
    )


# -- the same map ----------------------------------------------------------------------


def window_at_phase_zero() -> np.ndarray:
    with jax.enable_x64(True):
        state = start(parameters(1.255))
        while int(state.phase):
            state = field.map(state, parameters(1.255))
        return np.asarray(state.window)


def check_peers(peers: list, window: np.ndarray) -> None:
    """Refuse to time programs that do not compute the same orbit and exponents."""
    state = field.map.start(window)
    orbit = trajectory(field.map, state, parameters(1.255), Sampling(1, 39))
    exponents = lyapunov_spectrum(
        field.map, state, parameters(1.255), 20_000
    ).exponents[:4]
    for peer in peers:
        last = np.ravel(peer.orbit(window, np.array([1.255]), 10))[: orbit.size]
        np.testing.assert_allclose(last, np.ravel(orbit)[: last.size], rtol=1e-9)
        if isinstance(peer, Transcription):  # too slow to converge; its orbit is enough
            continue
        leading = peer.spectrum(window, 1.255, 5_000)[:4]
        np.testing.assert_allclose(leading, exponents, atol=0.01)


# -- measuring -------------------------------------------------------------------------


def seconds(function: Callable[[], object]) -> float:
    begin = time.perf_counter()
    function()
    return time.perf_counter() - begin


def interleaved(
    functions: Mapping[str, Callable[[], float]], rounds: int
) -> dict[str, list]:
    """What each function returns, run in turn; the first, compiling, run is dropped."""
    for function in functions.values():
        function()
    results: dict[str, list] = {name: [] for name in functions}
    for _ in range(rounds):
        for name, function in functions.items():
            results[name].append(function())
    return results


def per_step(
    function: Callable[[], object], cells: int, steps: int
) -> Callable[[], float]:
    """Microseconds per cell and step."""
    return lambda: 1e6 * seconds(function) / (cells * steps)


def slope(
    function: Callable[[int], object], cells: int, steps: int
) -> Callable[[], float]:
    """The same for a program that compiles in every call: what more steps cost more."""

    def measured() -> float:
        once, twice = (
            seconds(lambda: function(steps)),
            seconds(lambda: function(2 * steps)),
        )
        return 1e6 * (twice - once) / (cells * steps)

    return measured


def contests(window: np.ndarray, peers: list) -> dict[str, Callable[[], float]]:
    """All that is timed, in µs per value and step."""
    transcription, numba, chaotax = peers
    length = field.length
    few, many = np.linspace(*ZOOM, 4), np.linspace(*ZOOM, 250)

    def chaotax_spectra(steps: int) -> object:
        return chaotax.spectra(window, many, steps // length)

    def numba_spectra() -> None:
        for beta in few:
            numba.spectrum(window, beta, 2_000 // length)

    return {
        "orbit, ours": per_step(lambda: orbits(VALUES, STEPS), VALUES, STEPS),
        "orbit, transcription": per_step(
            lambda: transcription.orbit(window, few[:1], 200 // length), 1, 200
        ),
        "orbit, pynamicalsys": per_step(
            lambda: numba.orbit(window, many, 2_000 // length), 250, 2_000
        ),
        "orbit, chaotax": per_step(
            lambda: chaotax.orbit(window, many, 2_000 // length), 250, 2_000
        ),
        "spectrum, ours": per_step(
            lambda: spectra(VALUES, SPECTRUM_STEPS), VALUES, SPECTRUM_STEPS
        ),
        "spectrum, QR every 4 steps, ours": per_step(
            lambda: spectra(VALUES, SPECTRUM_STEPS, qr_every=4), VALUES, SPECTRUM_STEPS
        ),
        "spectrum, transcription": per_step(
            lambda: transcription.spectrum(window, few[0], 40 // length), 1, 40
        ),
        "spectrum, QR every 4 steps, pynamicalsys": per_step(
            numba_spectra, len(few), 2_000
        ),
        "spectrum, QR every 4 steps, chaotax": slope(chaotax_spectra, len(many), 2_000),
        "spectrum, β in [0, 3], ours": per_step(
            lambda: spectra(VALUES, SPECTRUM_STEPS, WHOLE), VALUES, SPECTRUM_STEPS
        ),
    }


# -- what the machine could do ---------------------------------------------------------


def work(exponents: int, lanes: int = 250) -> tuple[float, float]:
    """Flops and transcendental functions per value and step, as XLA counts them."""
    with jax.enable_x64(True):
        state = start(parameters(1.255))
        runner = runner_of(field.map, state)
        reals, _ = runner.split(state)
        wide = tuple(jnp.repeat(leaf[:, None], lanes, 1) for leaf in reals)
        size = sum(leaf.shape[0] for leaf in reals)
        vectors = jnp.repeat(jnp.eye(size, exponents)[..., None], lanes, -1)
        zero = jnp.zeros((exponents, lanes))
        constant = {
            name: jnp.full(lanes, value) for name, value in parameters(1.255).items()
        }
        carry = Carry(wide, (), vectors, zero, zero, jnp.zeros(lanes))
        program = Program(runner, runner.block, runner.block, None, 0)
        block = partial(advance_block, program)
        cost = jax.jit(block).lower(carry, constant).compile().cost_analysis()
    share = lanes * runner.block
    return cost["flops"] / share, cost["transcendentals"] / share


def ceiling(
    function: Callable[[jax.Array], jax.Array], length: int, repeats: int = 4_000
) -> float:
    """Applications per second of `length` chained functions, in cache, all cores."""
    with jax.enable_x64(True):
        x = jnp.linspace(0.1, 0.9, 512)

    @jax.jit
    def chain(x: jax.Array) -> jax.Array:
        def body(_: int, x: jax.Array) -> jax.Array:
            for _ in range(length):
                x = function(x)
            return x

        return jax.lax.fori_loop(0, repeats, body, x)

    def work(_: int) -> None:
        with jax.enable_x64(True):
            chain(x).block_until_ready()

    threads = cores()
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(work, range(threads)))
        best = min(
            seconds(lambda: list(pool.map(work, range(threads)))) for _ in range(5)
        )
    return threads * x.size * length * repeats / best


def peak_memory(values: int) -> float:
    """Peak resident GiB of a fresh process that sweeps so many values (Linux)."""
    code = (
        "import sys, tempfile; sys.path.insert(0, 'benchmarks')\n"
        "import numpy as np\n"
        "from isinglass.dynamics import Run\n"
        "from meanfield import *\n"
        "with tempfile.TemporaryDirectory() as store:\n"
        f"    vary = {{'beta': np.linspace(*ZOOM, {values})}}\n"
        "    measure = Measure(transient=200, steps=1000, exponents=None)\n"
        "    fixed = {'gamma': GAMMA, 'epsilon': EPSILON}\n"
        "    bifurcation(field.map, start, fixed, vary, measure, Run(store=store))\n"
        "print(open('/proc/self/status').read())\n"
    )
    output = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True
    )
    return int(re.findall(r"VmHWM:\s*(\d+) kB", output.stdout)[0]) / 2**20


# -- the run ---------------------------------------------------------------------------


def main() -> None:
    """Measure everything and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--rounds", type=int, default=5, help="rounds of every measurement"
    )
    rounds = parser.parse_args().rounds
    console = Console()
    peers = [kind(field, GAMMA, EPSILON) for kind in (Transcription, Numba, Chaotax)]
    window = window_at_phase_zero()
    check_peers(peers, window)
    times = interleaved(contests(window, peers), rounds)
    console.print(speed_table(times, rounds))
    console.print(work_table(times))
    console.print(scaling_table())
    for values in (4_000, 40_000):
        console.print(f"Peak memory, {values:,} values: {peak_memory(values):.2f} GiB")
    console.print(
        f"{platform.machine()}, {cores()} cores, "
        f"{jax.device_count()} × {jax.devices()[0].device_kind}"
    )


def speed_table(results: Mapping[str, list], rounds: int) -> Table:
    """Medians, and how many times ours each peer takes."""
    table = Table(title=f"µs per (β, step), medians of {rounds} rounds (least to most)")
    for column in ("", "µs", "range", "times ours"):
        table.add_column(column, justify="right" if column else "left")
    for name, times in results.items():
        median = float(np.median(times))
        ours = float(np.median(results[f"{name.rpartition(',')[0]}, ours"]))
        ratio = (
            ""
            if name.endswith("ours")
            else f"{median / ours:,.{0 if median > 10 * ours else 1}f} ×"
        )
        table.add_row(
            name, f"{median:,.3f}", f"{min(times):,.3f} – {max(times):,.3f}", ratio
        )
    return table


def work_table(times: Mapping[str, list]) -> Table:
    """How far from the limits of the machine."""
    flops = 2 * ceiling(lambda x: x * 0.999 + 1e-3, 16)
    tanhs = ceiling(jnp.tanh, 1)
    table = Table(title="per (β, step), and share of what all cores do in the cache")
    for column in (
        "",
        "flops",
        "tanh and exp",
        "of flops ceiling",
        "least µs by both ceilings",
    ):
        table.add_column(column, justify="right" if column else "left")
    # Operations are counted with QR every 4 steps, and so is the time: "auto" may take
    # more of both.
    for what, exponents in (("orbit", 0), ("spectrum, QR every 4 steps", 12)):
        operations, functions = work(exponents)
        took = 1e-6 * float(np.median(times[f"{what}, ours"]))
        least = operations / flops + functions / tanhs
        table.add_row(
            what,
            f"{operations:,.0f}",
            f"{functions:,.1f}",
            f"{operations / took / flops:.0%}",
            f"{1e6 * least:.3f}",
        )
    table.caption = (
        f"ceilings: {flops / 1e9:.0f} Gflop/s multiply-add, {tanhs / 1e9:.2f} G tanh/s"
    )
    return table


def scaling_table() -> Table:
    """Cost by number of values and of steps: µs per (β, step) is to stay the same."""
    table = Table(title="spectrum, µs per (β, step)")
    steps = (2_000, 4_000, 8_000)
    for column in ("values", *(f"{count:,} steps" for count in steps)):
        table.add_column(column, justify="right")
    for values in (500, 1_000, 2_000):
        row = [
            per_step(partial(spectra, values, count), values, count) for count in steps
        ]
        for measured in row:  # compile
            measured()
        table.add_row(f"{values:,}", *(f"{measured():.3f}" for measured in row))
    return table


if __name__ == "__main__":
    main()
