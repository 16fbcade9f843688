"""GPT-2: embeddings, layers of causal attention and perceptron, tied read-out.

    x_0 = E[tokens] + P,   h = x_t + attention(LN(x_t)),
    x_{t+1} = h + perceptron(LN(h)),   logits = LN(x_L) Eᵀ

Source: Radford et al. 2019, "Language Models are Unsupervised Multitask Learners". The
layer normalisation comes before each part, GELU is its tanh form, and there are biases
everywhere.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Literal, NamedTuple, get_args

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Integer, PRNGKeyArray

from isinglass._common.checks import (
    check_choice,
    check_flag,
    check_in,
    check_key,
    check_kind,
    check_positive,
    check_real,
    check_shapes,
    check_whole,
)
from isinglass._common.precision import single_precision, usual_promotion
from isinglass.attention.causal import Implementation, causal_attention
from isinglass.attention.normalisation import Normalisation
from isinglass.data.tokens import check_tokens
from isinglass.training.cross_entropy import DTYPES, Dtype

SPREAD = 0.02  # of all weights at the start, as in GPT-2
WIDE = 256  # features from which on it pays to unroll layers
Attention = Literal["auto", "blocks", "cudnn"]
ATTENTIONS: tuple[Attention, ...] = get_args(Attention)


@dataclass(frozen=True)
class TransformerConfig:
    """Shape of a `Transformer`; the defaults are GPT-2 small.

    Attributes:
        vocabulary: Number of tokens V.
        context: Most positions n.
        width: d, a multiple of `heads`.
        heads: Heads of attention in each layer.
        layers: Number of layers L.
        hidden: Width of the perceptron's hidden layer; None for 4 d.
        dropout: Share of the embeddings, and of what each part adds, that is dropped in
            training. Rows of attention are never dropped, since they are never kept.
        epsilon: Added to variances before a layer normalisation divides by their roots.

    Raises:
        ValueError: If a value is out of range.
    """

    vocabulary: int = 50_257
    context: int = 1_024
    width: int = 768
    heads: int = 12
    layers: int = 12
    hidden: int | None = None
    dropout: float = 0.0
    epsilon: float = 1e-5

    def __post_init__(self) -> None:
        check_whole(2, vocabulary=self.vocabulary)
        check_whole(context=self.context, width=self.width, heads=self.heads)
        check_whole(layers=self.layers)
        if self.hidden is not None:
            check_whole(hidden=self.hidden)
        if self.width % self.heads:
            raise ValueError(
                f"width must be a multiple of heads, got width {self.width} and "
                f"{self.heads} heads"
            )
        check_in("[0, 1)", dropout=self.dropout)
        check_positive(epsilon=self.epsilon)

    @property
    def inner(self) -> int:
        """Width of the perceptron's hidden layer, as a number."""
        return 4 * self.width if self.hidden is None else self.hidden


@dataclass(frozen=True)
class Execution:
    """How a model is computed, which changes what comes out by rounding only.

    Attributes:
        dtype: "float32", or "bfloat16" for the products and what lies between layers.
            Parameters, layer normalisations, softmax, logits and loss are float32 all
            the same.
        checkpoint: Whether layers are computed anew for the gradient instead of kept: a
            third more work, and one (n, d) array a layer instead of about twenty.
        attention: "blocks", which runs anywhere; "cudnn", NVIDIA's kernel for 16-bit
            numbers; or "auto", cuDNN where that runs and blocks elsewhere.
        unroll: Whether a program has all layers one after the other instead of a loop
            over them, which reads and stacks their parameters and activations: faster
            on a CPU, and longer to compile. None for what fits: where a model of at
            least 256 features is trained on a CPU.

    Raises:
        ValueError: If a value is unknown, or cuDNN is asked for in float32.
    """

    dtype: Dtype = "float32"
    checkpoint: bool = False
    attention: Attention = "auto"
    unroll: bool | None = None

    def __post_init__(self) -> None:
        check_choice(DTYPES, dtype=self.dtype)
        check_choice(ATTENTIONS, attention=self.attention)
        check_flag(checkpoint=self.checkpoint)
        if self.unroll is not None:
            check_flag(unroll=self.unroll)
        if self.attention == "cudnn" and self.dtype == "float32":
            raise ValueError('attention "cudnn" needs dtype "bfloat16", got "float32"')

    def attention_for(self, config: TransformerConfig) -> Implementation:
        """Say which attention that is on the default device."""
        if self.attention != "auto":
            return self.attention
        size = config.width // config.heads
        fits = self.dtype == "bfloat16" and size % 8 == 0 and size <= 128
        return "cudnn" if fits and jax.default_backend() == "gpu" else "blocks"

    def for_training(self, config: TransformerConfig) -> Execution:
        """Say which that is where a model is trained on the default device."""
        if self.unroll is not None:
            return self
        pays = config.width >= WIDE and jax.default_backend() == "cpu"
        return replace(self, unroll=pays)


SINGLE = Execution()


