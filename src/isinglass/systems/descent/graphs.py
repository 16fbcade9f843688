"""Energy Transformers on graphs: a class of each graph, or a score of each node.

`GraphEnergyTransformer` is the published model for whole graphs: blocks of different
weights, **one noisy step each**, so that nothing comes to rest; scores are weighed by
edge and head, by a convolution of xxᵀ times projected edges. That convolution slides
over the *numbers* of the nodes: renumbered nodes give other weights, unless the kernel
is 1 × 1.

`NodeEnergyTransformer` scores nodes, such as for anomalies, by steps of one block down
one energy along the edges. The authors' program for anomalies does not: it clamps
scores, has a vector gain and dropout inside, and adds to the normed state, which is the
gradient of no energy.

Source: Hoover et al. 2023, §4 and §5, and its programs.
"""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, PRNGKeyArray

from isinglass._common.checks import (
    check_choice,
    check_finite,
    check_in,
    check_key,
    check_kind,
    check_mask,
    check_real,
    check_shapes,
    check_whole,
    fits_into,
    is_array,
)
from isinglass._common.precision import single_precision, usual_promotion
from isinglass.systems.descent.energy_transformer import (
    EnergyTransformer,
    EnergyTransformerConfig,
)
from isinglass.systems.descent.pictures import after_class_token

NOISE = 0.02  # published: each step adds √α times this


class GraphEnergyTransformer(eqx.Module):
    """Logits of graphs (…, N nodes) from features of nodes and edges.

    Attributes:
        encode: Of nodes, (F, D).
        class_token: CLS, a node with an edge to all that are there, (D,).
        kernel: Of the convolution of xxᵀ, (H, 1, k, k).
        edge_projection: Of edges, (E, H).
        blocks: One `EnergyTransformer` a step.
        readout: Of CLS, (D, classes).

    Args:
        config: Of the blocks; scores are mixed over heads if it says so.
        sizes: Features of nodes F and of edges E, and the number of classes.
        blocks: How many, published 4.
        kernel: Side of the convolution, 3 as published or 1, which alone does not
            depend on how nodes are numbered.
        key: Key of the weights.
    """

    encode: Float[Array, "f d"]
    class_token: Float[Array, "d"]
    kernel: Float[Array, "h in k k"]
    edge_projection: Float[Array, "e h"]
    blocks: tuple[EnergyTransformer, ...]
    readout: Float[Array, "d c"]

    @single_precision()
    def __init__(
        self,
        config: EnergyTransformerConfig,
        sizes: tuple[int, int, int],
        blocks: int = 4,
        kernel: int = 3,
        *,
        key: PRNGKeyArray,
    ) -> None:
        check_kind(EnergyTransformerConfig, config=config)
        nodes, edges, classes = _sizes("sizes", sizes, 3)
        check_whole(blocks=blocks)
        check_choice((1, 3), kernel=kernel)
        check_key(key=key)
        keys, d, h = jax.random.split(key, blocks + 5), config.width, config.heads
        self.encode = _normal(keys[0], (nodes, d))
        self.class_token = _normal(keys[1], (d,))
        self.kernel = _normal(keys[2], (h, 1, kernel, kernel))
        self.edge_projection = _normal(keys[3], (edges, h))
        self.readout = _normal(keys[4], (d, classes))
        self.blocks = tuple(EnergyTransformer(config, key=k) for k in keys[5:])

    @usual_promotion()
    def __call__(
        self,
        nodes: Float[Array, "*batch n f"],
        edges: Float[Array, "*batch n n e"],
        *,
        key: PRNGKeyArray | None = None,
        noise: float = NOISE,
    ) -> Float[Array, "*batch c"]:
        """Compute logits of graphs.

        Args:
            nodes: Features of nodes, (…, N, F).
            edges: Of edges, (…, N, N, E), all 0 where there is none; so are those of
                nodes that fill a batch up, which CLS sees no more than others do.
            key: Of the noise of each step; None for none.
            noise: Standard deviation of √α noise, at least 0.

        Raises:
            TypeError: If one is no array.
            ValueError: If shapes do not fit, or a number is not finite.
        """
        check_in("[0, inf)", noise=noise)
        features, width = self.encode.shape[0], self.edge_projection.shape[0]
        check_real(nodes=nodes, edges=edges)
        check_shapes(
            nodes=(nodes, f"... n {features}"), edges=(edges, f"... n n {width}")
        )
        check_shapes(edges=(edges, f"... {nodes.shape[-2]} {nodes.shape[-2]} {width}"))
        _check_batch(nodes.shape[:-2], edges=edges.shape[:-3])
        check_finite(nodes=nodes, edges=edges)
        keys = [None] * len(self.blocks)
        if key is not None:
            check_key(key=key)
            keys = list(jax.random.split(key, len(self.blocks)))
        tokens = after_class_token(self.class_token, nodes @ self.encode)
        weights = self._weights(tokens, edges)
        for block, drawn in zip(self.blocks, keys, strict=True):
            after = block.on_graph(weights).step(tokens)
            if drawn is not None:
                spread = jnp.sqrt(block.step_size) * noise
                after = after + spread * jax.random.normal(drawn, after.shape)
            tokens = after
        return tokens[..., 0, :] @ self.readout

    def _weights(self, tokens: Array, edges: Array) -> Array:
        """A weight of each edge and head, (…, N + 1, N + 1, H), 0 where is none."""
        gram = jnp.einsum("...nd,...md->...nm", tokens, tokens)
        flat = gram.reshape(-1, 1, *gram.shape[-2:])
        learned = jax.lax.conv(flat, self.kernel, (1, 1), "SAME")
        learned = jnp.moveaxis(learned, 1, -1).reshape(*gram.shape, -1)
        there = (edges != 0).any(-1)
        alive = there.any(-1) | there.any(-2)
        # CLS has an edge to each node that has one, in both directions, of weight 1.
        projected = jnp.where(there[..., None], edges @ self.edge_projection, 0)
        pad = [(0, 0)] * (edges.ndim - 3)
        projected = jnp.pad(projected, [*pad, (1, 0), (1, 0), (0, 0)])
        to_class = jnp.pad(alive, [*pad, (1, 0)])[..., None].astype(tokens.dtype)
        projected = projected.at[..., 0, :, :].set(to_class)
        projected = projected.at[..., :, 0, :].set(to_class)
        return projected * learned


