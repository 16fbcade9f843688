"""Attention along a list of links (2, E): O(E) where all pairs of nodes take O(N²).

Scores are (…, E), from the source of a link, which is the query, to its target, the
key. A link of −1 is none: graphs of fewer links are filled up with such.
"""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from isinglass._common.checks import check_real, check_shapes
from isinglass._common.plain_checks import is_traced


def checked_links(links: Any) -> Int[Array, "two e"]:
    """Links as an array of JAX.

    Raises:
        TypeError: If they are no array.
        ValueError: If they are not whole numbers of −1 at least, or not (2, E).
    """
    check_real(links=links)
    check_shapes(links=(links, "2 e"))
    if not jnp.issubdtype(links.dtype, jnp.integer):
        raise ValueError(f"links must be numbers of nodes, got {links.dtype}")
    if not is_traced(links) and links.shape[1]:
        least = int(np.asarray(links).min())
        if least < -1:
            raise ValueError(f"links must be at least -1, got {least}")
    return jnp.asarray(links, jnp.int32)


def check_ends(links: Any, nodes: int) -> None:
    """Refuse a link to a node that is not there.

    Raises:
        ValueError: If there is one.
    """
    if is_traced(links) or not links.shape[1]:
        return
    # By NumPy: an operation of JAX would be traced with what is around it.
    last = int(np.asarray(links).max())
    if last >= nodes:
        raise ValueError(
            f"links must be of {nodes} nodes, 0 to {nodes - 1}, got {last}"
        )


def link_scores(
    queries: Float[Array, "*h n y"], keys: Float[Array, "*h n y"], links: Any
) -> Float[Array, "*h e"]:
    """Compute ⟨Q_i, K_j⟩ of each link ij; any number of one that is none."""
    return (at_ends(queries, links[0]) * at_ends(keys, links[1])).sum(-1)


def at_ends(values: Float[Array, "*h n y"], ends: Any) -> Float[Array, "*h e y"]:
    """The rows of nodes at an end of the links."""
    return jnp.take(values, jnp.maximum(ends, 0), axis=-2)


def sum_to(values: Float[Array, "*h e y"], ends: Any, nodes: int) -> Any:
    """Add rows of links up at the nodes of an end, (…, N, y)."""
    total = jnp.zeros((*values.shape[:-2], nodes, values.shape[-1]), values.dtype)
    return total.at[..., jnp.maximum(ends, 0), :].add(values)


def link_softmax(
    scores: Float[Array, "*h e"], links: Any, nodes: int
) -> tuple[Float[Array, "*h e"], Float[Array, "*h n"]]:
    """Softmax over the links of each source, and log Σ exp, 0 of a node without any."""
    ends = jnp.maximum(links[0], 0)
    least = jnp.full((*scores.shape[:-1], nodes), -jnp.inf, scores.dtype)
    top = jax.lax.stop_gradient(least.at[..., ends].max(scores))
    top = jnp.where(jnp.isneginf(top), 0, top)
    weights = jnp.exp(scores - top[..., ends])
    total = jnp.zeros_like(top).at[..., ends].add(weights)
    safe = jnp.where(total == 0, 1, total)
    return weights / safe[..., ends], jnp.log(safe) + top
