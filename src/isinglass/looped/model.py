"""The looped transformer: one block of attention, iterated (Lam 2026).

    X = embedding + scale · sinusoids,   Z_0 = 0,   Z_{t+1} = Z_t + F(Z_t + X),   t = 0 … T − 1,

where F is attention, a two-layer perceptron and layer normalisation, the same in every iteration,
and a linear read-out gives logits from Z_T.
"""

from abc import abstractmethod
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, PRNGKeyArray, Real

from isinglass._checks import check_sizes
from isinglass.looped._layers import (
    affine,
    by_head,
    features_first,
    features_last,
    joined,
    linear,
    normalise,
)
from isinglass.looped.attention import SAVED, RowStatistics, attend_first, attention_rows
from isinglass.looped.penalties import check_streamed_index
from isinglass.looped.positions import sinusoids

# An iteration's state and what attention made of it are kept for the gradient; the rest is
# computed anew, which is faster than to write and read it.
checkpointed = partial(
    jax.checkpoint,
    prevent_cse=False,
    policy=jax.checkpoint_policies.save_only_these_names(*SAVED),
)


# Where distances have a bias: attention starts at the previous symbol, hardly falling beyond.
TO_PREVIOUS, FIRST_RECENCY = 5.0, -2.0


def check_shape(config: Any) -> None:
    """Refuse a configuration of a loop whose sizes or positions make none.

    Raises:
        ValueError: If one is out of range.
    """
    check_sizes(2, vocabulary=config.vocabulary, width=config.width)
    check_sizes(heads=config.heads, hidden=config.hidden, iterations=config.iterations)
    if config.width % 2 or config.width % config.heads:
        raise ValueError(
            f"width must be even and a multiple of heads, got width {config.width} and "
            f"{config.heads} heads"
        )
    if not 0 <= config.positional_scale < float("inf"):
        raise ValueError(
            f"positional_scale must be finite and at least 0, got {config.positional_scale}"
        )
    if not 1 < config.positional_base < float("inf"):
        raise ValueError(
            f"positional_base must be finite and more than 1, got {config.positional_base}"
        )


@dataclass(frozen=True)
class LoopedConfig:
    """Shape of a `LoopedTransformer`; the defaults are the paper's where it says.

    Attributes:
        vocabulary: Number of symbols V, at least 2. The paper does not say.
        width: d, a multiple of `heads` and even.
        heads: Heads of attention.
        hidden: Width of the perceptron's hidden layer. The paper does not say.
        iterations: T, how often the block is applied.
        positional_scale: Factor before the sinusoids.
        positional_base: Their frequencies are base^(−2k/d).
        causal: Whether a position sees only itself and what comes before.
        inner_residual: False: F = LN(MLP(A)) with A the attention's output, as the paper's text
            has it; True: F = LN(A + MLP(A)).
        initial_embedding: Standard deviation of the embedding at the start. The paper does not
            say; it matters beside `positional_scale`.
        near: Not in the paper, whose attention knows of places by the sinusoids alone: how many
            of the nearest distances have a learned bias of their own, beside a learned power of
            distance by which attention falls; 0 for none of it. Such a model is causal.

    Raises:
        ValueError: If a value is out of range.
    """

    vocabulary: int = 4
    width: int = 8
    heads: int = 1
    hidden: int = 16
    iterations: int = 25
    positional_scale: float = 0.15
    positional_base: float = 10_000.0
    causal: bool = True
    inner_residual: bool = False
    initial_embedding: float = 1.0
    near: int = 0

    def __post_init__(self) -> None:
        check_shape(self)
        check_sizes(0, near=self.near)
        if self.near == 1 or (self.near and not self.causal):
            raise ValueError(
                "near must be 0, or at least 2 in a causal model, got "
                f"near {self.near} and causal {self.causal}"
            )
        if not (0 < self.initial_embedding < float("inf")):
            raise ValueError(
                f"initial_embedding must be finite and positive, got {self.initial_embedding}"
            )


