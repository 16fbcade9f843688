"""A graph beside the flow between all pairs: Ã v with Ã = D^−½ A D^−½."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from isinglass._common.checks import (
    check_flag,
    check_real,
    check_shapes,
    check_whole,
    is_index,
)
from isinglass._common.precision import usual_promotion


class Graph(eqx.Module):
    """Edges of N nodes, normalised by degrees.

    Attributes:
        sources, targets: Ends of the edges, self loops among them, (E,).
        weights: 1/√(deg(source) deg(target)), (E,).
        nodes: N.

    Args:
        edges: (2, E), E at least 1: sources above targets. Every undirected edge stands
            in both directions.
        nodes: N, at least 1.
        self_loops: Whether to add a loop to each node, Ã of A + I, as published. The
            edges must have none of their own then, or it would count twice. Without
            loops a node may have no edge: what flows to it is 0.

    Raises:
        TypeError: If something is of another kind.
        ValueError: If an end is no node, an edge or a loop is there twice, or an edge
            stands in one direction alone.
    """

    sources: Int[Array, "e"]
    targets: Int[Array, "e"]
    weights: Float[Array, "e"]
    nodes: int = eqx.field(static=True)

    def __init__(self, edges: Any, nodes: int, self_loops: bool = True) -> None:
        check_whole(nodes=nodes)
        check_flag(self_loops=self_loops)
        ends = _checked_edges(edges, int(nodes))
        if self_loops:
            if (ends[0] == ends[1]).any():
                raise ValueError(
                    "edges must have no self loops where self_loops=True adds one to "
                    f"each node, got {int((ends[0] == ends[1]).sum())}"
                )
            loops = np.arange(int(nodes))
            ends = np.concatenate([ends, np.stack([loops, loops])], axis=1)
        degree = np.bincount(ends[1], minlength=int(nodes)).astype(float)
        scale = 1 / np.sqrt(np.maximum(degree, 1))
        self.sources, self.targets = (jnp.asarray(x, jnp.int32) for x in ends)
        self.weights = jnp.asarray(scale[ends[0]] * scale[ends[1]])
        self.nodes = int(nodes)

    @usual_promotion()
    def convolve(self, values: Float[Array, "n *c"]) -> Float[Array, "n *c"]:
        """Return Ã v of values (N, …), in O(E).

        Raises:
            TypeError: If they are no array.
            ValueError: If they are not real, or of another number of nodes.
        """
        check_real(values=values)
        if values.shape[:1] != (self.nodes,):
            raise ValueError(
                f"values must have one row for each of {self.nodes} nodes, got shape "
                f"{values.shape}"
            )
        weights = self.weights.reshape(-1, *[1] * (values.ndim - 1))
        flow = values[self.sources] * weights.astype(values.dtype)
        return jax.ops.segment_sum(flow, self.targets, self.nodes)


def _checked_edges(edges: Any, nodes: int) -> np.ndarray:
    check_shapes(edges=(edges, "ends e"))
    if edges.shape[0] != 2 or not is_index(edges):
        raise ValueError(
            f"edges must be whole numbers of shape (2, E), got {edges.dtype} of shape "
            f"{edges.shape}"
        )
    ends = np.asarray(edges).astype(np.int64)
    if ends.min() < 0 or ends.max() >= nodes:
        raise ValueError(
            f"edges must be between nodes 0 and {nodes - 1}, got {ends.min()} to "
            f"{ends.max()}"
        )
    forward, backward = ends[0] * nodes + ends[1], ends[1] * nodes + ends[0]
    if len(np.unique(forward)) < len(forward):
        raise ValueError("edges must hold each edge and self loop once, got some twice")
    if not np.isin(backward, forward).all():
        raise ValueError("edges must hold each edge in both directions")
    return ends
