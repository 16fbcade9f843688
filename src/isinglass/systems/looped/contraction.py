"""Does the loop contract? The bound of Lam 2026, Theorem 3.2.1, and what holds.

The theorem bounds the derivative of attention alone, A(X + Z), for small X and Z. The
loop of a trained model adds a perceptron, a normalisation and the state itself:

    loop:   Z_{t+1} = Z_t + F(Z_t + X)          block:   Z_{t+1} = F(Z_t + X)

The loop cannot contract, whatever its weights. With gain γ and bias b of the
normalisation, Σ_k F_k/γ_k = Σ_k b_k/γ_k at every position, so that Σ_k Z_k/γ_k moves on
by the same amount in every iteration. Its derivative has the eigenvalue 1 at each of
the n positions, its norm is at least 1, and n of its Lyapunov exponents are 0. If Σ_k
b_k/γ_k ≠ 0, it has no fixed point at all.

`loop_step` and `block_step` are maps of `isinglass.dynamics`, whose parameters are
those of `loop_parameters`: ``lyapunov_spectrum(loop_step, Z, loop_parameters(model, X),
Measure(steps=1000, exponents=8))``.
"""

from collections.abc import Mapping
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from isinglass._common.checks import (
    as_list,
    check_flag,
    check_in,
    check_kind,
    check_positive,
    check_real,
    check_shapes,
    parameter,
)
from isinglass._common.precision import usual_promotion
from isinglass.attention.features_first import joined
from isinglass.dynamics import cycles
from isinglass.dynamics.cycles import FixedPoints, jacobian_norm
from isinglass.systems.looped.model import LoopedTransformer


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


# Of one head, acting from the right: W_Q, W_K and W_V.
Weights = tuple[Float[Array, "d c"], Float[Array, "d c"], Float[Array, "d e"]]


@usual_promotion()
def contraction_bound(
    weights: Weights, rows: Float[Array, "n m"], q: float = 1.5
) -> Float[Array, ""]:
    """Bound the norm of the derivative of attention alone, D_Z A(X + Z).

    The bound is (2 |W_Q| |W_K| + √Σ_i [1 − (q−1) S_q(r_i)]^{2/q}) |W_V|_F, where |W_Q|
    and |W_K| are operator norms, and r_i rows of attention. It is one for 0 < q ≤ 2 and
    scores that are divided by √d with d ≥ 4, and not beyond:

    - Since 1 − (q−1) S_q = Σ_j r_ij^q, the root is √Σ_i |r_i|_q². For q ≤ 2 that is at
      least the operator norm of the rows, which is what the argument needs; for q > 2
      it can be less.
    - Through the scores, the derivative is at most 4s |W_Q| |W_K| |W_V| for |X + Z|_F ≤
      2 with s the scale of the scores, and it can be that much. 4s ≤ 2 takes s = 1/√d
      with d ≥ 4; with scores that are not scaled it can be twice the bound.

    The theorem assumes |X|_F ≤ 1, |Z|_F ≤ 1 and |W_V|_F ≤ ½ (see `assumptions`), and
    one head. No trained model keeps to that, so that its number says nothing about one.

    Args:
        weights: W_Q, W_K and W_V.
        rows: Attention of all positions in one iteration.
        q: Tsallis index, positive, finite and not 1.

    Raises:
        ValueError: If q is out of range: at q = 1 the entropy would drop out, and leave
            √n.

    Source: Lam 2026, Theorem 3.2.1.
    """
    check_positive(q=q)
    if q == 1:
        raise ValueError(
            "q must not be 1: the entropy would drop out of the bound, and leave √n"
        )
    query, key, value = _checked_weights(weights)
    check_real(rows=rows)
    check_shapes(rows=(rows, "n m"))
    of_rows = jnp.sqrt(((rows**q).sum(-1) ** (2 / q)).sum())
    of_scores = 2 * jnp.linalg.norm(query, 2) * jnp.linalg.norm(key, 2)
    return (of_scores + of_rows) * jnp.linalg.norm(value)


def assumptions(
    value: Float[Array, "d e"], inputs: Float[Array, "n d"], state: Float[Array, "n d"]
) -> Assumptions:
    """Return the norms that Theorem 3.2.1 of Lam 2026 assumes to be small.

    Raises:
        ValueError: If shapes do not fit.
    """
    check_real(value=value, inputs=inputs, state=state)
    check_shapes(value=(value, "d e"), inputs=(inputs, "n d"), state=(state, "n d"))
    return Assumptions(*(float(jnp.linalg.norm(x)) for x in (inputs, state, value)))


@usual_promotion()
def attention_jacobian_norm(
    weights: Weights,
    inputs: Float[Array, "n d"],
    state: Float[Array, "n d"],
    *,
    causal: bool = True,
    scale: float | None = None,
) -> Float[Array, ""]:
    """Compute the operator norm of D_Z A(X + Z), one head of softmax attention alone.

    Args:
        weights: W_Q, W_K and W_V, which is (d, d).
        inputs: X.
        state: Z.
        causal: Whether a position sees only itself and what comes before.
        scale: Factor of the scores; 1/√c if None.

    Returns:
        The largest singular value of the derivative of n·d numbers by n·d numbers.

    Raises:
        ValueError: If shapes do not fit, or the scale is not finite.
    """
    query, key, value = _checked_weights(weights)
    check_real(inputs=inputs, state=state)
    check_shapes(query=(query, "d c"), inputs=(inputs, "n d"), state=(state, "n d"))
    check_shapes(state=(state, "n d"), value=(value, "d d"))
    check_flag(causal=causal)
    if scale is not None:
        check_in("(-inf, inf)", scale=scale)
        scale = float(scale)
    return _attention_jacobian_norm((query, key, value), inputs, state, causal, scale)


