"""What a step of training GPT-2 is made of, part by part beside PyTorch.

A layer has four products, each with two more in the backward pass; beside them stand
attention, layer normalisation and GELU, here forward and backward. Each part gets what
it gets in the step: all positions of all sequences as rows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import harness
from harness import Program, Row, Work
from isinglass.attention.causal import causal_attention
from isinglass.attention.normalisation import normalise
from isinglass.systems.memory import TransformerConfig
from memory_training import SHAPES

Function = Callable[..., Any]
FEW = 4  # calls at a time


def parts(rounds: int) -> Iterator[Row]:
    """Of the first of `SHAPES`, times of a layer."""
    config, batch = SHAPES[0]
    rows = batch * config.context
    for name, width, out in (
        ("attention in", config.width, 3 * config.width),
        ("attention out", config.width, config.width),
        ("perceptron in", config.width, config.inner),
        ("perceptron out", config.inner, config.width),
    ):
        yield from harness.measure(_products(name, rows, width, out), rounds)
    for work in (_attention(config, batch), _normalisation(config, rows)):
        yield from harness.measure(work, rounds)
    yield from harness.measure(_gelu(config, rows), rounds)


def _products(name: str, rows: int, width: int, out: int) -> Work:
    """Of rows x with weights w, x w; with the gradient g of that, g wᵀ and xᵀ g."""
    arrays = _random((rows, width), (width, out), (rows, out))
    # As separate programs, so that none is fused with another.
    three = [jax.jit(f) for f in _THREE]
    ours = [jnp.asarray(array) for array in arrays]
    theirs = _torch_of(arrays)
    programs = {
        "XLA": lambda: [f(*ours) for f in three],
        "PyTorch": lambda: [f(*theirs) for f in _THREE],
    }
    flops = 6.0 * rows * width * out
    return _work(f"{name}, {width:,} to {out:,}: three products", programs, flops)


_THREE: tuple[Function, ...] = (
    lambda x, w, g: x @ w,
    lambda x, w, g: g @ w.T,
    lambda x, w, g: x.T @ g,
)


def _attention(config: TransformerConfig, batch: int) -> Work:
    from torch.nn import functional

    shape = (batch, config.heads, config.context, config.width // config.heads)
    arrays = _random(shape, shape, shape, shape)

    def theirs(query: Any, key: Any, value: Any) -> Any:
        return functional.scaled_dot_product_attention(
            query, key, value, is_causal=True
        )

    flops = 14.0 * np.prod(shape) * config.context / 2  # half of it is masked
    return _both_ways("attention", jax.vmap(causal_attention), theirs, arrays, flops)


def _normalisation(config: TransformerConfig, rows: int) -> Work:
    from torch.nn import functional

    shape = (rows, config.width)
    arrays = _random(shape, shape[1:], shape[1:], shape)

    def theirs(x: Any, gain: Any, bias: Any) -> Any:
        return functional.layer_norm(x, shape[1:], gain, bias)

    return _both_ways("layer normalisation", normalise, theirs, arrays)


def _gelu(config: TransformerConfig, rows: int) -> Work:
    from torch.nn import functional

    shape = (rows, config.inner)

    def theirs(x: Any) -> Any:
        return functional.gelu(x, approximate="tanh")

    return _both_ways("GELU", jax.nn.gelu, theirs, _random(shape, shape))


def _both_ways(
    name: str, ours: Function, theirs: Function, arrays: list, flops: float = np.nan
) -> Work:
    """A function and its gradient; the last array is that of its result."""
    import torch

    *inputs, of_result = [jnp.asarray(array) for array in arrays]
    gradient = jax.jit(lambda g, *x: jax.vjp(ours, *x)[1](g))
    tensors = _torch_of(arrays)
    leaves, last = [x.requires_grad_() for x in tensors[:-1]], tensors[-1]
    programs = {
        "XLA": lambda: gradient(of_result, *inputs),
        "PyTorch": lambda: torch.autograd.grad(theirs(*leaves), leaves, last),
    }
    np.testing.assert_allclose(
        programs["XLA"]()[0], programs["PyTorch"]()[0], rtol=1e-3, atol=1e-3
    )
    return _work(f"{name}, forward and backward", programs, flops)


def _work(name: str, programs: dict[str, Callable[[], Any]], flops: float) -> Work:
    def several(run: Callable[[], Any]) -> Callable[[], Any]:
        return lambda: [run() for _ in range(FEW)][-1]

    runs = {name: Program(several(run), FEW) for name, run in programs.items()}
    limit = harness.product() if np.isfinite(flops) else None
    return Work(name, runs, "ms", 1e3, limit, flops)


def _random(*shapes: tuple[int, ...]) -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    return [rng.standard_normal(shape, np.float32) for shape in shapes]


def _torch_of(arrays: list[np.ndarray]) -> list[Any]:
    import torch

    return [torch.tensor(array) for array in arrays]
