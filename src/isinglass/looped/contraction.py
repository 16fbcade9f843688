"""Does the loop contract? The bound of Lam 2026 (Theorem 3.2.1), and what holds instead.

The theorem bounds the derivative of attention alone, A(X + Z), for small X and Z. The loop of a
trained model adds a perceptron, a normalisation and the state itself:

    loop:   Z_{t+1} = Z_t + F(Z_t + X)          block:   Z_{t+1} = F(Z_t + X)

The loop cannot contract, whatever its weights. With gain γ and bias b of the normalisation,
Σ_k F_k/γ_k = Σ_k b_k/γ_k at every position, so that Σ_k Z_k/γ_k moves on by the same amount in
every iteration. Its derivative has the eigenvalue 1 at each of the n positions, its norm is at
least 1, and n of its Lyapunov exponents are 0. If Σ_k b_k/γ_k ≠ 0, it has no fixed point at all.

`loop_step` and `block_step` are maps of `isinglass.dynamics`, whose parameters are those of
`loop_parameters`: ``lyapunov_spectrum(loop_step, Z, loop_parameters(model, X), 1000, k=8)``.
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from isinglass.looped._layers import joined
from isinglass.looped.model import LoopedTransformer
from isinglass.looped.penalties import check_index

DENSE = 2048  # numbers in a state up to which its Jacobian is written out
_POWER_STEPS = 2000


class Assumptions(NamedTuple):
    """What the contraction bound assumes of its arguments.

    Attributes:
        inputs: |X|_F, at most 1.
        state: |Z|_F, at most 1.
        value: |W_V|_F, at most ½.
    """

    inputs: float
    state: float
    value: float

    @property
    def hold(self) -> bool:
        """Whether all three do."""
        return self.inputs <= 1 and self.state <= 1 and self.value <= 0.5


class FixedPoints(NamedTuple):
    """Where searches from several starts ended, one row each.

    Attributes:
        point: Z, (k, n, d).
        residual: |step(Z) − Z|, Frobenius, (k,): of the order of 10⁻¹² where Z is fixed.
        converged: Whether the residual is within the tolerance, (k,).
        spectral_radius: Largest modulus of an eigenvalue of the map's derivative there, (k,);
            below 1 where the point attracts.
    """

    point: Float[np.ndarray, "k n d"]
    residual: Float[np.ndarray, "k"]
    converged: Bool[np.ndarray, "k"]
    spectral_radius: Float[np.ndarray, "k"]


def contraction_bound(
    query: Float[Array, "d c"],
    key: Float[Array, "d c"],
    value: Float[Array, "d e"],
    rows: Float[Array, "n m"],
    q: float = 1.5,
) -> Float[Array, ""]:
    """Bound (2 |W_Q| |W_K| + √Σ_i [1 − (q−1) S_q(r_i)]^{2/q}) |W_V|_F on the norm of D_Z A(X + Z).

    |W_Q| and |W_K| are operator norms, and r_i rows of attention. It is a bound for 0 < q ≤ 2 and
    scores that are divided by √d with d ≥ 4, and not beyond:

    - Since 1 − (q−1) S_q = Σ_j r_ij^q, the root is √Σ_i |r_i|_q². For q ≤ 2 that is at least the
      operator norm of the rows, which is what the argument needs; for q > 2 it can be less.
    - Through the scores, the derivative is at most 4s |W_Q| |W_K| |W_V| for |X + Z|_F ≤ 2 with s
      the scale of the scores, and it can be that much. 4s ≤ 2 takes s = 1/√d with d ≥ 4; with
      scores that are not scaled it can be twice the bound.

    The theorem assumes |X|_F ≤ 1, |Z|_F ≤ 1 and |W_V|_F ≤ ½ (see `assumptions`), and one head. No
    trained model keeps to that, so that its number says nothing about one.

    Args:
        query: W_Q.
        key: W_K.
        value: W_V.
        rows: Attention of all positions in one iteration.
        q: Tsallis index, positive, finite and not 1.

    Raises:
        ValueError: If q is out of range: at q = 1 the entropy would drop out, and leave √n.

    Source: Lam 2026, Theorem 3.2.1.
    """
    check_index(q)
    if q == 1:
        raise ValueError("q must not be 1: the entropy would drop out of the bound, and leave √n")
    of_rows = jnp.sqrt(((rows**q).sum(-1) ** (2 / q)).sum())
    of_scores = 2 * jnp.linalg.norm(query, 2) * jnp.linalg.norm(key, 2)
    return (of_scores + of_rows) * jnp.linalg.norm(value)


def assumptions(
    value: Float[Array, "d e"], inputs: Float[Array, "n d"], state: Float[Array, "n d"]
) -> Assumptions:
    """What Theorem 3.2.1 of Lam 2026 assumes to be small."""
    return Assumptions(*(float(jnp.linalg.norm(x)) for x in (inputs, state, value)))


@partial(jax.jit, static_argnames=("causal", "scale"))
def attention_jacobian_norm(
    query: Float[Array, "d c"],
    key: Float[Array, "d c"],
    value: Float[Array, "d d"],
    inputs: Float[Array, "n d"],
    state: Float[Array, "n d"],
    *,
    causal: bool = True,
    scale: float | None = None,
) -> Float[Array, ""]:
    """Operator norm of D_Z A(X + Z), one head of softmax attention alone.

    Args:
        query: W_Q, acting from the right.
        key: W_K.
        value: W_V.
        inputs: X.
        state: Z.
        causal: Whether a position sees only itself and what comes before.
        scale: Factor of the scores; 1/√c if None.

    Returns:
        The largest singular value of the derivative of n·d numbers by n·d numbers.
    """

    def attention(state: Array) -> Array:
        hidden = state + inputs
        scores = (hidden @ query) @ (hidden @ key).T
        scores = scores * (query.shape[-1] ** -0.5 if scale is None else scale)
        if causal:
            scores = jnp.where(jnp.tri(len(scores), dtype=bool), scores, -jnp.inf)
        return jax.nn.softmax(scores, axis=-1) @ (hidden @ value)

    return jacobian_norm(attention, state)


@partial(jax.jit, static_argnames="residual")
def loop_jacobian_norm(
    model: LoopedTransformer,
    state: Float[Array, "n d"],
    inputs: Float[Array, "n d"],
    *,
    residual: bool = True,
) -> Float[Array, ""]:
    """Operator norm of the derivative of one step, perceptron and normalisation included.

    Args:
        model: The model.
        state: Z.
        inputs: X, as of the model's `embed`.
        residual: Whether of the loop Z + F(Z + X), which the model iterates, or of F(Z + X).
    """
    step = loop_step if residual else block_step
    return jacobian_norm(partial(step, parameters=loop_parameters(model, inputs)), state)


def jacobian_norm(
    function: Callable[[Array], Array], state: Float[Array, "..."]
) -> Float[Array, ""]:
    """Operator norm of the derivative of a function at a state: its largest singular value.

    Up to `DENSE` numbers the Jacobian is written out; beyond, the norm is found by power iteration
    on products with it, to about 4 digits, from below.
    """
    if state.size <= DENSE:
        dense = jax.jacfwd(function)(state).reshape(-1, state.size)
        return jnp.linalg.norm(dense, 2)
    forward = jax.linearize(function, state)[1]
    backward = jax.linear_transpose(forward, state)

    def onward(carry: tuple[Array, Array, Any]) -> tuple[Array, Array, Any]:
        vector, norm, steps = carry
        pushed = forward(vector)
        (pulled,) = backward(pushed)
        size = jnp.linalg.norm(pulled)  # 0 of a derivative that is 0
        onwards = pulled / jnp.where(size > 0, size, 1)
        return onwards, jnp.linalg.norm(pushed), (norm, steps[1] + 1)

    def goes_on(carry: tuple[Array, Array, Any]) -> Array:
        _, norm, (before, steps) = carry
        return (steps < 3) | ((jnp.abs(norm - before) > 1e-6 * norm) & (steps < _POWER_STEPS))

    start = jax.random.normal(jax.random.key(0), state.shape, state.dtype)
    nothing = jnp.zeros((), state.dtype)
    carry = (start / jnp.linalg.norm(start), nothing, (nothing, 0))
    return jax.lax.while_loop(goes_on, onward, carry)[1]


def loop_parameters(model: LoopedTransformer, inputs: Float[Array, "n d"]) -> dict[str, Any]:
    """Parameters of `loop_step` and `block_step`: the weights and X.

    Both are parameters, and not part of the map, so that one compiled program serves all weights
    of one configuration; `isinglass.dynamics` carries them to double precision.
    """
    return {"model": model, "inputs": inputs}


def loop_step(state: Float[Array, "n d"], parameters: Mapping[str, Any]) -> Float[Array, "n d"]:
    """Z + F(Z + X), what the model iterates."""
    return state + block_step(state, parameters)


def block_step(state: Float[Array, "n d"], parameters: Mapping[str, Any]) -> Float[Array, "n d"]:
    """F(Z + X), the iteration that the theorem has in mind.

    It is the model's `block` from its rows of attention, which forward-mode derivatives can pass;
    through the model's own, whose rows are streamed, they cannot.
    """
    model = parameters["model"]
    hidden = state + parameters["inputs"]
    values = model._projections(hidden.T)[2]
    mixed = jnp.einsum("hij,chj->chi", model.attention(hidden), values)
    return model._digest(joined(mixed)).T


def fixed_points(
    model: LoopedTransformer,
    inputs: Float[Array, "n d"],
    starts: Float[Array, "k n d"],
    *,
    residual: bool = True,
    steps: int = 200,
    tolerance: float = 1e-9,
) -> FixedPoints:
    """Look for fixed points of the loop, Z = Z + F(Z + X), or of the block, Z = F(Z + X).

    Levenberg–Marquardt from each start, in double precision; it ends at the least residual that
    it finds, which need not be 0: the loop in general has no fixed point (see the module).

    Args:
        model: The model.
        inputs: X, as of the model's `embed`.
        starts: Where to start from.
        residual: Whether of the loop, or of the block.
        steps: Most steps of each search, at least 1.
        tolerance: The residual up to which a point counts as fixed.

    Returns:
        NumPy arrays, one row a start.

    Raises:
        ValueError: If steps is less than 1, the tolerance not positive and finite, a start not
            finite, or the state has more than `DENSE` numbers.
    """
    if steps < 1:
        raise ValueError(f"steps must be at least 1, got {steps}")
    if not 0 < tolerance < np.inf:
        raise ValueError(f"tolerance must be positive and finite, got {tolerance}")
    if not np.isfinite(starts).all():
        raise ValueError("starts must be finite")
    if inputs.size > DENSE:
        raise ValueError(
            f"inputs must hold at most {DENSE} numbers, for the Jacobian is written out, "
            f"got {inputs.size}"
        )
    with jax.enable_x64(True):
        given = (loop_parameters(model, inputs), starts)
        parameters, starts = jax.tree.map(lambda x: jnp.asarray(np.asarray(x), float), given)
        found = _search(loop_step if residual else block_step, steps, parameters, starts)
        point, distance, jacobian = map(np.asarray, found)
    radius = np.abs(np.linalg.eigvals(jacobian)).max(-1)
    return FixedPoints(point, distance, distance <= tolerance, radius)


@partial(jax.jit, static_argnums=(0, 1))
def _search(step: Any, steps: int, parameters: Any, starts: Array) -> tuple[Array, Array, Array]:
    """Points, residuals and Jacobians of the map there, one start after the other."""
    shape = starts.shape[1:]

    def mapped(flat: Array) -> Array:
        return step(flat.reshape(shape), parameters).ravel()

    def one(start: Array) -> tuple[Array, Array, Array]:
        point = _least_residual(lambda flat: mapped(flat) - flat, start.ravel(), steps)
        distance = jnp.linalg.norm(mapped(point) - point)
        return point.reshape(shape), distance, jax.jacfwd(mapped)(point)

    return jax.lax.map(one, starts)


def _least_residual(function: Callable[[Array], Array], start: Array, steps: int) -> Array:
    """Where Levenberg–Marquardt gets in some steps: it never goes uphill."""

    def onward(_: Any, carry: tuple[Array, Array]) -> tuple[Array, Array]:
        point, damping = carry
        here, slope = function(point), jax.jacfwd(function)(point)
        normal = slope.T @ slope
        # Relative to the size of the problem, and never so small that the solve is singular.
        floor = damping * jnp.trace(normal) / len(point) + 1e-30
        move = jnp.linalg.solve(normal + floor * jnp.eye(len(point)), slope.T @ here)
        there = point - move
        better = jnp.linalg.norm(function(there)) < jnp.linalg.norm(here)
        damping = jnp.clip(jnp.where(better, damping / 5, damping * 3), 1e-14, 1e8)
        return jnp.where(better, there, point), damping

    return jax.lax.fori_loop(0, steps, onward, (start, jnp.asarray(1e-3, start.dtype)))[0]