class Pass(NamedTuple):
    """All that a model makes of a sequence, or of several along an axis b.

    Attributes:
        logits: (n, V) or (b, n, V).
        stream: Activations x_0 (the embedding), x_1, …, x_L after each layer, (L + 1,
            n, d) or (L + 1, b, n, d).
        final: LN(x_L), of which the logits are made, (n, d) or (b, n, d).
    """

    logits: Float[Array, "*batch n V"]
    stream: Float[Array, "layers *batch n d"]
    final: Float[Array, "*batch n d"]


class Block(eqx.Module):
    """One layer; in a `Transformer` all layers are stacked along a leading axis.

    Attributes:
        before_attention, before_mlp: Layer normalisations.
        attention_in, attention_in_bias: W_Q, W_K, W_V side by side, (d, 3 d) and (3
            d,).
        attention_out, attention_out_bias: Projection after the heads, (d, d) and (d,).
        mlp_in, mlp_in_bias: First layer of the perceptron, (d, hidden) and (hidden,);
            then GELU.
        mlp_out, mlp_out_bias: Second layer, (hidden, d) and (d,).
    """

    before_attention: Normalisation
    attention_in: Float[Array, "d 3*d"]
    attention_in_bias: Float[Array, "3*d"]
    attention_out: Float[Array, "d d"]
    attention_out_bias: Float[Array, "d"]
    before_mlp: Normalisation
    mlp_in: Float[Array, "d m"]
    mlp_in_bias: Float[Array, "m"]
    mlp_out: Float[Array, "m d"]
    mlp_out_bias: Float[Array, "d"]

    @single_precision()
    def __init__(self, config: TransformerConfig, *, key: PRNGKeyArray) -> None:
        width, inner = config.width, config.inner
        keys = iter(jax.random.split(key, 4))
        onto_stream = SPREAD / (2 * config.layers) ** 0.5  # 2 L parts add to it

        def matrix(rows: int, columns: int, spread: float) -> Array:
            return spread * jax.random.normal(next(keys), (rows, columns))

        self.before_attention = Normalisation(width, config.epsilon)
        self.attention_in = matrix(width, 3 * width, SPREAD)
        self.attention_in_bias = jnp.zeros(3 * width)
        self.attention_out = matrix(width, width, onto_stream)
        self.attention_out_bias = jnp.zeros(width)
        self.before_mlp = Normalisation(width, config.epsilon)
        self.mlp_in, self.mlp_in_bias = matrix(width, inner, SPREAD), jnp.zeros(inner)
        self.mlp_out, self.mlp_out_bias = (
            matrix(inner, width, onto_stream),
            jnp.zeros(width),
        )


