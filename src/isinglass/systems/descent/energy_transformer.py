"""The Energy Transformer: attention and a Hopfield memory, one energy (Hoover 2023).

With g = ∂L/∂x a layer norm of one scalar gain (`EnergyNorm`), a block has the energy

    E(g) = −Σ_h β_h⁻¹ Σ_i log Σ_j exp(β_h ⟨W^Q_h g_i, W^K_h g_j⟩) − ½ Σ_i |relu(g_i Ξ)|²

and takes T steps x ← x + α f of the force f = −∂E/∂g, with the same weights. In the
force a token acts as a query and as a key of others,

    f = Σ_h (A_h K_h W^Q_h + A_hᵀ Q_h W^K_h) + relu(gΞ) Ξᵀ,      A_h = softmax(β Q Kᵀ),

and the second term is what ordinary attention lacks. Descent: dE/dt = −Σ_i f_iᵀ
(∂g_i/∂x_i) f_i ≤ 0, since the norm's gain is positive.

Sources: Hoover et al. 2023, arXiv 2302.07253; its programs for pictures and graphs.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, PRNGKeyArray

from isinglass._common.checks import (
    check_finite,
    check_flag,
    check_key,
    check_kind,
    check_positive,
    check_real,
    check_shapes,
    check_whole,
)
from isinglass._common.precision import single_precision, usual_promotion
from isinglass.energy.block import EnergyBlock, check_state_of_block
from isinglass.systems.descent.links import (
    at_ends,
    check_ends,
    checked_links,
    link_scores,
    link_softmax,
    sum_to,
)
from isinglass.systems.descent.norm import EnergyNorm


@dataclass(frozen=True)
class EnergyTransformerConfig:
    """Shape of an `EnergyTransformer`; the defaults are the published image model's.

    Attributes:
        width: D.
        heads: H.
        head_width: Y, of queries and keys; β = 1/√Y at the start.
        memories: M, the number of learned patterns.
        step_size: α > 0.
        own_key: Whether a token is a key of itself, as in the program; the paper sums
            over j ≠ i.
        leak: Whether the norm's own energy Σ(⟨x, g⟩ − L) is part of it. Then ẋ = −x +
            f, and x converges; without, only g does and x grows (as published).
        mixed_heads: Whether scores are mixed over heads by a trained matrix before the
            softmax, as in the program for graphs.

    Raises:
        ValueError: If a value is out of range.
        TypeError: If a choice is neither True nor False.
    """

    width: int = 768
    heads: int = 12
    head_width: int = 64
    memories: int = 3072
    step_size: float = 0.1
    own_key: bool = True
    leak: bool = False
    mixed_heads: bool = False

    def __post_init__(self) -> None:
        check_whole(2, width=self.width)
        check_whole(heads=self.heads, head_width=self.head_width)
        check_whole(memories=self.memories)
        check_positive(step_size=self.step_size)
        check_flag(own_key=self.own_key, leak=self.leak, mixed_heads=self.mixed_heads)


class EnergyTransformer(EnergyBlock):
    """The block of the Energy Transformer, on tokens (…, n, D); no autodiff inside.

    There is no value, output or position: encode, `iterate`, decode. ``block(x, T)`` is
    `iterate`.

    Attributes:
        norm: g, with γ and δ.
        query, key: W^Q and W^K, (H, Y, D).
        memories: Ξ, (D, M).
        inverse_temperature: β_h, (H,), positive.
        mixing: How much of each head's scores goes into another's, (H, H), from rows to
            columns; None for none.
        step_size: α, ().
        edges: Of a graph that it is put on by `on_graph`: (…, n, n, H), 0 for none.
        links: Of a graph that it is put on by `on_links`: (2, E).
        config: Its `EnergyTransformerConfig`.

    Args:
        config: The shape; the published one if None.
        key: Key of the weights: N(0, 0.002²) for queries and keys, N(0, 0.02²) for Ξ,
            as published. At these, attention is some 500 times weaker than memories.
    """

    norm: EnergyNorm
    query: Float[Array, "h y d"]
    key: Float[Array, "h y d"]
    memories: Float[Array, "d m"]
    inverse_temperature: Float[Array, "h"]
    mixing: Float[Array, "h h"] | None
    step_size: Float[Array, ""]
    edges: Float[Array, "*batch n n h"] | None
    links: Int[Array, "two e"] | None
    config: EnergyTransformerConfig = eqx.field(static=True)
    positive: ClassVar[tuple[str, ...]] = ("inverse_temperature", "step_size")

    @single_precision()
    def __init__(
        self, config: EnergyTransformerConfig | None = None, *, key: PRNGKeyArray
    ) -> None:
        shape = EnergyTransformerConfig() if config is None else config
        check_kind(EnergyTransformerConfig, config=shape)
        check_key(key=key)
        keys = jax.random.split(key, 3)
        size = (shape.heads, shape.head_width, shape.width)
        self.norm = EnergyNorm(1.0, jnp.zeros(shape.width))
        self.query, self.key = (0.002 * jax.random.normal(k, size) for k in keys[:2])
        self.memories = 0.02 * jax.random.normal(keys[2], (shape.width, shape.memories))
        self.inverse_temperature = jnp.full(shape.heads, shape.head_width**-0.5)
        self.mixing = jnp.eye(shape.heads) if shape.mixed_heads else None
        self.step_size = jnp.asarray(shape.step_size)
        self.edges, self.links = None, None
        self.config = shape

    def on_graph(
        self, edges: Float[Array | np.ndarray, "*batch n n h"]
    ) -> "EnergyTransformer":
        """Return the block on a graph: the score of i and j is weighed by w_ijh.

        Args:
            edges: w, the query first, (…, n, n, H); 0 where there is no edge: j is no
                key of i then. A node without any has no energy of attention. Weights
                are those of pairs as they stand: a self loop is in only if w_ii ≠ 0.

        Raises:
            TypeError: If it is no array.
            ValueError: If it is not real, finite and of that shape.
        """
        check_real(edges=edges)
        check_shapes(edges=(edges, f"... n n {self.config.heads}"))
        check_finite(edges=edges)
        return self._on(jnp.asarray(edges), None)

    def on_links(self, links: Int[Array | np.ndarray, "two e"]) -> "EnergyTransformer":
        """Return the block on a graph as a list of links, all of weight 1: O(E).

        Its energy is that of `on_graph` with w = 1 at these pairs, in memory of links
        and not of pairs; `attention` then gives a row of links.

        Args:
            links: Numbers of nodes, the query's above the key's, (2, E), the same for
                all members of a batch; both directions of an undirected one. A pair of
                −1 is none, with which graphs of fewer links are filled up. One that
                stands twice is twice in the sum of exponentials.

        Raises:
            TypeError: If it is no array.
            ValueError: If it is not of that shape, or holds no whole numbers.
        """
        return self._on(None, checked_links(links))

    def _on(self, edges: Any, links: Any) -> "EnergyTransformer":
        return eqx.tree_at(
            lambda b: (b.edges, b.links),
            self,
            (edges, links),
            is_leaf=lambda leaf: leaf is None,
        )

    def __call__(
        self, state: Float[Array, "*batch n d"], steps: int = 12
    ) -> Float[Array, "*batch n d"]:
        """Return the tokens after T steps; the published model takes 12."""
        return self.iterate(state, steps)

    @usual_promotion()
    def energy(self, state: Float[Array, "*batch n d"]) -> Float[Array, "*batch"]:
        """Return E(g(x)), and with a leak Σ(⟨x, g⟩ − L) besides, (…)."""
        check_state_of_block(state, self.config.width)
        activity = self.norm(state)
        coupling = self.attention_energy(activity) + self.memory_energy(activity)
        if not self.config.leak:
            return coupling
        own = (state * activity).sum(-1) - self.norm.lagrangian(state)
        return coupling + own.sum(-1)

    @usual_promotion()
    def force(self, state: Float[Array, "*batch n d"]) -> Float[Array, "*batch n d"]:
        """Return f = −∂E/∂g, or f − x with a leak: what a step follows.

        It is no gradient by x, which is (∂g/∂x) times it: both descend.
        """
        check_state_of_block(state, self.config.width)
        force = self.force_of(self.norm(state))
        return force - state if self.config.leak else force

    @usual_promotion()
    def force_of(
        self, activity: Float[Array, "*batch n d"]
    ) -> Float[Array, "*batch n d"]:
        """Return −∂E/∂g at a g."""
        return self.attention_force(activity) + self.memory_force(activity)

    @usual_promotion()
    def memory_energy(
        self, activity: Float[Array, "*batch n d"]
    ) -> Float[Array, "*batch"]:
        """Return −½ Σ_i |relu(g_i Ξ)|², which is concave in g."""
        _check_activity(activity, self.config.width)
        hidden = jax.nn.relu(activity @ self.memories)
        return -0.5 * (hidden**2).sum((-2, -1))

    @usual_promotion()
    def memory_force(
        self, activity: Float[Array, "*batch n d"]
    ) -> Float[Array, "*batch n d"]:
        """Return relu(gΞ) Ξᵀ."""
        _check_activity(activity, self.config.width)
        return jax.nn.relu(activity @ self.memories) @ self.memories.T

    @usual_promotion()
    def attention_energy(
        self, activity: Float[Array, "*batch n d"]
    ) -> Float[Array, "*batch"]:
        """Return −Σ_h β_h⁻¹ Σ_i log Σ_j exp(score_hij); a row without a key adds 0."""
        scores = self._scores(*self._heads(activity))
        if self.links is not None:
            free = link_softmax(scores, self.links, activity.shape[-2])[1]
        else:
            free = jax.nn.logsumexp(scores, axis=-1)
            free = jnp.where(jnp.isneginf(free), 0, free)
        return -(free.sum(-1) / self.inverse_temperature).sum(-1)

    @usual_promotion()
    def attention_force(
        self, activity: Float[Array, "*batch n d"]
    ) -> Float[Array, "*batch n d"]:
        """Return Σ_h (A_h K_h W^Q_h + A_hᵀ Q_h W^K_h)."""
        queries, keys = self._heads(activity)
        nodes = activity.shape[-2]
        rows = self._couplings(self._softmax(self._scores(queries, keys), nodes))
        if self.links is not None:
            (source, target), rows = self.links, rows[..., None]
            by_query = sum_to(rows * at_ends(keys, target), source, nodes)
            by_key = sum_to(rows * at_ends(queries, source), target, nodes)
        else:
            by_query = jnp.einsum("...hij,...hjy->...hiy", rows, keys)
            by_key = jnp.einsum("...hij,...hiy->...hjy", rows, queries)
        return jnp.einsum("...hny,hyd->...nd", by_query, self.query) + jnp.einsum(
            "...hny,hyd->...nd", by_key, self.key
        )

    @usual_promotion()
    def attention(self, state: Float[Array, "*batch n d"]) -> Array:
        """Return the rows A of attention at a state, (…, H, n, n), or (…, H, E)."""
        check_state_of_block(state, self.config.width)
        scores = self._scores(*self._heads(self.norm(state)))
        return self._softmax(scores, state.shape[-2])

    def _heads(self, activity: Array) -> tuple[Array, Array]:
        """Queries and keys, (…, H, n, Y)."""
        _check_activity(activity, self.config.width)
        queries, keys = (
            jnp.einsum("...nd,hyd->...hny", activity, weights)
            for weights in (self.query, self.key)
        )
        return queries, keys

    def _scores(self, queries: Array, keys: Array) -> Array:
        """What is in the exponent, −∞ of no key, (…, H, n, n) or (…, H, E)."""
        beta = self.inverse_temperature[:, None, None]
        if self.links is not None:
            return self._link_scores(beta * queries, keys)
        scores = jnp.einsum("...hiy,...hjy->...hij", beta * queries, keys)
        if self.mixing is not None:
            scores = jnp.einsum("...gij,gh->...hij", scores, self.mixing)
        if self.edges is not None:
            weights = jnp.moveaxis(self.edges, -1, -3)
            if weights.shape[-1] != scores.shape[-1]:
                raise ValueError(
                    f"state must have as many tokens as edges has nodes, "
                    f"{weights.shape[-1]}, got {scores.shape[-1]}"
                )
            scores = jnp.where(weights == 0, -jnp.inf, scores * weights)
        if not self.config.own_key:
            own = jnp.eye(scores.shape[-1], dtype=bool)
            scores = jnp.where(own, -jnp.inf, scores)
        return scores

    def _link_scores(self, queries: Array, keys: Array) -> Array:
        links = self.links
        assert links is not None
        check_ends(links, keys.shape[-2])
        scores = link_scores(queries, keys, links)
        if self.mixing is not None:
            scores = jnp.einsum("...ge,gh->...he", scores, self.mixing)
        is_none = (links < 0).any(0)
        if not self.config.own_key:
            is_none |= links[0] == links[1]
        return jnp.where(is_none, -jnp.inf, scores)

    def _softmax(self, scores: Array, nodes: int) -> Array:
        """The rows A."""
        if self.links is None:
            return _softmax(scores)
        return link_softmax(scores, self.links, nodes)[0]

    def _couplings(self, rows: Array) -> Array:
        """−∂E/∂⟨Q_i, K_j⟩ of each head: A, or what mixing and edges make of it."""
        if self.mixing is None and self.edges is None:
            return rows
        beta = self.inverse_temperature.reshape(
            -1, *[1] * (1 if self.links is not None else 2)
        )
        rows = rows / beta
        if self.edges is not None:
            rows = rows * jnp.moveaxis(self.edges, -1, -3)
        if self.mixing is not None:
            pairs = "e" if self.links is not None else "ij"
            rows = jnp.einsum(f"...h{pairs},gh->...g{pairs}", rows, self.mixing)
        return rows * beta


def activity_map(block: EnergyTransformer) -> Callable[[Any, Any], Any]:
    """Make a map g → g' of an `EnergyTransformer`, for `isinglass.dynamics`.

    Without a leak x has no fixed point (it grows for ever, and the steps of g shorten),
    but g has some: those where the force on a token is along its c. They are the fixed
    points of this map, which takes of all x with that g the one of unit variance, steps
    by α f, and norms again.

    Args:
        block: The block; its α is the map's step.

    Raises:
        TypeError: If it is no `EnergyTransformer`.
    """
    check_kind(EnergyTransformer, block=block)

    @usual_promotion()
    def step(activity: Any, parameters: Any) -> Any:
        check_kind(Mapping, parameters=parameters)
        _check_activity(activity, block.config.width)
        moved = block.replaced(**parameters) if parameters else block
        centred = (activity - moved.norm.shift) / moved.norm.gain
        after = centred + moved.step_size * moved.force_of(activity)
        return moved.norm(after).astype(activity.dtype)

    return step


@usual_promotion()
def attention_bound(block: EnergyTransformer, tokens: int) -> Float[Array, ""]:
    """Compute a number that E_att of N tokens is never below, for δ = 0.

    From |g| ≤ γ√D: E_att ≥ −Σ_h N (γ² D ‖W^Q_hᵀ W^K_h‖₂ + β_h⁻¹ log N).

    Args:
        block: A block on no graph, its heads not mixed.
        tokens: N, at least 1.

    Raises:
        TypeError: If it is no `EnergyTransformer`.
        ValueError: If N is less than 1, or the block has edges or mixes its heads.
    """
    check_kind(EnergyTransformer, block=block)
    check_whole(tokens=tokens)
    if not (block.edges is block.links is block.mixing is None):
        raise ValueError("block must have no edges and no mixing of heads")
    products = jnp.einsum("hyd,hye->hde", block.query, block.key)
    strongest = jnp.linalg.norm(products, 2, axis=(1, 2))
    radius = block.norm.gain**2 * block.config.width
    chance = jnp.log(tokens) / block.inverse_temperature
    return -tokens * (radius * strongest + chance).sum()


@usual_promotion()
def memory_bound(block: EnergyTransformer, tokens: int) -> Float[Array, ""]:
    """Compute −½ N γ² D ‖Ξ‖₂², which E_hop of N tokens is never below, for δ = 0.

    Raises:
        TypeError: If it is no `EnergyTransformer`.
        ValueError: If N is less than 1.
    """
    check_kind(EnergyTransformer, block=block)
    check_whole(tokens=tokens)
    radius = block.norm.gain**2 * block.config.width
    return -0.5 * tokens * radius * jnp.linalg.norm(block.memories, 2) ** 2


def _check_activity(activity: Any, width: int) -> None:
    check_real(activity=activity)
    check_shapes(activity=(activity, f"... n {width}"))


def _softmax(scores: Array) -> Array:
    """Rows that sum to 1, or to 0 where there is no key."""
    top = scores.max(-1, keepdims=True)
    weights = jnp.exp(scores - jnp.where(jnp.isneginf(top), 0, top))
    total = weights.sum(-1, keepdims=True)
    return weights / jnp.where(total == 0, 1, total)
