"""Speed of layers that descend an energy, beside the same in JAX and PyTorch.

    python benchmarks/descent.py [--width 768 --tokens 197 --steps 12 --rounds 5]

PyTorch is beside where it is installed (``pip install torch==2.13.0``). Forward, and
with the gradient by all weights; the ceiling is a large product of the same rounds.
Counted are the products of a step and for the gradient twice as many: what checkpoints
compute anew is not. The plain Energy Transformer takes its force from
automatic differentiation of the energy in every step; the plain Hyper-SET keeps all
that a step computes for the gradient.
"""

from __future__ import annotations

import argparse
import importlib.util
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
HAS_TORCH = importlib.util.find_spec("torch") is not None
if HAS_TORCH:
    import descent_peers


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


def moving(layer: HyperSET) -> HyperSET:
    """The layer with steps that are not 0, as at the start of training."""
    leaves, form = jax.tree.flatten(layer.steps)
    keys = jax.random.split(jax.random.key(2), len(leaves))
    drawn = [
        0.02 * jax.random.normal(key, leaf.shape)
        for key, leaf in zip(keys, leaves, strict=True)
    ]
    return eqx.tree_at(lambda of: of.steps, layer, jax.tree.unflatten(form, drawn))


class Ours:
    """A run in JAX of a model from tokens x, and its gradient by all weights."""

    def __init__(self, model: Any, x: jax.Array, run: Run) -> None:
        gradient = eqx.filter_grad(lambda m, x: (run(m, x) ** 2).mean())
        self.of = model, x
        self.runs = eqx.filter_jit(run), eqx.filter_jit(gradient)

    def forward(self) -> jax.Array:
        return self.runs[0](*self.of)

    def gradient(self) -> Any:
        return self.runs[1](*self.of)


def both_ways(
    name: str, programs: dict[str, Any], flops: float, rounds: int
) -> Iterator[Row]:
    """Forward and gradient of programs that do the same."""
    ours, *others = (np.asarray(program.forward()) for program in programs.values())
    for other in others:
        np.testing.assert_allclose(ours, other, rtol=2e-3, atol=2e-3)
    ceiling = harness.product()
    for part, amount in (("forward", 1), ("gradient", 3)):
        calls = {p: Program(getattr(of, part)) for p, of in programs.items()}
        work = Work(f"{name}, {part}", calls, "s", 1.0, ceiling, amount * flops)
        yield from harness.measure(work, rounds)


def rows(options: argparse.Namespace) -> Iterator[Row]:
    """Both layers."""
    d, n, steps = options.width, options.tokens, options.steps
    heads, hidden = d // 64, 4 * d
    config = EnergyTransformerConfig(d, heads, 64, hidden)
    block = EnergyTransformer(config, key=jax.random.key(0))
    x = jax.random.normal(jax.random.key(1), (n, d))
    flops = steps * (8.0 * n * d * d + 6.0 * n * n * d + 4.0 * n * d * hidden)
    programs: dict[str, Any] = {
        "isinglass": Ours(block, x, lambda b, x: b.iterate(x, steps)),
        "force by autodiff": Ours(block, x, written_plainly(steps)),
    }
    if HAS_TORCH:
        programs["PyTorch"] = descent_peers.energy_transformer(block, x, steps)
    name = f"Energy Transformer, {n} × {d}, {steps} steps"
    yield from both_ways(name, programs, flops, options.rounds)
    shape = HyperSETConfig(d, heads, hidden)
    layer = moving(HyperSET(shape, key=jax.random.key(0)))
    board = jax.random.normal(jax.random.key(1), (81, d))
    per_step = 4.0 * 81 * d * d + 6.0 * 81 * 81 * d + 4.0 * 81 * d * hidden
    per_step += 4.0 * 81 * d * d  # of the network of step sizes
    twice = 2 * steps
    programs = {
        "isinglass": Ours(layer, board, lambda b, x: b.iterate(x, twice)),
        "without checkpoints": Ours(layer, board, all_kept(twice)),
    }
    if HAS_TORCH:
        programs["PyTorch"] = descent_peers.hyper_set(layer, board, twice)
    name = f"Hyper-SET, 81 × {d}, {twice} steps"
    yield from both_ways(name, programs, twice * per_step, options.rounds)


def main() -> None:
    """Measure everything and print the table."""
    sizes = {"width": 768, "tokens": 197, "steps": 12}
    options = harness.options_of(__doc__, **sizes).parse_args()
    harness.report(rows(options), options)


if __name__ == "__main__":
    main()
