"""Energies that Hyper-SET is made of, with their slopes in closed form.

Attention: of projections z_i on a sphere |z|² = p, by head, with the scores s_ij =
⟨q_i, k_j⟩ of q = w_q ⊙ z and k = w_k ⊙ z,

    softmax  E = β⁻¹ Σ_i log Σ_j exp(β s_ij)          (published)
    sigmoid  E = (2β)⁻¹ Σ_ij σ(β s_ij)
    linear   E = (4β)⁻¹ Σ_ij (β ⟨Φ(q_i), Φ(k_j)⟩)², Φ = relu, in O(n)

which tokens go down by going apart. Feed-forward: of u_i on a sphere |u|² = M,

    relu     E = −½ Σ_i |relu(u_i)|²                  (published for Sudoku)
    gelu     E = −½ Σ_im ((u² − 1) Φ(u) + u φ(u)), Φ and φ the normal distribution
             (published for pictures, without this energy)
    softmax  E = −Σ_i log Σ_m exp(u_im)
    gated    E = −½ Σ_i (Σ_m relu(u_im))²
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax.scipy.stats import norm


class AttentionEnergy(NamedTuple):
    """An energy of queries and keys (…, n, p), and its slope by either.

    Attributes:
        energy: ``(queries, keys, β) -> (…)``.
        slopes: ``(queries, keys, β) -> (∂E/∂q, ∂E/∂k)``.
    """

    energy: Callable[[Any, Any, Any], Any]
    slopes: Callable[[Any, Any, Any], tuple[Any, Any]]


class FeedforwardEnergy(NamedTuple):
    """An energy of what a token has of each direction, (…, n, M).

    Attributes:
        energy: ``u -> (…)``.
        force: ``u -> −∂E/∂u``.
    """

    energy: Callable[[Any], Any]
    force: Callable[[Any], Any]


def softmax_rows(queries: Any, keys: Any, beta: Any) -> Any:
    """A, (…, n, n)."""
    return jax.nn.softmax(beta * _scores(queries, keys), axis=-1)


def _scores(queries: Any, keys: Any) -> Any:
    return jnp.einsum("...iy,...jy->...ij", queries, keys)


def _both(rows: Any, queries: Any, keys: Any) -> tuple[Any, Any]:
    """Σ_j r_ij k_j and Σ_i r_ij q_i, for r = ∂E/∂s."""
    return rows @ keys, jnp.swapaxes(rows, -1, -2) @ queries


def _softmax_energy(queries: Any, keys: Any, beta: Any) -> Any:
    scores = beta * _scores(queries, keys)
    return jax.nn.logsumexp(scores, axis=-1).sum(-1) / beta


def _softmax_slopes(queries: Any, keys: Any, beta: Any) -> tuple[Any, Any]:
    return _both(softmax_rows(queries, keys, beta), queries, keys)


def _sigmoid_energy(queries: Any, keys: Any, beta: Any) -> Any:
    return jax.nn.sigmoid(beta * _scores(queries, keys)).sum((-2, -1)) / (2 * beta)


def _sigmoid_slopes(queries: Any, keys: Any, beta: Any) -> tuple[Any, Any]:
    gate = jax.nn.sigmoid(beta * _scores(queries, keys))
    return _both(0.5 * gate * (1 - gate), queries, keys)


def _linear_energy(queries: Any, keys: Any, beta: Any) -> Any:
    # Σ_ij ⟨a_i, b_j⟩² = ⟨AᵀA, BᵀB⟩: no pair is formed.
    squares = [jnp.swapaxes(x, -1, -2) @ x for x in map(jax.nn.relu, (queries, keys))]
    return 0.25 * beta * (squares[0] * squares[1]).sum((-2, -1))


def _linear_slopes(queries: Any, keys: Any, beta: Any) -> tuple[Any, Any]:
    a, b = map(jax.nn.relu, (queries, keys))
    of_a, of_b = (x @ (jnp.swapaxes(y, -1, -2) @ y) for x, y in ((a, b), (b, a)))
    return 0.5 * beta * of_a * (queries > 0), 0.5 * beta * of_b * (keys > 0)


def _gelu_energy(u: Any) -> Any:
    return -0.5 * ((u**2 - 1) * norm.cdf(u) + u * norm.pdf(u)).sum((-2, -1))


def _gated_force(u: Any) -> Any:
    return jax.nn.relu(u).sum(-1, keepdims=True) * (u > 0)


ATTENTION = {
    "softmax": AttentionEnergy(_softmax_energy, _softmax_slopes),
    "sigmoid": AttentionEnergy(_sigmoid_energy, _sigmoid_slopes),
    "linear": AttentionEnergy(_linear_energy, _linear_slopes),
}
FEEDFORWARD = {
    "relu": FeedforwardEnergy(
        lambda u: -0.5 * (jax.nn.relu(u) ** 2).sum((-2, -1)), jax.nn.relu
    ),
    "gelu": FeedforwardEnergy(_gelu_energy, lambda u: u * norm.cdf(u)),
    "softmax": FeedforwardEnergy(
        lambda u: -jax.nn.logsumexp(u, axis=-1).sum(-1), jax.nn.softmax
    ),
    "gated": FeedforwardEnergy(
        lambda u: -0.5 * (jax.nn.relu(u).sum(-1) ** 2).sum(-1), _gated_force
    ),
}
