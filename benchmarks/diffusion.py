"""Speed and memory of the flow between all pairs of instances, in a layer of DIFFormer.

    python benchmarks/diffusion.py [--instances 100000 --fewer 20000 --rounds 5]

-s of `--instances` with 64 features, forward and with the gradient, beside the dense
form at 2,000; -a of `--fewer` a block of queries at a time. PyTorch is beside where it
is installed (``pip install torch==2.13.0``). The ceiling is a large
product of the same rounds: a -s layer takes 4 · N · 64² flops, a -a layer 4 · N² · 64.
Memory is what a fresh process had at most, of -a with its gradient.
"""

from __future__ import annotations

import argparse
import importlib.util
from collections.abc import Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import harness
from harness import Program, Row, Work
from isinglass.systems.diffusion import (
    conductances,
    sigmoid_diffusion,
    simple_diffusion,
)

HAS_TORCH = importlib.util.find_spec("torch") is not None
if HAS_TORCH:
    from diffusion_peers import Peer

WIDTH = 64


def drawn(count: int) -> list[jax.Array]:
    keys = jax.random.split(jax.random.key(0), 3)
    return [jax.random.normal(key, (count, 1, WIDTH)) for key in keys]


def dense(q: jax.Array, k: jax.Array, v: jax.Array) -> jax.Array:
    """The same with all of S."""
    return jnp.einsum("nlh,lhc->nhc", conductances(q, k), v)


def with_gradient(run: Any) -> Any:
    return jax.jit(jax.grad(lambda *parts: (run(*parts) ** 2).sum(), (0, 1, 2)))


def rows(options: argparse.Namespace) -> Iterator[Row]:
    """All works."""
    ceiling, many, few = harness.product(), options.instances, 2_000
    simple, full = jax.jit(simple_diffusion), jax.jit(dense)
    np.testing.assert_allclose(simple(*drawn(few)), full(*drawn(few)), atol=1e-4)
    for count in (few, many):
        parts, flops = drawn(count), 4.0 * count * WIDTH**2
        back = with_gradient(simple_diffusion)
        programs = {"isinglass": Program(lambda p=parts: simple(*p))}
        if count == few:
            programs["dense"] = Program(lambda p=parts: full(*p))
        if HAS_TORCH:
            peer = Peer("simple", parts)
            np.testing.assert_allclose(simple(*parts), peer.forward(), atol=1e-4)
            programs["PyTorch"] = Program(peer.forward)
        work = Work(f"-s, {count:,} × {WIDTH}", programs, "ms", 1e3, ceiling, flops)
        yield from harness.measure(work, options.rounds)
        programs = {"isinglass": Program(lambda p=parts, f=back: f(*p))}
        if HAS_TORCH:
            programs["PyTorch"] = Program(peer.gradient)
        name = f"-s, {count:,} × {WIDTH}, gradient"
        work = Work(name, programs, "ms", 1e3, ceiling, 3 * flops)
        yield from harness.measure(work, options.rounds)
    count = options.fewer
    parts, sigmoid = drawn(count), jax.jit(sigmoid_diffusion)
    programs = {"isinglass": Program(lambda: sigmoid(*parts))}
    if HAS_TORCH:
        programs["PyTorch"] = Program(Peer("sigmoid", parts).forward)
    name, flops = f"-a, {count:,} × {WIDTH}", 4.0 * count**2 * WIDTH
    yield from harness.measure(Work(name, programs, "s", 1.0, ceiling, flops), 1)
    code = (
        "import jax\n"
        "from isinglass.systems.diffusion import sigmoid_diffusion\n"
        f"q = jax.random.normal(jax.random.key(0), ({count}, 1, {WIDTH}))\n"
        "loss = lambda *a: (sigmoid_diffusion(*a) ** 2).sum()\n"
        "jax.block_until_ready(jax.jit(jax.grad(loss, (0, 1, 2)))(q, q, q))"
    )
    yield harness.peak_memory(f"{name}, gradient", "isinglass", code, "RssAnon")


def main() -> None:
    """Measure everything and print the table."""
    sizes = {"instances": 100_000, "fewer": 20_000}
    options = harness.options_of(__doc__, **sizes).parse_args()
    harness.report(rows(options), options)


if __name__ == "__main__":
    main()
