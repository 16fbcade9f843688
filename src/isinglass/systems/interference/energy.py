"""Energy of the signals that meet at a target: Eqs. 2 and 3 of Tang 2020.

At time t the target y looks at the signals that can have arrived. Those with similarity
≥ θ to the external field g are friends; the attended host h_y(t) is the mean of the
friends' dipoles, or g if there are none. Friends count 1 each, the others x · h_y(t).
"""

import functools
import operator

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Bool, Float

from isinglass._common.checks import check_in, check_mask, check_real, check_shapes
from isinglass._common.precision import usual_promotion
from isinglass.systems.interference.learning import is_similar


@usual_promotion()
def attended_host(
    dipoles: Float[Array, "n E D"],
    arrived: Bool[Array, "E C T"],
    host: Float[Array, "D"],
    threshold: float,
) -> Float[Array, "C T D n"]:
    """The attended host h_y(t) of Eq. 2, samples last, the fast axis of what follows.

    Args:
        dipoles: What each emission sends, the same components as `host`.
        arrived: Which emissions can have arrived at target y at time t
            (`routes.arrivals`).
        host: The external field g.
        threshold: Similarity θ from which an emission is a friend.

    Raises:
        ValueError: If shapes do not fit, or numbers are not real.
    """
    _check(dipoles, arrived, host, threshold)
    x, friends = _samples_last(dipoles, host, threshold)
    total, count = _sums_of_friends(x, friends, arrived)
    count = count[:, :, None]
    return jnp.where(count > 0, total / jnp.maximum(count, 1), host[:, None])


@usual_promotion()
def energy_over_time(
    dipoles: Float[Array, "n E D"],
    arrivals: Float[Array, "E C T"],
    arrived: Bool[Array, "E C T"],
    host: Float[Array, "D"],
    threshold: float,
) -> Float[Array, "n C T"]:
    """Instantaneous energy J_y(t) per signal sent (N = 1), Eq. 3.

    The signals of the others are summed where they arrive before they meet the host:
    two matrix products for a batch of samples.

    Args:
        dipoles: What each emission sends, the same components as `host`.
        arrivals: Probability of each emission to arrive at target y at time t.
        arrived: Which emissions can have arrived at target y at time t
            (`routes.arrivals`).
        host: The external field g.
        threshold: Similarity θ from which an emission is a friend.

    Raises:
        ValueError: If shapes do not fit, or numbers are not real.
    """
    check_real(arrivals=arrivals)
    check_shapes(arrivals=(arrivals, "E C T"), arrived=(arrived, "E C T"))
    _check(dipoles, arrived, host, threshold)
    x, friends = _samples_last(dipoles, host, threshold)
    total, count = _sums_of_friends(x, friends, arrived)
    others, from_friends = _arriving(
        jnp.concatenate([(1 - friends) * x, friends], axis=1), arrivals
    )
    # Of the products with the mean of friends, the sum is divided and not each.
    with_friends = _over_components(others, total) / jnp.maximum(count, 1)
    alone = _over_components(others, host[:, None])
    energy = from_friends + jnp.where(count > 0, with_friends, alone)
    return jnp.moveaxis(energy, -1, 0)


def couplings(
    dipoles: Float[Array, "n E D"],
    arrived: Bool[Array, "E C T"],
    host: Float[Array, "D"],
    threshold: float,
) -> Float[Array, "C T E n"]:
    """What a signal is worth on arrival: w(x, s, y, t) = 1 or, of others, x · h_y(t).

    The energy is linear in the routes, J_y(t) = Σ_s p_t(s, y) w(x, s, y, t), and w
    depends on the samples alone, not on what was learned.

    Args:
        dipoles: What each emission sends, the same components as `host`.
        arrived: Which emissions can have arrived at target y at time t
            (`routes.arrivals`).
        host: The external field g.
        threshold: Similarity θ from which an emission is a friend.
    """
    h = attended_host(dipoles, arrived, host, threshold)
    x, friends = _samples_last(dipoles, host, threshold)
    # Unrolled over components, so that it stays elementwise: a batched product is 3
    # times slower.
    product = sum(h[:, :, None, d] * x[None, None, :, d] for d in range(x.shape[1]))
    return jnp.where(friends[:, 0] > 0, 1.0, product)


def energies_of_many(
    arrivals: Float[Array, "m E C T"], coupling: Float[Array, "C T E n"]
) -> Float[Array, "m n C T"]:
    """Energies of m models on the same samples: one product per target and time.

    Args:
        arrivals: Arrival probabilities of each model.
        coupling: What each signal is worth on arrival (`couplings`).
    """
    return jnp.einsum("mect,cten->mnct", arrivals, coupling)


def _samples_last(
    dipoles: Float[Array, "n E D"], host: Float[Array, "D"], threshold: float
) -> tuple[Float[Array, "E D n"], Float[Array, "E 1 n"]]:
    """Dipoles and friendship (1 or 0) with samples last, the fast axis."""
    x = jax.lax.optimization_barrier(jnp.moveaxis(dipoles, 0, -1))
    similarity = jnp.einsum("edn,d->en", x, host)
    return x, is_similar(similarity, threshold).astype(x.dtype)[:, None]


def _sums_of_friends(
    x: Float[Array, "E D n"], friends: Float[Array, "E 1 n"], arrived: Array
) -> tuple[Float[Array, "C T D n"], Float[Array, "C T n"]]:
    """Sum of the friends that can have arrived, and how many they are."""
    sent = jnp.concatenate([friends * x, friends], axis=1)
    return _arriving(sent, arrived.astype(x.dtype))


def _arriving(
    sent: Float[Array, "E K n"], arrivals: Float[Array, "E C T"]
) -> tuple[Float[Array, "C T D n"], Float[Array, "C T n"]]:
    """What arrives of components, and of the number that rides along as the last.

    One matrix product, not two. Before and after it, arrays are to be in memory: XLA
    would compute them anew for each of their uses.
    """
    sent = jax.lax.optimization_barrier(sent)
    received = jnp.einsum("ect,edn->ctdn", arrivals, sent)
    received = jax.lax.optimization_barrier(received)
    return received[:, :, :-1], received[:, :, -1]


def _over_components(
    a: Float[Array, "C T D n"], b: Float[Array, "*shape D #n"]
) -> Float[Array, "C T n"]:
    """Σ_d a_d b_d; of few components term by term, which XLA does several at a time."""
    if a.shape[2] > 32:
        return (a * b).sum(axis=2)
    terms = (a[:, :, d] * b[..., d, :] for d in range(a.shape[2]))
    return functools.reduce(operator.add, terms)


def _check(dipoles: Array, arrived: Array, host: Array, threshold: float) -> None:
    check_shapes(
        dipoles=(dipoles, "n E D"),
        arrived=(arrived, "E C T"),
        host=(host, "D"),
    )
    check_real(dipoles=dipoles, host=host)
    check_mask(arrived=arrived)
    check_in("(-inf, inf)", threshold=threshold)
