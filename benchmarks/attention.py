"""Speed of both attention kernels, and of features first or last, where each is used.

    python benchmarks/attention.py [--rounds N]

Forward and backward passes in float32, interleaved, medians of ratios in one run. That
all kernels give the same numbers is checked before anything is timed. Compilation is
left out. The sizes are those of a looped transformer in training (Lam 2026: 32
sequences of 64 symbols, one head of 8 features) and of one sequence of GPT-2 small.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import harness
from harness import Program, Row, Work
from isinglass.attention import attend, causal_attention
from isinglass.attention.features_first import affine
from isinglass.attention.normalisation import normalise

Step = Callable[[], Any]
# Sequences, heads, length, features of a head.
SIZES = {
    "looped: 32 × 64 symbols, 1 head of 8": (32, 1, 64, 8),
    "GPT-2: 1 × 1,024 tokens, 12 heads of 64": (1, 12, 1_024, 64),
}


def streamed(query: Any, key: Any, value: Any) -> Any:
    return attend(query * query.shape[-1] ** -0.5, key, value)[0]


def streamed_with_power(query: Any, key: Any, value: Any) -> Any:
    output, rows = attend(query * query.shape[-1] ** -0.5, key, value, q=1.5)
    return output + 0 * (rows.power + rows.surprise)[..., None]


def causal(query: Any, key: Any, value: Any) -> Any:
    return jax.vmap(causal_attention)(query, key, value)


KERNELS = {
    "attend": streamed,
    "attend with statistics": streamed_with_power,
    "causal_attention": causal,
}


def kernel_steps(size: tuple[int, ...]) -> dict[str, Step]:
    """Loss and gradient of every kernel at a size, once they are known to agree."""
    heads = tuple(jax.random.normal(key, size) for key in jax.random.split(KEY, 3))
    steps = {name: _step(kernel, heads) for name, kernel in KERNELS.items()}
    first, *others = (jax.tree.leaves(step()) for step in steps.values())
    for other in others:
        for a, b in zip(first, other, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-4)
    return steps


def layer_steps(width: int = 8, hidden: int = 16) -> dict[str, Step]:
    """What follows attention in a looped transformer, with features first and last."""
    x = jax.random.normal(KEY, (32, 64, width))
    keys = jax.random.split(KEY, 2)
    weights = (
        jax.random.normal(keys[0], (width, hidden)),
        jax.random.normal(keys[1], (hidden, width)),
        *(jnp.zeros(hidden), jnp.zeros(width), jnp.ones(width), jnp.zeros(width)),
    )

    def first(x: Any, *weights: Any) -> Any:
        w_in, w_out, b_in, b_out, gain, bias = weights
        out = affine(jax.nn.gelu(affine(x, w_in, b_in)), w_out, b_out)
        return normalise(out, gain, bias, axis=0)

    def last(x: Any, *weights: Any) -> Any:
        w_in, w_out, b_in, b_out, gain, bias = weights
        out = jax.nn.gelu(x @ w_in + b_in) @ w_out + b_out
        return normalise(out, gain, bias)

    return {
        "features first": _step(first, (jnp.moveaxis(x, -1, 0), *weights)),
        "features last": _step(last, (x, *weights)),
    }


def _step(function: Callable[..., Any], arguments: tuple[Any, ...]) -> Step:
    def loss(*arguments: Any) -> Any:
        return (function(*arguments) ** 2).sum()

    numbers = tuple(range(len(arguments)))
    compiled = jax.jit(jax.value_and_grad(loss, numbers))
    return lambda: jax.block_until_ready(compiled(*arguments))


def rows(rounds: int) -> Iterator[Row]:
    """Milliseconds a step, ten at a time; ratios are to the first program."""
    groups = {name: kernel_steps(size) for name, size in SIZES.items()}
    groups["perceptron and normalisation: 32 × 64 symbols, d = 8"] = layer_steps()
    for group, steps in groups.items():
        programs = {
            name: Program(lambda step=step: [step() for _ in range(10)], 10)
            for name, step in steps.items()
        }
        work = Work(f"{group}, forward and backward", programs, unit="ms", scale=1e3)
        yield from harness.measure(work, rounds)


def main() -> None:
    """Measure everything and print the tables."""
    options = harness.options_of(__doc__, rounds=15).parse_args()
    harness.report(rows(options.rounds), options)


KEY = jax.random.key(0)


if __name__ == "__main__":
    main()