class NodeEnergyTransformer(eqx.Module):
    """Logits of nodes (N, …) of one graph, from what descent along its edges makes.

    logits = (x(0), x(T)) · readout: of a node's own features and of what they became.

    Attributes:
        encode: Of features, (F, D).
        block: The `EnergyTransformer`, put on the graph.
        readout: (2D, classes).

    Args:
        config: Of the block.
        features: F.
        classes: Number of logits, 2 for anomalies.
        key: Key of the weights.
    """

    encode: Float[Array, "f d"]
    block: EnergyTransformer
    readout: Float[Array, "two_d c"]

    @single_precision()
    def __init__(
        self,
        config: EnergyTransformerConfig,
        features: int,
        classes: int = 2,
        *,
        key: PRNGKeyArray,
    ) -> None:
        check_kind(EnergyTransformerConfig, config=config)
        check_whole(features=features, classes=classes)
        check_key(key=key)
        keys = jax.random.split(key, 3)
        self.encode = _normal(keys[0], (features, config.width))
        self.readout = _normal(keys[1], (2 * config.width, classes))
        self.block = EnergyTransformer(config, key=keys[2])

    @usual_promotion()
    def __call__(
        self,
        nodes: Float[Array, "*batch n f"],
        adjacency: Bool[Array, "*batch n n"] | Int[Array, "two e"],
        steps: int = 1,
    ) -> Float[Array, "*batch n c"]:
        """Compute logits of nodes after T steps; the published model takes one.

        Args:
            nodes: Features, (…, N, F).
            adjacency: Which are linked, (…, N, N); or a list of links (2, E), such as
                `NodeGraph` has, for graphs of many nodes (`on_links`). A node without
                any is by itself.
            steps: T, at least 1.

        Raises:
            TypeError: If one is no array.
            ValueError: If shapes do not fit, or a number is not finite.
        """
        check_real(nodes=nodes)
        check_shapes(nodes=(nodes, f"... n {len(self.encode)}"))
        check_finite(nodes=nodes)
        check_whole(steps=steps)
        start = nodes @ self.encode
        block = self._on(adjacency, start.dtype)
        if block.links is None:
            _check_batch(nodes.shape[:-2], adjacency=adjacency.shape[:-2])
        last = block.iterate(start, steps)
        return jnp.concatenate([start, last], axis=-1) @ self.readout

    def _on(self, adjacency: Any, dtype: Any) -> EnergyTransformer:
        """The block on a graph of either form."""
        if is_array(adjacency) and jnp.issubdtype(adjacency.dtype, jnp.integer):
            check_shapes(adjacency=(adjacency, "2 e"))
            return self.block.on_links(adjacency)
        check_mask(adjacency=adjacency)
        check_shapes(adjacency=(adjacency, "... n n"))
        heads = self.block.config.heads
        edges = jnp.broadcast_to(adjacency[..., None], (*adjacency.shape, heads))
        return self.block.on_graph(edges.astype(dtype))


def _check_batch(batch: tuple[int, ...], **graphs: tuple[int, ...]) -> None:
    """Refuse batch axes of graphs that do not go with those of their nodes."""
    for name, own in graphs.items():
        if not fits_into(own, batch):
            raise ValueError(
                f"{name} must have the batch axes of nodes, {batch}, got {own}"
            )


def _normal(key: PRNGKeyArray, shape: tuple[int, ...]) -> Array:
    return jax.random.normal(key, shape) / max(shape[0], 1) ** 0.5


def _sizes(name: str, sizes: object, count: int) -> list[int]:
    values = list(sizes) if isinstance(sizes, tuple | list) else []
    if len(values) != count:
        raise ValueError(f"{name} must be {count} whole numbers, got {sizes!r}")
    for value in values:
        check_whole(**{name: value})
    return values
