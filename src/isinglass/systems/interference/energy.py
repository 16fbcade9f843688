"""Energy of the signals that meet at a target: Eqs. 2 and 3 of Tang 2020.

At time t the target y looks at the signals that can have arrived. Those with similarity
≥ θ to the external field g are friends; the attended host h_y(t) is the mean of the
friends' dipoles, or g if there are none. Friends count 1 each, the others x · h_y(t).
"""

import jax.numpy as jnp
from jax import Array
from jaxtyping import Bool, Float

from isinglass._common.checks import check_in, check_mask, check_real, check_shapes
from isinglass.systems.interference.learning import is_similar


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
    check_shapes(
        dipoles=(dipoles, "n E D"),
        arrived=(arrived, "E C T"),
        host=(host, "D"),
    )
    check_real(dipoles=dipoles, host=host)
    check_mask(arrived=arrived)
    check_in("(-inf, inf)", threshold=threshold)
    x, friends = _samples_last(dipoles, host, threshold)
    # The count of friends rides along as one more component: one matrix product, not
    # two.
    summed = jnp.einsum(
        "ect,edn->ctdn",
        arrived.astype(x.dtype),
        jnp.concatenate([friends * x, friends], axis=1),
    )
    total, count = summed[:, :, :-1], summed[:, :, -1:]
    return jnp.where(count > 0, total / jnp.maximum(count, 1), host[:, None])


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
    h = attended_host(dipoles, arrived, host, threshold)
    x, friends = _samples_last(dipoles, host, threshold)
    received = jnp.einsum(
        "ect,edn->ctdn", arrivals, jnp.concatenate([(1 - friends) * x, friends], axis=1)
    )
    others, from_friends = received[:, :, :-1], received[:, :, -1]
    return jnp.moveaxis(from_friends + (others * h).sum(axis=2), -1, 0)


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
    x = jnp.moveaxis(dipoles, 0, -1)
    similarity = jnp.einsum("edn,d->en", x, host)
    return x, is_similar(similarity, threshold).astype(x.dtype)[:, None]
