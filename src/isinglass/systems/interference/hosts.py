"""Hosts that change in time, and several of them at one target (Tang 2020, §5.1).

In the first part of the paper a target's field g stands still. Here it is g·a(t): a
signal is judged by the field that stands at the target when it arrives, so that
evidence depends on the travel duration. Fields of several targets that meet add up as
vectors (`superpose`), and two that are opposite leave nothing to learn from.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Bool, Float, Int

from isinglass._common.checks import (
    as_list,
    as_real_array,
    check_kind,
    check_whole,
    is_whole,
)
from isinglass._common.types import ArrayLike
from isinglass.systems.interference import energy, learning


@dataclass(frozen=True, eq=False)
class Host:
    """A field at the targets: a direction and a magnitude, which may change in time.

    Its value at time t is a(t) · g(t), with t = 0 … T − 1 the time since the sources
    sent. `Host(magnitude=np.eye(25)[20])` is a pulse at t = 20.

    Args:
        direction: The direction g, D components, or one for every time step, (T, D);
            scaled to unit length, but for rows of zeros, which stay. None for (1, …,
            1)/√D with whatever D a patch has: the paper's host, which looks for ink.
        magnitude: The magnitude a(t), a number or one for each of T time steps. It may
            be negative, which turns the direction round.

    Raises:
        ValueError: If an entry is not finite, the direction is zero at all times, or
            the numbers of time steps differ.

    Source: Tang 2020, §5.1 ("Target signal is no longer treated as time-independent").
    """

    direction: ArrayLike | None = None
    magnitude: ArrayLike = 1.0

    def __post_init__(self) -> None:
        magnitude = as_real_array("magnitude", self.magnitude)
        if magnitude.ndim > 1 or magnitude.size == 0:
            raise ValueError(
                "magnitude must be a number or one for every time step, got shape "
                f"{magnitude.shape}"
            )
        object.__setattr__(self, "magnitude", _read_only(magnitude))
        if self.direction is None:
            return
        direction = as_real_array("direction", self.direction)
        if direction.ndim not in (1, 2) or not direction.any():
            raise ValueError(
                "direction must be a vector (D,) or one for every time step (T, D), "
                f"not all zero, got shape {direction.shape}"
            )
        length = np.linalg.norm(direction, axis=-1, keepdims=True)
        # What is of unit length already stays as it is, to the last bit.
        apart = (length > 0) & (np.abs(length - 1) > 1e-14)
        direction = direction / np.where(apart, length, 1)
        object.__setattr__(self, "direction", _read_only(direction))
        _ = self.n_steps  # refuses two numbers of them

    def __repr__(self) -> str:
        steps, which = self.n_steps, ""
        if self.direction is not None:
            which = f"{np.shape(self.direction)[-1]} components, "
        when = "constant" if steps is None else f"{steps} time steps"
        return f"Host({which}{when})"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Host):
            return NotImplemented
        if (self.direction is None) != (other.direction is None):
            return False
        return np.array_equal(
            np.asarray(self.magnitude), np.asarray(other.magnitude)
        ) and (
            self.direction is None
            or np.array_equal(np.asarray(self.direction), np.asarray(other.direction))
        )

    def field(self, n_components: int, n_steps: int) -> Float[np.ndarray, "T D"]:
        """Return the field at every time step, without the rest component.

        Args:
            n_components: Pixels of a patch D.
            n_steps: Time steps T.

        Raises:
            ValueError: If the host has another number of components or time steps.
        """
        check_whole(n_components=n_components, n_steps=n_steps)
        direction = np.asarray(
            np.ones(n_components) / n_components**0.5
            if self.direction is None
            else self.direction
        )
        if direction.shape[-1] != n_components:
            raise ValueError(
                f"host has a direction of {direction.shape[-1]} components, but a "
                f"patch has {n_components} pixels (n_components)"
            )
        if self.n_steps not in (None, n_steps):
            raise ValueError(
                f"host has {self.n_steps} time steps, but n_durations is {n_steps} "
                "(n_steps)"
            )
        magnitude = np.asarray(self.magnitude)
        return np.broadcast_to(
            magnitude[..., None] * direction, (n_steps, n_components)
        )

    @property
    def n_steps(self) -> int | None:
        """Time steps T, or None for a host that is constant in time."""
        steps = set(np.shape(self.magnitude)[:1])
        if self.direction is not None:
            steps |= set(np.shape(self.direction)[:-1])
        if len(steps) > 1:
            raise ValueError(
                "direction and magnitude must have the same number of time steps, got "
                f"{' and '.join(map(str, sorted(steps)))}"
            )
        return steps.pop() if steps else None


def superpose(hosts: Sequence[Host], delays: Sequence[int] | None = None) -> Host:
    """Add the fields of several hosts where they meet: g(t) = Σ_k a_k(t − d_k) g_k.

    Two hosts of magnitudes a₁ and a₂ at an angle φ give |g|² = a₁² + a₂² + 2 a₁ a₂ cos
    φ; two equal ones in antiphase give nothing, and nothing similar or opposite to
    them can be learned. (The paper's "multiple targets converge and interfere with each
    other to produce impulses with changing magnitude".)

    Args:
        hosts: The hosts; all with a direction of D components, or all without one.
        delays: Travel time d_k of each host's field in whole steps, during which it is
            absent; none if left out.

    Returns:
        The host whose field is the sum.

    Raises:
        TypeError: For something that is no host.
        ValueError: For no hosts, for directions of different sizes, for delays that are
            not one whole number ≥ 0 a host, or for delayed hosts without time steps.
    """
    hosts = as_list("hosts", hosts)
    for host in hosts:
        check_kind(Host, hosts=host)
    delays = [0] * len(hosts) if delays is None else as_list("delays", delays)
    if len(delays) != len(hosts) or not all(is_whole(d) and d >= 0 for d in delays):
        raise ValueError(
            f"delays must be a whole number from 0 for each of {len(hosts)} hosts, got "
            f"{delays!r}"
        )
    n_components, n_steps = _common_shape(hosts)
    if n_steps is None and any(delays):
        raise ValueError(
            "hosts that are delayed need a magnitude for every time step, got numbers"
        )
    duration = n_steps or 1
    total = np.zeros((duration, n_components or 1))
    for host, delay in zip(hosts, delays, strict=True):
        arriving = host.field(n_components or 1, duration)
        total[delay:] += arriving[: max(duration - delay, 0)]
    if n_components is None:
        return Host(None, total[:, 0] if n_steps else total[0, 0])
    length = np.linalg.norm(total, axis=1)
    # A sum that vanishes at all times still has a direction: of a field of magnitude 0.
    direction = total if length.any() else np.ones_like(total)
    return Host(direction, length) if n_steps else Host(direction[0], length[0])


def _common_shape(hosts: Sequence[Host]) -> tuple[int | None, int | None]:
    """Components and time steps of hosts that can be added, None where any will do."""
    sizes = {
        0 if host.direction is None else np.shape(host.direction)[-1] for host in hosts
    }
    steps = {host.n_steps or 0 for host in hosts} - {0}
    if len(sizes) > 1 or len(steps) > 1:
        raise ValueError(
            "hosts must have directions of one size, or none of them a direction, and "
            f"one number of time steps, got {sorted(sizes)} components and "
            f"{sorted(steps)} steps"
        )
    return max(sizes) or None, max(steps, default=0) or None


class Levels(NamedTuple):
    """The different fields that a host takes, and which of them when.

    Attributes:
        fields: The different fields behind a rest component 0, (L, D+1).
        at: Which of them stands at the target at time t, (T,).
    """

    fields: Float[np.ndarray, "L D"]
    at: Int[np.ndarray, "T"]


def levels(field: Float[np.ndarray, "T D"]) -> Levels:
    """Return the different fields of a host: signals need counting once for each.

    Args:
        field: The field at every time step, without the rest component.
    """
    fields, at = np.unique(field, axis=0, return_inverse=True)
    return Levels(np.pad(fields, ((0, 0), (1, 0))), at.reshape(-1))


def tally_levels(
    dipoles: Float[Array, "n S D"],
    members: Float[Array, "n C"],
    fields: Float[Array, "L D"],
    threshold: float,
) -> Float[Array, "S C K"]:
    """How often each source was similar, neutral and opposite to each of L fields.

    Args:
        dipoles: What each source sends.
        members: How often sample n counts for class c: its weight or 0.
        fields: The different fields of the host.
        threshold: Similarity θ from which a signal is similar (or, negated, opposite).

    Returns:
        The three counts of the first field, then those of the second, …: K = 3 L.
    """
    tallies = [
        learning.tally_kinds(dipoles @ field, members, threshold) for field in fields
    ]
    return jnp.concatenate(tallies, axis=-1)


def energy_in_time(
    dipoles: Float[Array, "n E D"],
    arrivals: Float[Array, "E C T"],
    arrived: Bool[Array, "E C T"],
    field: Float[Array, "T D"],
    threshold: float,
) -> Float[Array, "n C T"]:
    """Energy J_y(t) per signal sent under a field that changes in time (Eqs. 2 and 3).

    Args:
        dipoles: What each emission sends, the same components as `field`.
        arrivals: Probability of each emission to arrive at target y at time t.
        arrived: Which emissions can have arrived at target y at time t.
        field: The field at the targets at every time.
        threshold: Similarity θ from which an emission is a friend.
    """

    def at_time(now: tuple[Array, Array, Array]) -> Array:
        arriving, have_arrived, host = now
        return energy.energy_over_time(
            dipoles, arriving[..., None], have_arrived[..., None], host, threshold
        )[..., 0]

    steps = (jnp.moveaxis(arrivals, -1, 0), jnp.moveaxis(arrived, -1, 0), field)
    return jnp.moveaxis(jax.lax.map(at_time, steps), 0, -1)


def _read_only(array: np.ndarray) -> np.ndarray:
    array = np.array(array, dtype=np.float64)
    array.flags.writeable = False
    return array
