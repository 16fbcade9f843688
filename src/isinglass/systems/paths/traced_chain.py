"""A bath as a chain of one bond throughout, in JAX: for jit, vmap and grad.

All tensors have the size that the bond allows, with zeros where a chain is thinner, so
that a step is the same program for all points: the last k points are in a window, the
newest weighs them, and the oldest leaves it. Before k points are there, the window
holds points that do nothing.

Singular vectors have no derivative where singular values meet, and padded ones all
meet at 0. But a chain does not depend on how its bonds are turned: of the derivative
there stays what its tangent space holds, V̄ the vectors of the cut, Ū those that are
kept, both constant,

    U = Ū + (1 − Ū Ūᵀ) dM V̄ σ⁻¹,   C = Ūᵀ M,

M the chain, open at a bond. No derivative of a singular vector is in it, and no
difference of singular values. What is left out is what the vectors that were dropped
say of dM, which vanishes as the bond grows. Holding U itself constant, dM of all that
is outside of Ū is lost, and that does not vanish.
"""

from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax.ad_checkpoint import checkpoint_name
from jax.lax import stop_gradient
from jaxtyping import Array, Complex, Float

_NOTHING = 1e-13  # of the largest singular value: vectors of less are noise


class Weights(NamedTuple):
    """What a chain is made of, in the real basis of pairs and labels.

    Attributes:
        inner: Of the newest point on one at each lag: (lag, pair, right label, new
            pair, left label).
        closing: The same for the first point that there is, the label summed out.
        newest: The newest point with its weight on itself, (left label, pair).
        first: The first point, (pair,).
    """

    inner: Float[Array, "k p l p l"]
    closing: Float[Array, "k p l p l"]
    newest: Float[Array, "l p"]
    first: Float[Array, " p"]


class Chain(NamedTuple):
    """Tensors of N points.

    Attributes:
        sites: (left bond, pair, right bond) of each, real.
        dropped: The largest share of the squares of singular values that a bond lost.
    """

    sites: Float[Array, "n b p b"]
    dropped: Float[Array, ""]


class Form(NamedTuple):
    """What decides on the program.

    Attributes:
        points: N.
        reach: k, the largest lag, below N.
        bond: χ.
        moves: Whether singular vectors move under the gradient; False for the control
            that holds them.
    """

    points: int
    reach: int
    bond: int
    moves: bool = True


@partial(jax.jit, static_argnames="form")
def bath_chain(weights: Weights, form: Form) -> Chain:
    """Tensors of the points of a path, each weighed with those before it."""
    bond, reach, points = form.bond, form.reach, form.points
    pairs = weights.first.shape[0]
    nothing = jnp.zeros((bond, pairs, bond)).at[0, 0, 0].set(1.0)
    size = stop_gradient(jnp.linalg.norm(weights.first))
    first = jnp.zeros_like(nothing).at[0, :, 0].set(weights.first / size)
    if not reach:
        return Chain(size * first[None], jnp.zeros(()))
    window = jnp.stack([nothing] * (reach - 1) + [first])
    through = _through(weights)

    def step(carry: Any, point: Array) -> Any:
        window, dropped = carry
        lag = jnp.arange(1, reach + 1)[:, None, None, None, None]
        last = jnp.minimum(point, reach)
        operators = jnp.where(lag == last, weights.closing, weights.inner)
        operators = jnp.where(lag > last, through, operators)
        sites, lost = _absorb(window, operators[::-1], weights.newest, form)
        size = stop_gradient(jnp.linalg.norm(sites[-1]))
        sites = sites.at[-1].divide(size)
        return (sites[1:], jnp.maximum(dropped, lost)), (sites[0], size)

    # Singular vectors are stored for the way back, and all else is computed again.
    names = jax.checkpoint_policies.save_only_these_names(_VECTORS)
    step = jax.checkpoint(step, policy=names)
    carry, (left, sizes) = jax.lax.scan(
        step, (window, jnp.zeros(())), jnp.arange(1, points)
    )
    sites = jnp.concatenate([left[reach - 1 :], carry[0]])
    # Norms would grow as 2^N in the last tensor: each stays with a point.
    sizes = jnp.concatenate([size[None], sizes])
    return Chain(sites * sizes[:, None, None, None], carry[1])


_VECTORS = "singular vectors"


def _through(weights: Weights) -> Float[Array, "p l p l"]:
    """The operator of a point that is not there."""
    labels, pairs = weights.newest.shape
    first = jnp.zeros(labels).at[0].set(1.0)
    return jnp.einsum("pq,a,b->paqb", jnp.eye(pairs), first, first)