class Transformer(eqx.Module):
    """GPT-2, for one sequence or for several of one length.

    Positions of several are the rows of one product, which on a CPU is faster than
    `jax.vmap` over sequences.

    Attributes:
        embedding: E, of tokens and, turned, the read-out, (V, d).
        positions: P, (context, d).
        blocks: The layers, stacked.
        after: The layer normalisation before the read-out.
        config: Its `TransformerConfig`.
    """

    embedding: Float[Array, "V d"]
    positions: Float[Array, "context d"]
    blocks: Block
    after: Normalisation
    config: TransformerConfig = eqx.field(static=True)

    @single_precision()
    def __init__(self, config: TransformerConfig, *, key: PRNGKeyArray) -> None:
        check_kind(TransformerConfig, config=config)
        check_key(key=key)
        of_tokens, of_positions, of_blocks = jax.random.split(key, 3)
        width = config.width
        self.embedding = SPREAD * jax.random.normal(
            of_tokens, (config.vocabulary, width)
        )
        self.positions = SPREAD * jax.random.normal(
            of_positions, (config.context, width)
        )
        keys = jax.random.split(of_blocks, config.layers)
        self.blocks = eqx.filter_vmap(lambda key: Block(config, key=key))(keys)
        self.after = Normalisation(width, config.epsilon)
        self.config = config

    @usual_promotion()
    def __call__(
        self, tokens: Integer[Array, "*batch n"], execution: Execution = SINGLE
    ) -> Float[Array, "*batch n V"]:
        """Compute logits of the token that follows each position.

        Args:
            tokens: 0 to V − 1; at most `context` of them, (n,) or (b, n).
            execution: How to compute it.

        Raises:
            TypeError: If the tokens are no array of NumPy or JAX.
            ValueError: If there are no tokens, or more than the context holds, they are
                not whole numbers with one or two axes, or one is not in [0, V).
        """
        return self.decode(self.final(tokens, execution), execution)

    @usual_promotion()
    def run(
        self, tokens: Integer[Array, "*batch n"], execution: Execution = SINGLE
    ) -> Pass:
        """Compute logits, and activations after every layer.

        Raises:
            ValueError: As `__call__` does.
        """
        last, stream = self.stream(
            tokens, execution, pick=lambda x: x.astype(jnp.float32)
        )
        final = self.after(last)
        return Pass(self.decode(final, execution), stream, final.astype(jnp.float32))

    @usual_promotion()
    def final(
        self,
        tokens: Integer[Array, "*batch n"],
        execution: Execution = SINGLE,
        *,
        key: PRNGKeyArray | None = None,
    ) -> Float[Array, "*batch n d"]:
        """Compute LN(x_L), of which `decode` makes the logits.

        Args:
            tokens: As for `__call__`.
            execution: How to compute it.
            key: For dropout; None for no dropout.

        Raises:
            ValueError: As `__call__` does.
        """
        return self.after(self.stream(tokens, execution, key=key)[0])

    @usual_promotion()
    def decode(
        self, final: Float[Array, "*batch d"], execution: Execution = SINGLE
    ) -> Float[Array, "*batch V"]:
        """Make logits of LN(x_L), in float32."""
        check_kind(Execution, execution=execution)
        check_real(final=final)
        check_shapes(final=(final, f"... {self.config.width}"))
        dtype = jnp.dtype(execution.dtype)
        return jnp.einsum(
            "...d,vd->...v",
            final.astype(dtype),
            self.embedding.astype(dtype),
            preferred_element_type=jnp.float32,
        )

    @usual_promotion()
    def stream(
        self,
        tokens: Integer[Array, "*batch n"],
        execution: Execution = SINGLE,
        *,
        pick: Callable[[Array], Any] | None = None,
        key: PRNGKeyArray | None = None,
    ) -> tuple[Float[Array, "*batch n d"], Any]:
        """Compute x_L, and what is picked of x_0, x_1, …, x_L.

        Args:
            tokens: As for `__call__`.
            execution: How to compute it.
            pick: Given activations (n, d) or (b, n, d), what to keep of them; None for
                nothing.
            key: For dropout; None for no dropout.

        Raises:
            ValueError: As `__call__` does.
        """
        config = self.config
        check_kind(Execution, execution=execution)
        if key is not None:
            check_key(key=key)
        axes = 2 if getattr(tokens, "ndim", 1) == 2 else 1
        check_tokens("tokens", tokens, axes, config.vocabulary)
        n = tokens.shape[-1]
        if not 1 <= n <= config.context:
            raise ValueError(f"tokens must be 1 to {config.context} in number, got {n}")
        keys = None
        if key is not None and config.dropout:
            key, of_blocks = jax.random.split(key)
            keys = jax.random.split(of_blocks, (config.layers, 2))
        else:
            key = None
        dtype = jnp.dtype(execution.dtype)
        x = self.embedding[tokens].astype(dtype) + self.positions[:n].astype(dtype)
        x = _dropped(x, config.dropout, key)

        def layer(x: Array, part: tuple[Block, Any]) -> tuple[Array, Any]:
            block, keys = part
            x = _layer(block, x, config, execution.attention_for(config), keys)
            return x, None if pick is None else pick(x)

        body = jax.checkpoint(layer) if execution.checkpoint else layer
        parts, unroll = (self.blocks, keys), bool(execution.unroll)
        last, picked = jax.lax.scan(body, x, parts, unroll=unroll)
        if pick is None:
            return last, None
        return last, jax.tree.map(
            lambda first, rest: jnp.concatenate([first[None], rest]), pick(x), picked
        )


def _layer(
    block: Block,
    x: Array,
    config: TransformerConfig,
    attention: Implementation,
    keys: Any,
) -> Array:
    """One layer of x, (…, n, d), in its type.

    Positions of all sequences are rows of one matrix: a product with three axes is
    slower than one with two.
    """
    of_attention, of_mlp = (None, None) if keys is None else keys
    n, width = x.shape[-2:]
    rows = x.reshape(-1, width)
    together = _linear(
        block.before_attention(rows), block.attention_in, block.attention_in_bias
    )
    heads = together.reshape(-1, n, 3, config.heads, width // config.heads)
    query, key, value = jnp.moveaxis(heads, (2, 3), (0, 2))  # (b, h, n, c) each
    attend = partial(causal_attention, implementation=attention)
    mixed = jnp.swapaxes(jax.vmap(attend)(query, key, value), 1, 2)
    mixed = _linear(
        mixed.reshape(-1, width), block.attention_out, block.attention_out_bias
    )
    rows = rows + _dropped(mixed, config.dropout, of_attention)
    inner = jax.nn.gelu(
        _linear(block.before_mlp(rows), block.mlp_in, block.mlp_in_bias)
    )
    inner = _linear(inner, block.mlp_out, block.mlp_out_bias)
    return (rows + _dropped(inner, config.dropout, of_mlp)).reshape(x.shape)


def _linear(x: Array, weight: Array, bias: Array) -> Array:
    return x @ weight.astype(x.dtype) + bias.astype(x.dtype)


def _dropped(x: Array, share: float, key: Any) -> Array:
    if key is None:
        return x
    stays = jax.random.bernoulli(key, 1 - share, x.shape)
    return jnp.where(stays, x / (1 - share), 0).astype(x.dtype)
