"""Where the symbols of a sequence stand: sinusoids, and layouts for training.

A model that only ever saw positions 0 to 63 meets new ones at length 1000, and new
distances. Both can be shown to it in sequences of 64: `offset` starts each anywhere,
and `skips` also leaves gaps within it (Zhu et al. 2024, "PoSE", arXiv 2309.10400).
"""

from typing import Literal, get_args

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, PRNGKeyArray, Real

from isinglass._common.checks import (
    check_choice,
    check_key,
    check_positive,
    check_real,
    check_whole,
)
from isinglass._common.precision import single_precision, usual_promotion

Layout = Literal["consecutive", "offset", "skips"]
LAYOUTS: tuple[Layout, ...] = get_args(Layout)
GAPS = 3


@usual_promotion()
def sinusoids(
    positions: Real[Array, "*n"], width: int, base: float = 10_000.0
) -> Float[Array, "*n width"]:
    """Encode positions by sines and cosines, at frequencies base^(−2k/width).

    Sine and cosine of one frequency stand side by side (Vaswani et al. 2017, §3.5).

    Args:
        positions: Any real numbers, (…, n).
        width: Numbers a position; if it is odd, the last frequency has no cosine.
        base: Ratio of the longest to the shortest wavelength, about.

    Raises:
        TypeError: If the positions are no array.
        ValueError: If they are no real numbers, or a number is out of range.
    """
    check_real(positions=positions)
    check_whole(width=width)
    check_positive(base=base)
    frequencies = base ** (-jnp.arange(0, width, 2) / width)
    angle = positions[..., None] * frequencies
    pairs = jnp.stack([jnp.sin(angle), jnp.cos(angle)], axis=-1)
    return pairs.reshape(*positions.shape, 2 * len(frequencies))[..., :width]


@single_precision()
def lay_out(
    layout: Layout, key: PRNGKeyArray, batch: int, length: int, farthest: int
) -> Int[Array, "batch length"]:
    """Draw positions of a batch of sequences, increasing and below ``farthest``.

    A model that is trained on them has seen larger positions and distances than it was
    shown symbols.

    Args:
        layout: "consecutive": 0, 1, 2, …; "offset": the same from a random start;
            "skips": from a random start with up to three gaps at random places, their
            sizes random too.
        key: Key.
        batch: Number of sequences.
        length: Symbols in each.
        farthest: Positions stay below this; at least ``length``.

    Raises:
        ValueError: If the layout is unknown or ``farthest`` is less than ``length``.
    """
    check_choice(LAYOUTS, layout=layout)
    check_key(key=key)
    check_whole(batch=batch, length=length, farthest=farthest)
    if farthest < length:
        raise ValueError(
            f"farthest must be at least the length {length}, got {farthest}"
        )
    plain = jnp.broadcast_to(jnp.arange(length), (batch, length))
    if layout == "consecutive":
        return plain
    room = farthest - length
    of_start, of_room, of_places = jax.random.split(key, 3)
    if layout == "offset":
        return plain + jax.random.randint(of_start, (batch, 1), 0, room + 1)
    # A random part of the room, shared out between what lies before and the gaps.
    used = jax.random.uniform(of_start, (batch, 1)) * room
    shares = jax.random.dirichlet(of_room, jnp.full(GAPS + 1, 0.5), (batch,))
    before, *gaps = jnp.moveaxis(jnp.floor(shares * used).astype(jnp.int32), -1, 0)
    places = jax.random.randint(of_places, (batch, GAPS), 1, max(length, 2))
    passed = (plain[..., None] >= places[:, None, :]) * jnp.stack(gaps, axis=-1)[
        :, None, :
    ]
    return plain + before[:, None] + passed.sum(-1)