@partial(jax.jit, static_argnums=(3, 4))
def _attention_jacobian_norm(
    weights: Weights, inputs: Array, state: Array, causal: bool, scale: float | None
) -> Array:
    query, key, value = weights

    def attention(state: Array) -> Array:
        hidden = state + inputs
        scores = (hidden @ query) @ (hidden @ key).T
        scores = scores * (query.shape[-1] ** -0.5 if scale is None else scale)
        if causal:
            scores = jnp.where(jnp.tri(len(scores), dtype=bool), scores, -jnp.inf)
        return jax.nn.softmax(scores, axis=-1) @ (hidden @ value)

    return jacobian_norm(attention, state)


@usual_promotion()
def loop_jacobian_norm(
    model: LoopedTransformer,
    state: Float[Array, "n d"],
    inputs: Float[Array, "n d"],
    *,
    residual: bool = True,
) -> Float[Array, ""]:
    """Compute the operator norm of the derivative of one whole step.

    Perceptron and normalisation are in it, other than in `attention_jacobian_norm`.

    Args:
        model: The model.
        state: Z.
        inputs: X, as of the model's `embed`.
        residual: Whether of the loop Z + F(Z + X), which the model iterates, or of F(Z
            + X).

    Raises:
        TypeError: If it is no model.
        ValueError: If shapes do not fit.
    """
    parameters = loop_parameters(model, inputs)
    _check_state(state, parameters)
    check_flag(residual=residual)
    return _loop_jacobian_norm(parameters, state, residual)


@partial(jax.jit, static_argnums=2)
def _loop_jacobian_norm(parameters: Any, state: Array, residual: bool) -> Array:
    step = loop_step if residual else block_step
    return jacobian_norm(partial(step, parameters=parameters), state)


def loop_parameters(
    model: LoopedTransformer, inputs: Float[Array, "n d"]
) -> dict[str, Any]:
    """Return the parameters of `loop_step` and `block_step`: the weights and X.

    Both are parameters, and not part of the map, so that one compiled program serves
    all weights of one configuration; `isinglass.dynamics` carries them to double
    precision.

    Raises:
        TypeError: If it is no model.
        ValueError: If the inputs are not of its width.
    """
    check_kind(LoopedTransformer, model=model)
    check_real(inputs=inputs)
    check_shapes(inputs=(inputs, f"n {model.config.width}"))
    return {"model": model, "inputs": inputs}


@usual_promotion()
def loop_step(
    state: Float[Array, "n d"], parameters: Mapping[str, Any]
) -> Float[Array, "n d"]:
    """Return Z + F(Z + X), what the model iterates.

    Raises:
        ValueError: If a parameter is missing, or shapes do not fit.
    """
    return state + block_step(state, parameters)


@usual_promotion()
def block_step(
    state: Float[Array, "n d"], parameters: Mapping[str, Any]
) -> Float[Array, "n d"]:
    """Return F(Z + X), the iteration that the theorem has in mind.

    It is the model's `block` from its rows of attention, which forward-mode derivatives
    can pass; through the model's own, whose rows are streamed, they cannot.

    Raises:
        ValueError: If a parameter is missing, or shapes do not fit.
    """
    model, inputs = _check_state(state, parameters)
    hidden = state + inputs
    values = model.projections(hidden.T)[2]
    mixed = jnp.einsum("hij,chj->chi", model.attention(hidden), values)
    return model.after_attention(joined(mixed)).T


def _checked_weights(weights: Any) -> Weights:
    """W_Q, W_K and W_V, or an error."""
    parts = as_list("weights", weights)
    if len(parts) != 3:
        raise ValueError(f"weights must be W_Q, W_K and W_V, got {len(parts)}")
    query, key, value = parts
    names = {f"weights[{i}]": part for i, part in enumerate(parts)}
    check_real(**names)
    axes = ("d c", "d c", "d e")
    check_shapes(
        **{name: (part, a) for (name, part), a in zip(names.items(), axes, strict=True)}
    )
    return query, key, value


def _check_state(state: Any, parameters: Any) -> tuple[LoopedTransformer, Array]:
    """The model and X of what `loop_parameters` gives, that fit a state."""
    model, inputs = (parameter(name, parameters) for name in ("model", "inputs"))
    check_kind(LoopedTransformer, model=model)
    check_real(inputs=inputs, state=state)
    width = model.config.width
    check_shapes(inputs=(inputs, f"n {width}"), state=(state, f"n {width}"))
    return model, inputs


def fixed_points(
    model: LoopedTransformer,
    inputs: Float[Array, "n d"],
    starts: Float[Array, "k n d"],
    *,
    residual: bool = True,
    steps: int = 200,
    tolerance: float = 1e-9,
) -> FixedPoints:
    """Look for fixed points of the loop, or of the block, Z = F(Z + X).

    See `isinglass.dynamics.cycles.fixed_points`; the loop in general has none, as the
    head of this module says.

    Args:
        model: The model.
        inputs: X, as of the model's `embed`.
        starts: Where to start from.
        residual: Whether of the loop, or of the block.
        steps: Most steps of each search, at least 1.
        tolerance: The residual up to which a point counts as fixed, as a share of |Z|.

    Returns:
        NumPy arrays, one row a start.

    Raises:
        ValueError: As `isinglass.dynamics.cycles.fixed_points`, and if the shape of
            ``starts`` is another.
    """
    check_flag(residual=residual)
    parameters = loop_parameters(model, inputs)
    check_real(starts=starts)
    check_shapes(inputs=(inputs, "n d"), starts=(starts, "k n d"))
    return cycles.fixed_points(
        loop_step if residual else block_step,
        starts,
        parameters,
        steps=steps,
        tolerance=tolerance,
    )
