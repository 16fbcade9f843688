"""The loss around a trained model: a plane through it, and how the loss curves there.

For any model that is a pytree, and any scalar loss of it. Directions of a plane are
rescaled to the model's own weights, filter by filter (Li et al. 2018), so that planes
of models of different scale can be compared. Second derivatives are products of the
Hessian with vectors, by reverse mode twice: attention that is streamed in blocks has no
forward mode.
"""

from collections.abc import Callable
from typing import Any, NamedTuple, cast

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr
from jax.flatten_util import ravel_pytree
from jaxtyping import Array, Float
from scipy.sparse.linalg import LinearOperator, eigsh

from isinglass._common.checks import (
    check_function,
    check_in,
    check_key,
    check_kind,
    check_positive,
    check_whole,
    is_array,
    is_number,
    is_whole,
)
from isinglass._common.precision import usual_promotion

Model = Any  # a pytree; what is no array of real numbers in it stays as it is
Loss = Callable[[Model], Any]
Directions = tuple[Model, Model]

_TOLERANCE = 1e-4  # of an eigenvalue, relative to its size


class Curvature(NamedTuple):
    """Second derivatives of a loss at a model.

    Attributes:
        plane: Hessian in the coordinates of the two directions, (2, 2).
        plane_eigenvalues: Its eigenvalues, descending, (2,).
        largest: The largest eigenvalues of the whole Hessian, descending, (k,).
        smallest: The smallest, ascending, (k,): below 0 where the model is at no
            minimum.
        trace: Estimate of the whole Hessian's trace.
        trace_error: Its standard error.
    """

    plane: Float[np.ndarray, "2 2"]
    plane_eigenvalues: Float[np.ndarray, "2"]
    largest: Float[np.ndarray, "k"]
    smallest: Float[np.ndarray, "k"]
    trace: float
    trace_error: float


def filter_normalised_directions(model: Model, key: Array) -> Directions:
    """Draw two random directions, whose filters have the norms of the model's.

    A filter is what feeds one output: a column of a matrix that acts from the right,
    and all axes but the last of any array of two or more. Biases and gains stay where
    they are: 0.

    Args:
        model: The model.
        key: Random key; the same gives the same plane for every model of one shape.

    Returns:
        Two pytrees like the model, with None for what is no array of real numbers.

    Raises:
        TypeError: If it is no key.

    Source: Li et al. 2018, "Visualizing the Loss Landscape of Neural Nets", §4.
    """
    check_key(key=key)
    weights = eqx.filter(model, eqx.is_inexact_array)
    leaves, structure = jax.tree.flatten(weights)

    def direction(key: Array) -> Model:
        keys = jax.random.split(key, max(len(leaves), 1))
        drawn = [_like_filters(k, leaf) for k, leaf in zip(keys, leaves, strict=False)]
        return jax.tree.unflatten(structure, drawn)

    first, second = jax.random.split(key)
    return direction(first), direction(second)


def displaced(model: Model, directions: Directions, a: Any, b: Any) -> Model:
    """Move a model in the plane: weights + a · first direction + b · second.

    Raises:
        ValueError: If a number is not finite, or the directions do not fit the model.
    """
    check_in("(-inf, inf)", a=a, b=b)
    _check_directions(model, directions)
    moves = jax.tree.map(lambda u, v: a * u + b * v, *directions)
    return eqx.apply_updates(model, moves)


@usual_promotion()
def loss_surface(
    loss: Loss,
    model: Model,
    directions: Directions,
    extent: float = 1.0,
    points: int = 41,
    *,
    at_once: int = 16,
) -> xr.DataArray:
    """Compute the loss on a square of the plane, the model in its centre.

    Args:
        loss: ``loss(model) -> scalar``, pure JAX.
        model: The model.
        directions: As of `filter_normalised_directions`.
        extent: Half the side of the square, in units of the directions: at 1 a filter
            has moved by its own norm.
        points: Points along a side, at least 2; an odd number has the model itself
            among them.
        at_once: How many points are computed side by side; memory grows with it.

    Returns:
        The loss, with dimensions and coordinates "a" and "b".

    Raises:
        ValueError: If a number is out of range, the directions do not fit the model, or
            its loss is no finite number.
    """
    check_positive(extent=extent)
    check_whole(2, points=points)
    check_whole(at_once=at_once)
    _check(loss, model, directions)
    side = np.linspace(-extent, extent, points)

    @jax.jit
    def surface(places: Array) -> Array:
        return jax.lax.map(
            lambda place: loss(displaced(model, directions, *place)),
            places,
            batch_size=at_once,
        )

    places = np.stack(np.meshgrid(side, side, indexing="ij"), -1).reshape(-1, 2)
    values = np.asarray(surface(jnp.asarray(places, float))).reshape(points, points)
    about = {"long_name": "loss", "source": "Li et al. 2018; Lam 2026, Fig. 1"}
    return xr.DataArray(values, {"a": side, "b": side}, ("a", "b"), "loss", about)


