"""The tangent kernel: how stiff gradient descent finds each direction of the outputs.

    K = J Jᵀ,  J_np = ∂f(X_n)/∂θ_p

To first order a step of size γ takes the residuals r to (1 − γK) r: each eigenvector
decays by itself, the softest slowest. K is made of blocks of rows of J, of which two
are there at a time: memory is O(N² + block · P), not N · P.

Everything here is in float64, whatever the model is in: conditions of 10² to 10⁴ are
usual, and a smallest eigenvalue in float32 would be rounding.

Source: Jacot, Gabriel & Hongler 2018, arXiv 1806.07572; Wu et al. 2023, arXiv
2311.01575.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from isinglass._common.checks import (
    as_list,
    as_real_array,
    check_choice,
    check_finite,
    check_kind,
    check_real,
    check_shapes,
    check_whole,
)
from isinglass._common.precision import double_precision
from isinglass._common.types import ArrayLike


class Extremes(NamedTuple):
    """Ends of a spectrum.

    Attributes:
        smallest: λ_min.
        largest: λ_max.
    """

    smallest: float
    largest: float


def extreme_eigenvalues(kernel: ArrayLike) -> Extremes:
    """Compute λ_min and λ_max of a symmetric kernel.

    Args:
        kernel: (N, N), float64.

    Raises:
        TypeError: If it is no array.
        ValueError: If it is in float32, where λ_min would be rounding; if it is not
            square, finite and symmetric.
    """
    check_real(kernel=kernel)
    check_shapes(kernel=(kernel, "n n"))
    check_finite(kernel=kernel)
    matrix = np.asarray(kernel)
    if matrix.dtype != np.float64:
        raise ValueError(
            "kernel must be float64, in which its smallest eigenvalue is no rounding, "
            f"got {matrix.dtype}: tangent_kernel makes one of any model"
        )
    if np.abs(matrix - matrix.T).max() > 1e-9 * np.abs(matrix).max():
        raise ValueError("kernel must be symmetric")
    eigenvalues = np.linalg.eigvalsh((matrix + matrix.T) / 2)
    return Extremes(float(eigenvalues[0]), float(eigenvalues[-1]))


@dataclass(frozen=True, eq=False)
class TangentKernel:
    """A tangent kernel, by the parameters that it comes from.

    Attributes:
        parts: J Jᵀ of each array of parameters alone, (N, N) in float64, by its name,
            such as "readout" or "layer.query". They add up.

    Raises:
        TypeError: If the parts are no mapping.
        ValueError: If there are none, or they are not real, square and of one size.
    """

    parts: dict[str, Float[np.ndarray, "n n"]]

    def __post_init__(self) -> None:
        check_kind(Mapping, parts=self.parts)
        if not self.parts:
            raise ValueError("parts must hold at least one array, got none")
        check_real(**{f"parts[{name!r}]": part for name, part in self.parts.items()})
        check_shapes(
            **{f"parts[{name!r}]": (part, "n n") for name, part in self.parts.items()}
        )

    def __repr__(self) -> str:
        inputs = len(next(iter(self.parts.values())))
        return f"TangentKernel({inputs} inputs; {', '.join(self.parts)})"

    @property
    def matrix(self) -> Float[np.ndarray, "n n"]:
        """K, the sum of all parts."""
        return np.sum(list(self.parts.values()), axis=0)

    @property
    def extremes(self) -> Extremes:
        """λ_min and λ_max of K."""
        return extreme_eigenvalues(self.matrix)

    def share(self, names: Sequence[str]) -> float:
        """Return the share of the trace of K that some parts have.

        Raises:
            ValueError: If there is no such part.
        """
        chosen = as_list("names", names)
        for name in chosen:
            check_choice(tuple(self.parts), names=name)
        traces = {name: float(np.trace(part)) for name, part in self.parts.items()}
        return sum(traces[name] for name in set(chosen)) / sum(traces.values())

    def drift(self, start: "TangentKernel") -> float:
        """Return |K − K₀| / |K₀| in the Frobenius norm: 0 of lazy training.

        Raises:
            TypeError: If the start is no kernel.
            ValueError: If it is of another number of inputs.
        """
        check_kind(TangentKernel, start=start)
        own, first = self.matrix, start.matrix
        if own.shape != first.shape:
            raise ValueError(
                f"start must be of as many inputs, {own.shape}, got {first.shape}"
            )
        return float(np.linalg.norm(own - first) / np.linalg.norm(first))


@double_precision()
def tangent_kernel(
    model: eqx.Module, inputs: ArrayLike, *, block: int = 16
) -> TangentKernel:
    """Compute the tangent kernel of a model of one number, in float64.

    Args:
        model: An Equinox module that makes one number of one input, as a
            `ShallowEncoder`. Weights in float32 are taken as the float64 that they are.
        inputs: (N, …), N ≥ 1.
        block: Rows of J at a time. Memory is two blocks of so many rows.

    Raises:
        TypeError: If the model is no Equinox module.
        ValueError: If inputs are not real and finite, the model gives no single number
            or has no parameters, or the block is less than 1.
    """
    check_kind(eqx.Module, model=model)
    check_whole(block=block)
    points = as_real_array("inputs", inputs)
    if not points.size or points.ndim < 2:
        raise ValueError(f"inputs must be of shape (N, …), got {points.shape}")
    parameters, rest = eqx.partition(
        with_floats(model, np.float64), eqx.is_inexact_array
    )
    names = [
        jax.tree_util.keystr(path, simple=True, separator=".")
        for path, _ in jax.tree_util.tree_leaves_with_path(parameters)
    ]
    if not names:
        raise ValueError("model must have parameters, got none")
    count = len(points)
    block = min(block, count)
    # The last block is filled up, so that all take one program.
    places = np.minimum(np.arange(-(-count // block) * block), count - 1)
    blocks = places.reshape(-1, block)
    parts = np.zeros((len(names), len(places), len(places)))
    for i in range(len(blocks)):
        rows = _jacobian(parameters, rest, points[blocks[i]])
        for j in range(i, len(blocks)):
            own = slice(i * block, (i + 1) * block)
            other = slice(j * block, (j + 1) * block)
            if i == j:
                products = _products(rows, rows)
            else:
                products = _beside(rows, parameters, rest, points[blocks[j]])
            parts[:, own, other] = products
            parts[:, other, own] = np.swapaxes(products, -1, -2)
    matrices = (part[:count, :count] for part in parts)
    return TangentKernel(dict(zip(names, matrices, strict=True)))


def with_floats(tree: Any, dtype: Any) -> Any:
    """The same with its arrays of real numbers in another precision."""

    def cast(leaf: Any) -> Any:
        return jnp.asarray(leaf, dtype) if eqx.is_inexact_array(leaf) else leaf

    return jax.tree.map(cast, tree)


@eqx.filter_jit
def _jacobian(parameters: Any, rest: Any, points: Array) -> list[Array]:
    """Rows of J, (block, P of each array)."""

    def output(own: Any, point: Array) -> Array:
        value = eqx.combine(own, rest)(point)
        if not hasattr(value, "shape") or value.shape:
            raise ValueError(
                f"model must give one number of one input, got {jnp.shape(value)}"
            )
        return value

    gradients = jax.vmap(jax.grad(output), (None, 0))(parameters, points)
    return [leaf.reshape(len(points), -1) for leaf in jax.tree.leaves(gradients)]


@jax.jit
def _products(rows: list[Array], others: list[Array]) -> Array:
    return jnp.stack([a @ b.T for a, b in zip(rows, others, strict=True)])


@eqx.filter_jit
def _beside(rows: list[Array], parameters: Any, rest: Any, points: Array) -> Array:
    """Products with rows that are gone when this returns."""
    return _products(rows, _jacobian(parameters, rest, points))
