"""The baseline: a looped GPT-2 block with an adaptive number of loops.

    H_0 = 0,   H_{t+1} = LN(block(H_t + X)),   t = 0 … T − 1,

with all answers predicted at once from H_T, after "FOP-Loop-Adaptive" of Fan et al.
2024, "Looped Transformers for Length Generalization" (arXiv 2409.15647). It has no
positions unless asked for, and at inference it may loop as often as makes it most
confident. The final layer normalisation of GPT-2 stands inside the loop, which keeps
states bounded. Otherwise than there, T is the same for all lengths in training, and
every sequence chooses its own number of loops, not a batch of them.
"""

from dataclasses import dataclass
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, PRNGKeyArray, Real

from isinglass._common.checks import (
    check_key,
    check_kind,
    check_mask,
    check_shapes,
    check_whole,
)
from isinglass._common.precision import single_precision, usual_promotion
from isinglass.attention.features_first import affine, by_head
from isinglass.attention.normalisation import Normalisation
from isinglass.attention.positions import sinusoids
from isinglass.attention.streamed import RowStatistics
from isinglass.data.induction import InductionTask
from isinglass.data.tokens import check_tokens
from isinglass.systems.looped.loop import Loop, check_sequences, check_shape

SPREAD = 0.02  # of all weights at the start, as in GPT-2


@dataclass(frozen=True)
class BaselineConfig:
    """Shape of a `LoopedBaseline`.

    Attributes:
        vocabulary: Number of symbols V, at least 2.
        width: d, a multiple of `heads` and even.
        heads: Heads of attention.
        hidden: Width of the perceptron's hidden layer; None for 4 d, as in GPT-2.
        iterations: T, loops in training.
        positional_scale: Factor before sinusoids added to the embedding; 0 for none, as
            published.
        positional_base: Their frequencies are base^(−2k/d).
        causal: Whether a position sees only itself and what comes before.

    Raises:
        ValueError: If a value is out of range.
    """

    vocabulary: int = 4
    width: int = 64
    heads: int = 4
    hidden: int | None = None
    iterations: int = 25
    positional_scale: float = 0.0
    positional_base: float = 10_000.0
    causal: bool = True

    def __post_init__(self) -> None:
        check_shape(self)


class Adapted(NamedTuple):
    """The answer of a baseline after as many loops as made it most confident.

    Attributes:
        logits: After those loops, (n, V).
        iterations: How many loops.
        cross_entropy: Of its own predictions after every loop, nats, (most,): a mean
            over the positions that count.
    """

    logits: Float[Array, "n V"]
    iterations: Int[Array, ""]
    cross_entropy: Float[Array, "most"]