@usual_promotion()
def curvature(
    loss: Loss,
    model: Model,
    directions: Directions,
    *,
    eigenvalues: int = 3,
    probes: int = 64,
    key: Array,
) -> Curvature:
    """Measure how the loss curves at a model: in the plane, at most, least, altogether.

    The eigenvalues are Lanczos's (ARPACK), and the trace is Hutchinson's, the mean of
    sᵀHs over random signs s. Both need products of the Hessian with a vector only, at
    the price of a few gradients each.

    Args:
        loss: ``loss(model) -> scalar``, pure JAX and twice differentiable.
        model: The model.
        directions: As of `filter_normalised_directions`.
        eigenvalues: How many of the largest, and of the smallest; fewer than there are
            weights.
        probes: Random vectors for the trace, at least 2.
        key: Random key, of Lanczos's first vector and the probes.

    Raises:
        ValueError: If a number is out of range, the directions do not fit the model, or
            its loss is no finite number.
        scipy.sparse.linalg.ArpackNoConvergence: If an eigenvalue is not found.

    Source: Hutchinson 1990; Lehoucq, Sorensen & Yang 1998.
    """
    check_key(key=key)
    _check(loss, model, directions)
    flat, times_hessian = _hessian(loss, model)
    check_whole(2, probes=probes)
    check_whole(eigenvalues=eigenvalues)
    if not 1 <= eigenvalues < flat.size:
        raise ValueError(
            f"eigenvalues must be in [1, {flat.size - 1}], got {eigenvalues}"
        )
    axes = [ravel_pytree(direction)[0] for direction in directions]
    plane = np.asarray(
        [[jnp.vdot(u, times_hessian(v)) for v in axes] for u in axes], float
    )
    plane = (plane + plane.T) / 2
    of_lanczos, of_probes = jax.random.split(key)
    trace, error = _trace(times_hessian, flat, probes, of_probes)
    largest, smallest = _extremes(times_hessian, flat, eigenvalues, of_lanczos)
    return Curvature(
        plane, np.linalg.eigvalsh(plane)[::-1], largest, smallest, trace, error
    )


@jax.jit
def _like_filters(key: Array, weights: Array) -> Array:
    if weights.ndim < 2:
        return jnp.zeros_like(weights)
    drawn = jax.random.normal(key, weights.shape, weights.dtype)
    others = tuple(range(weights.ndim - 1))
    sizes = [jnp.sqrt((x**2).sum(others, keepdims=True)) for x in (weights, drawn)]
    return drawn * sizes[0] / sizes[1]


def _hessian(loss: Loss, model: Model) -> tuple[Array, Callable[[Array], Array]]:
    """The weights as one vector, and the Hessian's product with such a vector there."""
    weights, rest = eqx.partition(model, eqx.is_inexact_array)
    flat, restore = ravel_pytree(weights)
    gradient = jax.grad(lambda vector: loss(eqx.combine(restore(vector), rest)))

    def times_hessian(vector: Array) -> Array:
        return jax.grad(lambda point: jnp.vdot(gradient(point), vector))(flat)

    return flat, jax.jit(times_hessian)


def _trace(
    times_hessian: Callable[[Array], Array], flat: Array, probes: int, key: Array
) -> tuple[float, float]:
    """Hutchinson's estimate of the trace, with its standard error."""
    signs = jax.random.rademacher(key, (probes, flat.size), flat.dtype)
    samples = np.asarray([jnp.vdot(s, times_hessian(s)) for s in signs], float)
    return float(samples.mean()), float(samples.std(ddof=1) / probes**0.5)


def _extremes(
    times_hessian: Callable[[Array], Array], flat: Array, count: int, key: Array
) -> tuple[np.ndarray, np.ndarray]:
    """The largest eigenvalues, descending, and the smallest, ascending."""

    def product(vector: np.ndarray) -> np.ndarray:
        return np.asarray(times_hessian(jnp.asarray(vector.ravel(), flat.dtype)), float)

    size = flat.size
    # Through Any, for SciPy's own types take the shape for a class and the tolerance
    # for an int.
    operator: Any = cast(Any, LinearOperator)(
        (size, size), matvec=product, dtype=np.float64
    )
    start = np.asarray(jax.random.normal(key, (size,)), float)
    options: Any = {"v0": start, "tol": _TOLERANCE, "return_eigenvectors": False}
    largest, smallest = (
        eigsh(operator, count, which=end, **options) for end in ("LA", "SA")
    )
    return np.sort(largest)[::-1], np.sort(smallest)


def _check(loss: Loss, model: Model, directions: Directions) -> None:
    check_function(loss=loss)
    _check_directions(model, directions)
    try:
        value = eqx.filter_eval_shape(loss, model)
    except (TypeError, ValueError, AttributeError, IndexError) as error:
        raise ValueError(
            f"loss fails on the model: {type(error).__name__}: {error}"
        ) from error
    if is_array(value) or isinstance(value, jax.ShapeDtypeStruct):
        is_real = value.shape == () and jnp.issubdtype(value.dtype, jnp.floating)
    else:
        is_real = is_number(value) and not is_whole(value)  # which has no gradient
    if not is_real:
        raise ValueError(
            "loss must be a finite number at the model, of a floating type, got "
            f"{value!r}"
        )
    value = jnp.asarray(eqx.filter_jit(loss)(model), float)
    if not jnp.isfinite(value):
        raise ValueError(f"loss must be a finite number at the model, got {value}")


def _check_directions(model: Model, directions: Directions) -> None:
    check_kind(tuple, list, directions=directions)
    shapes = [
        jax.tree.map(jnp.shape, eqx.filter(tree, eqx.is_inexact_array))
        for tree in (model, *directions)
    ]
    if len(shapes) != 3 or shapes[0] != shapes[1] or shapes[0] != shapes[2]:
        raise ValueError(
            "directions must be two pytrees of the shapes of the model's weights"
        )
