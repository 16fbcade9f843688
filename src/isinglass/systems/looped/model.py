"""The looped transformer: one block of attention, iterated (Lam 2026).

    X = embedding + scale · sinusoids,
    Z_0 = 0,   Z_{t+1} = Z_t + F(Z_t + X),   t = 0 … T − 1,

where F is attention, a two-layer perceptron and layer normalisation, the same in every
iteration, and a linear read-out gives logits from Z_T.
"""

from dataclasses import dataclass

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, PRNGKeyArray, Real

from isinglass._common.checks import (
    check_flag,
    check_key,
    check_kind,
    check_positive,
    check_whole,
)
from isinglass._common.precision import single_precision, usual_promotion
from isinglass.attention.features_first import affine, by_head, linear
from isinglass.attention.normalisation import normalise
from isinglass.attention.positions import sinusoids
from isinglass.attention.streamed import RowStatistics
from isinglass.systems.looped.loop import Loop, check_sequences, check_shape

# Where distances have a bias: attention starts at the previous symbol, hardly falling
# beyond.
TO_PREVIOUS, FIRST_RECENCY = 5.0, -2.0


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
        inner_residual: False: F = LN(MLP(A)) with A the attention's output, as the
            paper's text has it; True: F = LN(A + MLP(A)).
        initial_embedding: Standard deviation of the embedding at the start. The paper
            does not say; it matters beside `positional_scale`.
        near: Not in the paper, whose attention knows of places by the sinusoids alone:
            how many of the nearest distances have a learned bias of their own, beside a
            learned power of distance by which attention falls; 0 for none of it. Such a
            model is causal.

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
        check_whole(hidden=self.hidden)
        check_flag(inner_residual=self.inner_residual)
        check_whole(0, near=self.near)
        if self.near == 1 or (self.near and not self.causal):
            raise ValueError(
                "near must be 0, or at least 2 in a causal model, got "
                f"near {self.near} and causal {self.causal}"
            )
        check_positive(initial_embedding=self.initial_embedding)


class LoopedTransformer(Loop):
    """The looped transformer of Lam 2026, §2: one block with T times its depth.

    Weights act from the right, ``x @ query``. With several heads each takes its share
    of the columns; there is no projection after them, since the perceptron follows.

    Attributes:
        embedding: (V, d).
        query, key, value: W_Q, W_K, W_V, (d, d).
        mlp_in, mlp_in_bias: First layer of the perceptron, (d, hidden) and (hidden,);
            then GELU.
        mlp_out, mlp_out_bias: Second layer, (hidden, d) and (d,).
        gain, bias: Of the layer normalisation, (d,).
        readout, readout_bias: (d, V) and (V,).
        near_bias: Bias of attention by distance, (near,), the last for all beyond; None
            without.
        recency: Logarithm of the power of distance by which attention falls; None
            without.
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

    @single_precision()
    def __init__(self, config: LoopedConfig, *, key: PRNGKeyArray) -> None:
        check_kind(LoopedConfig, config=config)
        check_key(key=key)
        symbols, width, hidden = config.vocabulary, config.width, config.hidden
        keys = iter(jax.random.split(key, 7))

        def matrix(rows: int, columns: int) -> Array:
            return jax.random.normal(next(keys), (rows, columns)) / rows**0.5

        self.embedding = (
            config.initial_embedding * symbols**0.5 * matrix(symbols, width)
        )
        self.query, self.key, self.value = (matrix(width, width) for _ in range(3))
        self.mlp_in, self.mlp_in_bias = matrix(width, hidden), jnp.zeros(hidden)
        self.mlp_out, self.mlp_out_bias = matrix(hidden, width), jnp.zeros(width)
        self.gain, self.bias = jnp.ones(width), jnp.zeros(width)
        self.readout, self.readout_bias = matrix(width, symbols), jnp.zeros(symbols)
        near = config.near
        self.near_bias = jnp.zeros(near).at[1].set(TO_PREVIOUS) if near else None
        self.recency = jnp.array(FIRST_RECENCY) if near else None
        self.config = config

    @usual_promotion()
    def embed(
        self,
        tokens: Int[Array, "*batch n"],
        positions: Real[Array, "*#batch n"] | None = None,
    ) -> Float[Array, "*batch n d"]:
        """Return X, which is added to the state in every iteration.

        Raises:
            TypeError: If the tokens are no array of NumPy or JAX.
            ValueError: If there are none, they are no whole numbers, or one is not in
                [0, V).
        """
        config = self.config
        check_sequences(tokens, positions, config.vocabulary)
        where = jnp.arange(tokens.shape[-1]) if positions is None else positions
        waves = sinusoids(where, config.width, config.positional_base)
        waves = waves.astype(self.embedding.dtype)
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
        return self.after_attention(mixed), rows

    def after_attention(self, mixed: Float[Array, "d *n"]) -> Float[Array, "d *n"]:
        """Apply the perceptron and the normalisation to what attention gives."""
        inner = jax.nn.gelu(affine(mixed, self.mlp_in, self.mlp_in_bias))
        out = affine(inner, self.mlp_out, self.mlp_out_bias)
        out = mixed + out if self.config.inner_residual else out
        return normalise(out, self.gain, self.bias, axis=0)

    def _by_distance(self, n: int) -> Float[Array, "n"] | None:
        """Bias of attention by how far back a key lies; None without."""
        if self.near_bias is None or self.recency is None:
            return None
        back = jnp.arange(n, dtype=jnp.int32)
        # The nearest distances have a bias each; all fall as a learned power besides.
        of_near = self.near_bias[jnp.minimum(back, self.config.near - 1)]
        far = jnp.log1p(back.astype(self.recency.dtype))
        return of_near - jnp.exp(self.recency) * far

    def projections(self, hidden: Float[Array, "d *n"]) -> tuple[Array, Array, Array]:
        """Return queries (scaled), keys and values, (d / heads, heads, …, n)."""
        size = self.config.width // self.config.heads
        weights = jnp.concatenate(
            [self.query / size**0.5, self.key, self.value], axis=1
        )
        query, key, value = by_head(linear(hidden, weights), self.config.heads)
        return query, key, value