class LoopTrajectory(NamedTuple):
    """All states of a loop and what its attention did.

    Attributes:
        states: Z_0 … Z_T, (T + 1, …, n, d); Z_0 = 0.
        rows: Attention p of iterations 1 … T, (T, heads, …, n, n); 0 where it must not look.
    """

    states: Float[Array, "T1 *batch n d"]
    rows: Float[Array, "T h *batch n n"]


class LoopEnergies(NamedTuple):
    """Means over the iterations (and heads) of what the penalties are made of, by position.

    Attributes:
        kinetic: ½|Z_t − Z_{t−1}|², (…, n) (Eq. 3).
        potential: min_j(−log p_tj), nats, (…, n) (Eq. 4).
        entropy: Tsallis entropy S_q(p_t), (…, n) (Eq. 5).
    """

    kinetic: Float[Array, "*batch n"]
    potential: Float[Array, "*batch n"]
    entropy: Float[Array, "*batch n"]


class Loop(eqx.Module):
    """What loops have in common: states from 0 on, a linear read-out, and a record of all of it.

    Attributes:
        readout, readout_bias: (d, V) and (V,).
        config: Shape, with the number of `iterations`.
    """

    readout: eqx.AbstractVar[Array]
    readout_bias: eqx.AbstractVar[Array]
    config: eqx.AbstractVar[Any]

    @abstractmethod
    def embed(
        self, tokens: Int[Array, "*batch n"], positions: Real[Array, "*#batch n"] | None = None
    ) -> Float[Array, "*batch n d"]:
        """X, what every iteration is given."""

    @abstractmethod
    def _projections(self, hidden: Float[Array, "d *n"]) -> tuple[Array, Array, Array]:
        """Queries (scaled), keys and values, (d / heads, heads, …, n)."""

    @abstractmethod
    def _block(
        self, hidden: Float[Array, "d *n"], q: float | None
    ) -> tuple[Float[Array, "d *n"], RowStatistics]:
        """`block` with features first, and statistics of its attention as means over the heads."""

    @abstractmethod
    def _iterate(
        self, state: Float[Array, "d *n"], inputs: Float[Array, "d *n"], q: float | None
    ) -> tuple[Float[Array, "d *n"], Float[Array, "d *n"], RowStatistics]:
        """`step` with features first, how far it goes, and statistics of the attention."""

    def _by_distance(self, n: int) -> Float[Array, "n"] | None:
        """Bias of attention by how far back a key lies; None without."""
        return None

    def attention(self, hidden: Float[Array, "*batch n d"]) -> Float[Array, "h *batch n n"]:
        """Rows of attention at a state with its inputs added, by head."""
        query, key, _ = map(features_last, self._projections(features_first(hidden)))
        bias = self._by_distance(hidden.shape[-2])
        return attention_rows(query, key, causal=self.config.causal, bias=bias)

    def _attend(
        self, hidden: Float[Array, "d *n"], q: float | None
    ) -> tuple[Float[Array, "d *n"], RowStatistics]:
        """What the heads make of a state, and statistics of their rows as means over them."""
        bias = self._by_distance(hidden.shape[-1])
        heads = self._projections(hidden)
        mixed, rows = attend_first(*heads, causal=self.config.causal, q=q, bias=bias)
        return joined(mixed), RowStatistics(*(x.mean(0) for x in rows))

    def step(
        self, state: Float[Array, "*batch n d"], inputs: Float[Array, "*batch n d"]
    ) -> Float[Array, "*batch n d"]:
        """The next state."""
        after, *_ = self._iterate(features_first(state), features_first(inputs), None)
        return features_last(after)

    def block(self, hidden: Float[Array, "*batch n d"]) -> Float[Array, "*batch n d"]:
        """What is iterated, at a state with its inputs added."""
        return features_last(self._block(features_first(hidden), None)[0])

    def __call__(
        self,
        tokens: Int[Array, "*batch n"],
        positions: Real[Array, "*#batch n"] | None = None,
        iterations: int | None = None,
    ) -> Float[Array, "*batch n V"]:
        """Logits at every position.

        Args:
            tokens: Symbols, 0 to V − 1, of one sequence or of many.
            positions: Where each stands; None for 0, 1, 2, ….
            iterations: How often to apply the block; None for the configured T.

        Raises:
            ValueError: If `iterations` is less than 1.
        """
        inputs = features_first(self.embed(tokens, positions))

        @checkpointed
        def body(state: Array, _: None) -> tuple[Array, None]:
            return self._iterate(state, inputs, None)[0], None

        first, count = jnp.zeros_like(inputs), self._count(iterations)
        return self.decode(features_last(jax.lax.scan(body, first, None, length=count)[0]))

    def energies(
        self,
        tokens: Int[Array, "*batch n"],
        positions: Real[Array, "*#batch n"] | None = None,
        iterations: int | None = None,
        q: float | None = 1.5,
    ) -> tuple[Float[Array, "*batch n d"], LoopEnergies]:
        """The last state and what the penalties need, without keeping a row: the way to train.

        Memory for the gradient is O(n) an iteration. Many sequences are best given at once, which
        on CPUs is faster than `jax.vmap`.

        Args:
            tokens: Symbols, 0 to V − 1, of one sequence or of many.
            positions: Where each stands; None for 0, 1, 2, ….
            iterations: How often to apply the block; None for the configured T.
            q: Tsallis index, positive and not within 0.001 of 1; None to leave the entropy out (it
                is 0 then).

        Raises:
            ValueError: If `iterations` is less than 1, or q is not positive or too near to 1.
        """
        if q is not None:
            check_streamed_index(q)
        inputs = features_first(self.embed(tokens, positions))

        @checkpointed
        def body(state: Array, _: None) -> tuple[Array, tuple[Array, Array, Array]]:
            after, change, rows = self._iterate(state, inputs, q)
            return after, (0.5 * (change**2).sum(0), rows.surprise, rows.power)

        first, count = jnp.zeros_like(inputs), self._count(iterations)
        final, seen = jax.lax.scan(body, first, None, length=count)
        kinetic, surprise, power = (each.mean(0) for each in seen)
        entropy = jnp.zeros_like(power) if q is None else (1 - power) / (q - 1)
        return features_last(final), LoopEnergies(kinetic, surprise, entropy)

    def decode(self, state: Float[Array, "*n d"]) -> Float[Array, "*n V"]:
        """Logits of a state."""
        return state @ self.readout + self.readout_bias

    def run(
        self,
        tokens: Int[Array, "*batch n"],
        positions: Real[Array, "*#batch n"] | None = None,
        iterations: int | None = None,
    ) -> LoopTrajectory:
        """Every state and every row of attention: T · heads · n² numbers."""
        inputs = self.embed(tokens, positions)

        def iterate(state: Array, _: None) -> tuple[Array, tuple[Array, Array]]:
            after = self.step(state, inputs)
            return after, (after, self.attention(state + inputs))

        first = jnp.zeros_like(inputs)
        _, (states, rows) = jax.lax.scan(iterate, first, None, length=self._count(iterations))
        return LoopTrajectory(jnp.concatenate([first[None], states]), rows)

    def _count(self, iterations: int | None) -> int:
        count = self.config.iterations if iterations is None else iterations
        if count < 1:
            raise ValueError(f"iterations must be at least 1, got {count}")
        return count


