"""Places that attention can look at: the token before, the match, and others."""

from collections.abc import Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Int

from isinglass._common.checks import (
    check_key,
    check_kind,
    check_mask,
    check_shapes,
    is_index,
)
from isinglass._common.precision import usual_promotion
from isinglass.data.induction import InductionBatch

PREVIOUS, MATCH, ITSELF, OTHER = range(4)
PLACES = ("previous token", "match", "itself", "another token")


class Places(NamedTuple):
    """Where attention can look at every position of a batch.

    Attributes:
        positions: Of the token before, the match (what followed the same symbol when it
            last occurred: the answer stands there), the position itself and another
            token, in the order of `PLACES`, (4, B, n); −1 where there is none.
        apart: Where a question is asked and the first three differ, (B, n).
    """

    positions: Int[Array, "4 B n"]
    apart: Bool[Array, "B n"]


def check_batch(batch: InductionBatch) -> None:
    """Refuse what is no batch.

    Raises:
        TypeError: If it is of another kind.
        ValueError: If the shapes differ.
    """
    check_kind(InductionBatch, batch=batch)
    check_shapes(**{f"batch.{name}": (x, "B n") for name, x in batch._asdict().items()})
    check_mask(**{"batch.mask": batch.mask})
    _check_whole(batch, ("tokens", "targets", "source"), "batch")


def check_places(batch: InductionBatch, places: Places) -> None:
    """Refuse what is no batch, and places that are not of one of its shape.

    Raises:
        TypeError: If it is of another kind.
        ValueError: If the shapes differ.
    """
    check_batch(batch)
    check_kind(Places, places=places)
    check_shapes(
        **{
            "batch.tokens": (batch.tokens, "B n"),
            "places.positions": (places.positions, "4 B n"),
            "places.apart": (places.apart, "B n"),
        }
    )
    check_mask(**{"places.apart": places.apart})
    _check_whole(places, ("positions",), "places")


def _check_whole(
    arrays: InductionBatch | Places, names: Sequence[str], name: str
) -> None:
    for part in names:
        if not is_index(getattr(arrays, part)):
            dtype = getattr(arrays, part).dtype
            raise ValueError(f"{name}.{part} must be whole numbers, got {dtype}")


@usual_promotion()
def find_places(batch: InductionBatch, key: Array) -> Places:
    """Find where the answer stands, and what stands beside it, at every position.

    Args:
        batch: Sequences without padding.
        key: What the other token is drawn from: any before that is none of the three.

    Raises:
        TypeError: If an argument is of another kind.
    """
    check_batch(batch)
    check_key(key=key)
    return _places(batch, key)


@jax.jit
def _places(batch: InductionBatch, key: Array) -> Places:
    shape = batch.tokens.shape
    itself = jnp.broadcast_to(jnp.arange(shape[1], dtype=jnp.int32), shape)
    match = jnp.where(batch.mask, batch.source.astype(jnp.int32) + 1, -1)
    apart = batch.mask & (match < itself - 1)
    drawn = jax.random.randint(key, shape, 0, jnp.maximum(itself - 2, 1), jnp.int32)
    other = jnp.where(apart & (itself > 2), drawn + (drawn >= match), -1)
    positions = [itself - 1, jnp.where(apart, match, -1), itself, other]
    return Places(jnp.stack(positions), apart)
