"""The contraction bound of Lam 2026 along the loop, beside the norms that it bounds."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from isinglass._common.checks import check_kind
from isinglass.data.tokens import check_tokens
from isinglass.dynamics import Measure, lyapunov_spectrum
from isinglass.systems.looped.contraction import (
    attention_jacobian_norm,
    block_step,
    contraction_bound,
    loop_jacobian_norm,
    loop_parameters,
    loop_step,
)
from isinglass.systems.looped.model import LoopedTransformer

# What Theorem 3.2.1 assumes of |W_V|_F, and of |X|_F and |Z|_F.
LARGEST_VALUE, LARGEST_NORM = 0.5, 1.0


class ContractionProfile(NamedTuple):
    """The bound of Theorem 3.2.1 and what it bounds, at every state Z_0 … Z_{T−1}.

    Norms of derivatives are operator norms, by Z.

    Attributes:
        inputs: |X|_F.
        state: |Z_t|_F for t = 1 … T.
        bound: The theorem's bound with the model's own X, Z and W_V, where it need not
            hold.
        attention: Norm that it bounds, of the derivative of attention alone.
        loop: Norm of the derivative of Z + F(Z + X), what the model iterates.
        block: Norm of the derivative of F(Z + X), what the theorem iterates.
        scaled_bound: The bound with X, Z and W_V scaled down to what it assumes.
        scaled_ratio: Norm over bound there, at most 1 if the theorem is right.
        growth: Logarithm, per iteration, of the norm of the derivative of Z_T by Z_0.
    """

    inputs: Float[Array, ""]
    state: Float[Array, "T"]
    bound: Float[Array, "T"]
    attention: Float[Array, "T"]
    loop: Float[Array, "T"]
    block: Float[Array, "T"]
    scaled_bound: Float[Array, "T"]
    scaled_ratio: Float[Array, "T"]
    growth: Float[Array, ""]


def measure_contraction(
    model: LoopedTransformer, tokens: Int[Array, "n"]
) -> ContractionProfile:
    """Take the bound of Lam 2026 and true norms along the loop over one sequence.

    It is pure JAX, and takes a few derivatives of n·d numbers by n·d numbers in every
    iteration: for short sequences.

    Args:
        model: A model of one head.
        tokens: Symbols.

    Raises:
        TypeError: If it is no model, or the tokens are no array.
        ValueError: If a token is none of the model's.

    Source: Lam 2026, Theorem 3.2.1.
    """
    check_kind(LoopedTransformer, model=model)
    check_tokens("tokens", tokens, 1, model.config.vocabulary)
    return _profile(model, tokens)


@jax.jit
def _profile(model: LoopedTransformer, tokens: Int[Array, "n"]) -> ContractionProfile:
    inputs = model.embed(tokens)
    states, rows = model.run(tokens)
    causal = model.config.causal
    weights = (model.query, model.key, model.value)
    small = shrunk(inputs, LARGEST_NORM)
    scaled = (model.query, model.key, shrunk(model.value, LARGEST_VALUE))

    def at(place: tuple[Array, Array]) -> tuple[Array, ...]:
        state, rows = place
        near = shrunk(state, LARGEST_NORM)
        scaled_bound = contraction_bound(scaled, model.attention(small + near)[0])
        scaled_norm = attention_jacobian_norm(scaled, small, near, causal=causal)
        return (
            contraction_bound(weights, rows[0]),
            attention_jacobian_norm(weights, inputs, state, causal=causal),
            loop_jacobian_norm(model, state, inputs),
            loop_jacobian_norm(model, state, inputs, residual=False),
            scaled_bound,
            scaled_norm / scaled_bound,
        )

    bound, attention, loop, block, scaled_bound, ratio = jax.lax.map(
        at, (states[:-1], rows)
    )
    return ContractionProfile(
        jnp.linalg.norm(inputs),
        jnp.linalg.norm(states[1:], axis=(1, 2)),
        bound,
        attention,
        loop,
        block,
        scaled_bound,
        ratio,
        _growth(model, inputs, states[0], len(rows)),
    )


def long_run_exponents(
    model: LoopedTransformer, inputs: Float[Array, "n d"], iterations: int
) -> tuple[float, float]:
    """Measure the largest Lyapunov exponent of Z + F(Z + X), and of F(Z + X).

    Args:
        model: The model.
        inputs: X, as of the model's `embed`.
        iterations: How many to measure over, and to wait for before; from Z = 0.

    Returns:
        Both, in nats per iteration.
    """
    parameters = loop_parameters(model, inputs)
    leading = Measure(transient=iterations, steps=iterations, exponents=1)
    loop, block = (
        lyapunov_spectrum(step, 0 * inputs, parameters, leading).exponents[0]
        for step in (loop_step, block_step)
    )
    return float(loop), float(block)


def shrunk(matrix: Float[Array, "..."], norm: float) -> Float[Array, "..."]:
    """The matrix, scaled down to a Frobenius norm if it is larger."""
    size = jnp.linalg.norm(matrix)
    return matrix * jnp.where(size > norm, norm / jnp.maximum(size, norm), 1.0)


def _growth(model: LoopedTransformer, inputs: Array, start: Array, count: int) -> Array:
    def whole(state: Array) -> Array:
        parameters = loop_parameters(model, inputs)
        return jax.lax.scan(
            lambda z, _: (loop_step(z, parameters), None), state, None, count
        )[0].ravel()

    jacobian = jax.jacfwd(whole)(start).reshape(inputs.size, inputs.size)
    return jnp.log(jnp.linalg.norm(jacobian, 2)) / count