class LoopedTransformer(Loop):
    """The looped transformer.

    Weights act from the right, ``x @ query``. With several heads each takes its share of the
    columns; there is no projection after them, since the perceptron follows.

    Attributes:
        embedding: (V, d).
        query, key, value: W_Q, W_K, W_V, (d, d).
        mlp_in, mlp_in_bias: First layer of the perceptron, (d, hidden) and (hidden,); then GELU.
        mlp_out, mlp_out_bias: Second layer, (hidden, d) and (d,).
        gain, bias: Of the layer normalisation, (d,).
        readout, readout_bias: (d, V) and (V,).
        near_bias: Bias of attention by distance, (near,), the last for all beyond; None without.
        recency: Logarithm of the power of distance by which attention falls; None without.
        config: Its `LoopedConfig`.
    """

    embedding: Float[Array, "V d"]
    query: Float[Array, "d d"]
    key: Float[Array, "d d"]
    value: Float[Array, "d d"]
    mlp_in: Float[Array, "d m"]
    mlp_in_bias: Float[Array, "m"]
    mlp_out: Float[Array, "m d"]
    mlp_out_bias: Float[Array, "d"]
    gain: Float[Array, "d"]
    bias: Float[Array, "d"]
    readout: Float[Array, "d V"]
    readout_bias: Float[Array, "V"]
    near_bias: Float[Array, "near"] | None
    recency: Float[Array, ""] | None
    config: LoopedConfig = eqx.field(static=True)

    def __init__(self, config: LoopedConfig, *, key: PRNGKeyArray) -> None:
        symbols, width, hidden = config.vocabulary, config.width, config.hidden
        keys = iter(jax.random.split(key, 7))

        def matrix(rows: int, columns: int) -> Array:
            return jax.random.normal(next(keys), (rows, columns)) / rows**0.5

        self.embedding = config.initial_embedding * symbols**0.5 * matrix(symbols, width)
        self.query, self.key, self.value = (matrix(width, width) for _ in range(3))
        self.mlp_in, self.mlp_in_bias = matrix(width, hidden), jnp.zeros(hidden)
        self.mlp_out, self.mlp_out_bias = matrix(hidden, width), jnp.zeros(width)
        self.gain, self.bias = jnp.ones(width), jnp.zeros(width)
        self.readout, self.readout_bias = matrix(width, symbols), jnp.zeros(symbols)
        near = config.near
        self.near_bias = jnp.zeros(near).at[1].set(TO_PREVIOUS) if near else None
        self.recency = jnp.array(FIRST_RECENCY) if near else None
        self.config = config

    def embed(
        self, tokens: Int[Array, "*batch n"], positions: Real[Array, "*#batch n"] | None = None
    ) -> Float[Array, "*batch n d"]:
        """X, what every iteration is given."""
        config = self.config
        where = jnp.arange(tokens.shape[-1]) if positions is None else positions
        waves = sinusoids(where, config.width, config.positional_base)
        return self.embedding[tokens] + config.positional_scale * waves

    def _iterate(
        self, state: Float[Array, "d *n"], inputs: Float[Array, "d *n"], q: float | None
    ) -> tuple[Float[Array, "d *n"], Float[Array, "d *n"], RowStatistics]:
        """Z_{t+1} = Z_t + F(Z_t + X)."""
        change, rows = self._block(state + inputs, q)
        return state + change, change, rows

    def _block(
        self, hidden: Float[Array, "d *n"], q: float | None
    ) -> tuple[Float[Array, "d *n"], RowStatistics]:
        """F(H)."""
        mixed, rows = self._attend(hidden, q)
        return self._digest(mixed), rows

    def _digest(self, mixed: Float[Array, "d *n"]) -> Float[Array, "d *n"]:
        """What follows attention: the perceptron and the layer normalisation."""
        inner = jax.nn.gelu(affine(mixed, self.mlp_in, self.mlp_in_bias))
        out = affine(inner, self.mlp_out, self.mlp_out_bias)
        out = mixed + out if self.config.inner_residual else out
        return normalise(out, self.gain, self.bias)

    def _by_distance(self, n: int) -> Float[Array, "n"] | None:
        """Bias of attention by how far back a key lies; None without."""
        if self.near_bias is None or self.recency is None:
            return None
        back = jnp.arange(n)
        of_near = self.near_bias[jnp.minimum(back, self.config.near - 1)]
        return of_near - jnp.exp(self.recency) * jnp.log1p(back)

    def _projections(self, hidden: Float[Array, "d *n"]) -> tuple[Array, Array, Array]:
        """Queries (scaled), keys and values, (d / heads, heads, …, n)."""
        size = self.config.width // self.config.heads
        weights = jnp.concatenate([self.query / size**0.5, self.key, self.value], axis=1)
        query, key, value = by_head(linear(hidden, weights), self.config.heads)
        return query, key, value
