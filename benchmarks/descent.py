"""Speed of layers that descend an energy, beside the same written plainly in JAX.

    python benchmarks/descent.py [--width 768 --tokens 197 --steps 12 --rounds 5]

Forward, and with the gradient by all weights; the ceiling is a large product of the
same rounds. Counted are the products of a step and for the gradient twice as many:
what checkpoints compute anew is not. The plain Energy Transformer takes its force from
automatic differentiation of the energy in every step; the plain Hyper-SET keeps all
that a step computes for the gradient.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

import harness
from harness import Program, Row, Work
from isinglass.systems.descent import (
    EnergyTransformer,
    EnergyTransformerConfig,
    HyperSET,
    HyperSETConfig,
)

Run = Callable[[Any, jax.Array], jax.Array]


def written_plainly(steps: int) -> Run:
    """T steps of an Energy Transformer whose force is that of autodiff."""

    def run(block: EnergyTransformer, x: jax.Array) -> jax.Array:
        def energy(g: jax.Array) -> jax.Array:
            q, k = (jnp.einsum("nd,hyd->hny", g, w) for w in (block.query, block.key))
            beta = block.inverse_temperature
            scores = jnp.einsum("h,hiy,hjy->hij", beta, q, k)
            free = jax.nn.logsumexp(scores, axis=-1).sum(-1) / beta
            return -free.sum() - 0.5 * (jax.nn.relu(g @ block.memories) ** 2).sum()

        def body(x: jax.Array, _: None) -> tuple[jax.Array, None]:
            return x - block.step_size * jax.grad(energy)(block.norm(x)), None

        return jax.lax.scan(body, x, None, length=steps)[0]

    return run


def all_kept(steps: int) -> Run:
    """T steps of a Hyper-SET without checkpoints."""

    def run(layer: HyperSET, x: jax.Array) -> jax.Array:
        begun = layer.started(x)

        def body(x: jax.Array, time: jax.Array) -> tuple[jax.Array, None]:
            return begun.step(x, time), None

        return jax.lax.scan(body, x, jnp.arange(steps))[0]

    return run


def both_ways(
    name: str, model: Any, x: jax.Array, runs: dict[str, Run], flops: float, rounds: int
) -> Iterator[Row]:
    """Forward and gradient of programs that do the same."""
    forward = {program: eqx.filter_jit(run) for program, run in runs.items()}
    ours, *others = (np.asarray(run(model, x)) for run in forward.values())
    for other in others:
        np.testing.assert_allclose(ours, other, rtol=2e-3, atol=2e-3)

    def gradient(run: Run) -> Any:
        return eqx.filter_jit(eqx.filter_grad(lambda m: (run(m, x) ** 2).mean()))

    backward = {program: gradient(run) for program, run in runs.items()}
    for part, programs, amount in (
        (
            "forward",
            {p: Program(lambda f=f: f(model, x)) for p, f in forward.items()},
            1,
        ),
        (
            "gradient",
            {p: Program(lambda f=f: f(model)) for p, f in backward.items()},
            3,
        ),
    ):
        work = Work(
            f"{name}, {part}",
            programs,
            ceiling=harness.product(),
            operations=amount * flops,
        )
        yield from harness.measure(work, rounds)


def rows(options: argparse.Namespace) -> Iterator[Row]:
    """Both layers."""
    d, n, steps = options.width, options.tokens, options.steps
    heads, hidden = d // 64, 4 * d
    config = EnergyTransformerConfig(d, heads, 64, hidden)
    block = EnergyTransformer(config, key=jax.random.key(0))
    x = jax.random.normal(jax.random.key(1), (n, d))
    flops = steps * (8.0 * n * d * d + 6.0 * n * n * d + 4.0 * n * d * hidden)
    runs: dict[str, Run] = {
        "isinglass": lambda b, x: b.iterate(x, steps),
        "force by autodiff": written_plainly(steps),
    }
    name = f"Energy Transformer, {n} × {d}, {steps} steps"
    yield from both_ways(name, block, x, runs, flops, options.rounds)
    shape = HyperSETConfig(d, heads, hidden)
    layer = HyperSET(shape, key=jax.random.key(0))
    board = jax.random.normal(jax.random.key(1), (81, d))
    per_step = 4.0 * 81 * d * d + 6.0 * 81 * 81 * d + 4.0 * 81 * d * hidden
    per_step += 4.0 * 81 * d * d  # of the network of step sizes
    twice = 2 * steps
    runs = {
        "isinglass": lambda b, x: b.iterate(x, twice),
        "without checkpoints": all_kept(twice),
    }
    name = f"Hyper-SET, 81 × {d}, {twice} steps"
    yield from both_ways(name, layer, board, runs, twice * per_step, options.rounds)


def main() -> None:
    """Measure everything and print the table."""
    sizes = {"width": 768, "tokens": 197, "steps": 12}
    options = harness.options_of(__doc__, **sizes).parse_args()
    harness.report(rows(options), options)


if __name__ == "__main__":
    main()