def _absorb(
    window: Float[Array, "k b p b"],
    operators: Float[Array, "k p l p l"],
    newest: Float[Array, "l p"],
    form: Form,
) -> tuple[Float[Array, "k1 b p b"], Float[Array, ""]]:
    """The window and a new point, its weights applied and bonds cut; what was lost."""
    bond = form.bond
    labels, pairs = newest.shape
    rank = bond * labels
    carry = jnp.zeros((bond, labels, rank)).at[0, :, :pairs].set(newest)
    _, tensors = jax.lax.scan(_orthogonal, carry, (window, operators), reverse=True)
    left = jnp.zeros((bond, bond, labels)).at[:, :, 0].set(jnp.eye(bond))
    cut = partial(_cut, moves=form.moves)
    left, (sites, lost) = jax.lax.scan(cut, left, (window, operators, tensors))
    last = jnp.zeros_like(window[:1]).at[0, :, :, 0].set(left[:, 0] @ newest)
    return jnp.concatenate([sites, last]), lost.max()


def _orthogonal(carry: Array, point: tuple[Array, Array]) -> tuple[Array, Array]:
    """From right to left: a point with all right of it, by orthonormal vectors."""
    site, operator = point
    bond, labels, rank = carry.shape
    joined = jnp.einsum("lpr,ran->lpan", site, carry)
    tensor = jnp.einsum("lpan,paqb->lbqn", joined, operator)
    rows = tensor.reshape(rank, -1)
    basis = _constant(jnp.linalg.qr(stop_gradient(rows).T)[0])
    return (rows @ basis).reshape(bond, labels, rank), tensor


def _cut(left: Array, point: tuple[Array, ...], moves: bool) -> tuple[Array, Any]:
    """From left to right: the best vectors for a bond, and what is left of the rest."""
    site, operator, tensor = point
    bond, pairs = site.shape[:2]
    whole = jnp.einsum("alb,lbqn->aqn", left, tensor).reshape(bond * pairs, -1)
    fixed = stop_gradient(whole)
    u, s, v = jnp.linalg.svd(fixed, full_matrices=False)
    # A point that does nothing stays as it is: vectors have the sign that it has.
    sign = jnp.where(u[0, :bond] < 0, -1.0, 1.0)
    vectors, v = _constant(u[:, :bond] * sign), _constant(v[:bond] * sign[:, None])
    s = _constant(s)
    isometry = vectors
    if moves:
        some = s[:bond] > _NOTHING * s[0]
        inverse = jnp.where(some, 1 / jnp.where(some, s[:bond], 1.0), 0.0)
        moved = (whole - fixed) @ (v.T * inverse)
        isometry = vectors + moved - vectors @ (vectors.T @ moved)
    joined = jnp.einsum("alb,lpr->abpr", left, site)
    joined = jnp.einsum("abpr,pcqb->aqrc", joined, operator)
    following = jnp.tensordot(vectors.reshape(bond, pairs, bond), joined, ([0, 1],) * 2)
    squares = s**2
    lost = squares[bond:].sum() / jnp.maximum(squares.sum(), 1e-300)
    return following, (isometry.reshape(bond, pairs, bond), lost)


def _constant(vectors: Array) -> Array:
    return checkpoint_name(stop_gradient(vectors), _VECTORS)


class Moves(NamedTuple):
    """What a system does between points of the bath, on rows of ρ one after another.

    Attributes:
        enter: From the time of a step to the point in its middle.
        leave: From the point to the time of the next.
    """

    enter: Complex[Array, "n p p"]
    leave: Complex[Array, "n p p"]


@jax.jit
def chain_maps(
    sites: Array, caps: Complex[Array, "n b"], moves: Moves
) -> Complex[Array, "m p p"]:
    """The maps ρ(0) ↦ ρ(t) at all times of a system that meets a chain."""
    size = sites.shape[2]
    identity = jnp.eye(size, dtype=complex)
    state = jnp.zeros((size, sites.shape[1], size), complex).at[:, 0].set(identity)

    def step(state: Array, point: tuple[Array, ...]) -> tuple[Array, Array]:
        site, cap, enter, leave = point
        state = jnp.tensordot(enter, state, 1)
        state = jnp.einsum("plo,lpr->pro", state, site)
        state = jnp.tensordot(leave, state, 1)
        return state, jnp.einsum("pro,r->po", state, cap)

    _, maps = jax.lax.scan(step, state, (sites, caps, *moves))
    return jnp.concatenate([identity[None], maps])


@jax.jit
def caps_of(sites: Complex[Array, "n b p b"]) -> Complex[Array, "n b"]:
    """What closes the bond right of each point, as if nothing were done later."""
    end = jnp.zeros(sites.shape[1], sites.dtype).at[0].set(1.0)
    step = lambda cap, site: (site[:, 0] @ cap, cap)  # noqa: E731
    return jax.lax.scan(step, end, sites, reverse=True)[1]
