"""Speed and memory of mean-field sweeps, beside what people would use instead.

    pip install '.[benchmark]' && python benchmarks/meanfield.py [--rounds N]

That all programs compute the same map is checked before anything is timed. Times are
per value of β and step of the map, M = 3, L = 4, float64; compilation is left out. The
limit is what multiply-adds alone would take, counted by XLA, in the nearest cache.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from functools import partial
from typing import Literal

import jax
import jax.numpy as jnp
import numpy as np

import harness
from harness import Ceiling, Program, Row, Work
from isinglass.dynamics import (
    Measure,
    Sampling,
    bifurcation,
    lyapunov_spectrum,
    trajectory,
)
from isinglass.dynamics._lanes import Carry, advance_block
from isinglass.dynamics._lanes import Program as Advance
from isinglass.dynamics._runner import runner_of
from isinglass.systems.meanfield import Features, MeanField, gamma_of
from meanfield_peers import Chaotax, Numba, Transcription

EPSILON, GAMMA = 0.02, gamma_of(2.2, 100, 3)
ZOOM, WHOLE = (1.24, 1.28), (0.0, 3.0)
VALUES, STEPS, SPECTRUM_STEPS = 1_000, 20_000, 4_000
UNIT = {"unit": "µs a value and step", "scale": 1e6}

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


# -- works -----------------------------------------------------------------------------


def per_step(run: Callable[[], object], cells: int, steps: int) -> Program:
    """A program that does so many cells and steps in a call."""
    return Program(run, cells * steps)


def orbit_work(window: np.ndarray, peers: list, ceiling: Ceiling) -> Work:
    """Orbits alone."""
    transcription, numba, chaotax = peers
    few, many = np.linspace(*ZOOM, 4)[:1], np.linspace(*ZOOM, 250)
    blocks = 2_000 // field.length
    return Work(
        "orbit",
        {
            "Isinglass": per_step(lambda: orbits(VALUES, STEPS), VALUES, STEPS),
            "transcription": per_step(
                lambda: transcription.orbit(window, few, 200 // field.length), 1, 200
            ),
            "pynamicalsys": per_step(
                lambda: numba.orbit(window, many, blocks), 250, 2_000
            ),
            "chaotax": per_step(
                lambda: chaotax.orbit(window, many, blocks), 250, 2_000
            ),
        },
        **UNIT,
        ceiling=ceiling,
        operations=work(0)[0],
    )


def spectrum_works(window: np.ndarray, peers: list, ceiling: Ceiling) -> Iterator[Work]:
    """All exponents: QR as often as needed, and every four steps."""
    transcription, numba, chaotax = peers
    few, many = np.linspace(*ZOOM, 4), np.linspace(*ZOOM, 250)
    blocks, ours = 2_000 // field.length, (VALUES, SPECTRUM_STEPS)
    # The operations are those of QR every 4 steps, and count for that work alone.
    yield Work(
        "spectrum, QR every 4 steps",
        {
            "Isinglass": per_step(lambda: spectra(*ours, qr_every=4), *ours),
            "pynamicalsys": per_step(
                lambda: [numba.spectrum(window, beta, blocks) for beta in few], 4, 2_000
            ),
            # It compiles at every call: what twice the steps cost more.
            "chaotax": Program(
                lambda: chaotax.spectra(window, many, 2 * blocks),
                250 * 2_000,
                less=lambda: chaotax.spectra(window, many, blocks),
            ),
        },
        **UNIT,
        ceiling=ceiling,
        operations=work(12)[0],
    )
    yield Work(
        "spectrum, QR as often as needed",
        {
            "Isinglass": per_step(lambda: spectra(*ours), *ours),
            "Isinglass, β in [0, 3]": per_step(lambda: spectra(*ours, WHOLE), *ours),
            "transcription": per_step(
                lambda: transcription.spectrum(window, few[0], 40 // field.length),
                1,
                40,
            ),
        },
        **UNIT,
    )


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
        program = Advance(runner, runner.block, runner.block, None, 0)
        block = partial(advance_block, program)
        cost = jax.jit(block).lower(carry, constant).compile().cost_analysis()
    share = lanes * runner.block
    return cost["flops"] / share, cost["transcendentals"] / share


# -- the run ---------------------------------------------------------------------------

MEMORY_CODE = """
import tempfile
from meanfield import *
from isinglass.dynamics import Run
with tempfile.TemporaryDirectory() as store:
    vary = {{'beta': np.linspace(*ZOOM, {values})}}
    measure = Measure(transient=200, steps=1000, exponents=None)
    fixed = {{'gamma': GAMMA, 'epsilon': EPSILON}}
    bifurcation(field.map, start, fixed, vary, measure, Run(store=store))
"""


def rows(options: argparse.Namespace) -> Iterator[Row]:
    """Check, and time orbits, spectra and memory."""
    peers = [kind(field, GAMMA, EPSILON) for kind in (Transcription, Numba, Chaotax)]
    window = window_at_phase_zero()
    check_peers(peers, window)
    limit = harness.elementwise(
        "flops, multiply-add in the cache, float64",
        lambda x: x * 0.999 + 1e-3,
        operations=2.0,
        length=16,
        dtype="float64",
    )
    for each_work in (
        orbit_work(window, peers, limit),
        *spectrum_works(window, peers, limit),
    ):
        yield from harness.measure(each_work, options.rounds)
    for values in (4_000, 40_000):
        code = MEMORY_CODE.format(values=values)
        yield harness.peak_memory(f"sweep of {values:,} values", "Isinglass", code)


def main() -> None:
    """Measure everything and print the tables."""
    options = harness.options_of(__doc__).parse_args()
    harness.report(rows(options), options)


if __name__ == "__main__":
    main()