class LoopedBaseline(Loop):
    """A looped GPT-2 block.

    It has the interface of `LoopedTransformer`, so that the same training loop trains
    it.

    Attributes:
        embedding: (V, d).
        before_attention, before_mlp, after: Layer normalisations.
        attention_in, attention_in_bias: W_Q, W_K, W_V side by side, (d, 3 d) and (3
            d,).
        attention_out, attention_out_bias: Projection after the heads, (d, d) and (d,).
        mlp_in, mlp_in_bias: First layer of the perceptron, (d, hidden) and (hidden,);
            then GELU.
        mlp_out, mlp_out_bias: Second layer, (hidden, d) and (d,).
        readout, readout_bias: (d, V) and (V,).
        config: Its `BaselineConfig`.
    """

    embedding: Float[Array, "V d"]
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
    after: Normalisation
    readout: Float[Array, "d V"]
    readout_bias: Float[Array, "V"]
    config: BaselineConfig = eqx.field(static=True)

    @single_precision()
    def __init__(self, config: BaselineConfig, *, key: PRNGKeyArray) -> None:
        check_kind(BaselineConfig, config=config)
        check_key(key=key)
        symbols, width = config.vocabulary, config.width
        hidden = 4 * width if config.hidden is None else config.hidden
        keys = iter(jax.random.split(key, 6))

        def matrix(rows: int, columns: int) -> Array:
            return SPREAD * jax.random.normal(next(keys), (rows, columns))

        self.embedding = matrix(symbols, width)
        self.before_attention = Normalisation(width, axis=0)
        self.attention_in = matrix(width, 3 * width)
        self.attention_in_bias = jnp.zeros(3 * width)
        self.attention_out = matrix(width, width)
        self.attention_out_bias = jnp.zeros(width)
        self.before_mlp = Normalisation(width, axis=0)
        self.mlp_in, self.mlp_in_bias = matrix(width, hidden), jnp.zeros(hidden)
        self.mlp_out, self.mlp_out_bias = matrix(hidden, width), jnp.zeros(width)
        self.after = Normalisation(width, axis=0)
        self.readout, self.readout_bias = matrix(width, symbols), jnp.zeros(symbols)
        self.config = config

    @usual_promotion()
    def adapt(
        self,
        tokens: Int[Array, "n"],
        positions: Real[Array, "n"] | None = None,
        *,
        most: int,
        least: int = 1,
        counted: Bool[Array, "n"] | None = None,
    ) -> Adapted:
        """Loop ``least`` to ``most`` times over a sequence; answer when most confident.

        That is where the cross-entropy of its own predictions, −log max_s p_s, is
        smallest on average (Fan et al. 2024). It needs no target.

        Args:
            tokens: Symbols, 0 to V − 1.
            positions: Where each stands; None for 0, 1, 2, ….
            most: Most loops that may be chosen.
            least: Fewest loops that may be chosen.
            counted: Positions whose predictions count; None for all.

        Raises:
            ValueError: If not 1 ≤ ``least`` ≤ ``most``.
        """
        check_whole(most=most, least=least)
        if least > most:
            raise ValueError(f"least must be from 1 to most = {most}, got {least}")
        check_tokens("tokens", tokens, 1, self.config.vocabulary)
        if counted is not None:
            check_mask(counted=counted)
            check_shapes(tokens=(tokens, "n"), counted=(counted, "n"))
        inputs = self.embed(tokens, positions)
        weight = jnp.ones(tokens.shape[0]) if counted is None else counted
        weight = weight.astype(inputs.dtype)
        weight = weight / jnp.maximum(weight.sum(), 1)

        def iterate(carry: tuple, count: Array) -> tuple[tuple, Array]:
            state, best, chosen, lowest = carry
            state = self.step(state, inputs)
            logits = self.decode(state)
            unsure = -(jax.nn.log_softmax(logits).max(-1) * weight).sum()
            better = (count >= least) & (unsure < lowest)
            best, chosen, lowest = (
                jnp.where(better, new, old)
                for new, old in ((logits, best), (count, chosen), (unsure, lowest))
            )
            return (state, best, chosen, lowest), unsure

        none = jnp.full(
            (tokens.shape[0], self.config.vocabulary), jnp.nan, inputs.dtype
        )
        start = (
            jnp.zeros_like(inputs),
            none,
            jnp.int32(0),
            jnp.asarray(jnp.inf, inputs.dtype),
        )
        counts = jnp.arange(1, most + 1, dtype=jnp.int32)
        (_, logits, chosen, _), unsure = jax.lax.scan(iterate, start, counts)
        return Adapted(logits, chosen, unsure)

    @usual_promotion()
    def embed(
        self,
        tokens: Int[Array, "*batch n"],
        positions: Real[Array, "*#batch n"] | None = None,
    ) -> Float[Array, "*batch n d"]:
        """Return X, which is added to the state in every loop.

        Raises:
            TypeError: If the tokens are no array of NumPy or JAX.
            ValueError: If there are none, they are no whole numbers, or one is not in
                [0, V).
        """
        check_sequences(tokens, positions, self.config.vocabulary)
        config, inputs = self.config, self.embedding[tokens]
        if config.positional_scale == 0:
            return inputs
        where = jnp.arange(tokens.shape[-1]) if positions is None else positions
        waves = sinusoids(where, config.width, config.positional_base)
        return inputs + config.positional_scale * waves.astype(inputs.dtype)

    def _iterate(
        self, state: Float[Array, "d *n"], inputs: Float[Array, "d *n"], q: float | None
    ) -> tuple[Float[Array, "d *n"], Float[Array, "d *n"], RowStatistics]:
        """H_{t+1} = LN(block(H_t + X))."""
        after, rows = self._block(state + inputs, q)
        return after, after - state, rows

    def _block(
        self, hidden: Float[Array, "d *n"], q: float | None
    ) -> tuple[Float[Array, "d *n"], RowStatistics]:
        """Attention and perceptron, each normalised before, and both after."""
        mixed, rows = self._attend(hidden, q)
        hidden = hidden + affine(mixed, self.attention_out, self.attention_out_bias)
        inner = jax.nn.gelu(
            affine(self.before_mlp(hidden), self.mlp_in, self.mlp_in_bias)
        )
        hidden = hidden + affine(inner, self.mlp_out, self.mlp_out_bias)
        return self.after(hidden), rows

    def projections(self, hidden: Float[Array, "d *n"]) -> tuple[Array, Array, Array]:
        """Return queries (scaled), keys and values, (d / heads, heads, …, n)."""
        together = affine(
            self.before_attention(hidden), self.attention_in, self.attention_in_bias
        )
        query, key, value = by_head(together, self.config.heads)
        return query / query.shape[0] ** 0.5, key, value


class AdaptiveBaseline(eqx.Module):
    """A baseline that answers after as many loops as make it most confident.

    It is called on tokens (n,) for logits (n, V), as a model of the fixed number of
    loops is, and chooses by the positions that its task asks about.

    Attributes:
        model: The baseline.
        task: The task.
        most: Most loops that may be chosen.
    """

    model: LoopedBaseline
    task: InductionTask = eqx.field(static=True)
    most: int = eqx.field(static=True)

    def __check_init__(self) -> None:
        check_kind(LoopedBaseline, model=self.model)
        check_kind(InductionTask, task=self.task)
        check_whole(most=self.most)

    @usual_promotion()
    def __call__(self, tokens: Int[Array, "n"]) -> Float[Array, "n V"]:
        """Logits after the loops that were chosen for this sequence."""
        questions = self.task.questions(tokens)
        return self.model.adapt(tokens, most=self.most, counted=questions).logits
