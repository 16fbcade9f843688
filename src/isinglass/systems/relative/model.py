"""Encoders and causal language models with any positions (Luo et al. 2022).

    z⁰ = LN(E[t] + p),    z ← LN(z + attention(z)),    z ← LN(z + MLP(z)),    z W + w

as RoBERTa's, normed after each branch. All layers share one b and one c, as in the
program.
"""

from dataclasses import dataclass

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, PRNGKeyArray

from isinglass._common.affine import affine
from isinglass._common.checks import (
    check_choice,
    check_flag,
    check_key,
    check_kind,
    check_positive,
    check_shapes,
    check_whole,
)
from isinglass._common.precision import single_precision, usual_promotion
from isinglass.attention.normalisation import Normalisation
from isinglass.attention.offsets import BEYOND, Beyond
from isinglass.attention.relative_positions import KINDS, Positions
from isinglass.attention.visibility import check_present
from isinglass.data.tokens import check_tokens
from isinglass.systems.relative.layer import RelativeAttention, check_heads


@dataclass(frozen=True)
class RelativeConfig:
    """Shape of a `RelativeTransformer`; the defaults are the synthetic program's.

    Attributes:
        vocabulary: Symbols that come in.
        outputs: Logits of a token; None for as many as there are symbols.
        width: d, a multiple of heads.
        heads: Heads of attention; of an even number of features each for "rope".
        hidden: Width of the hidden layer of the MLP.
        layers: Number of layers.
        length: Tokens of the longest sequence that positions are made for.
        positions: "none", "absolute", "rope", "alibi" or "rpe".
        coupling: Whether there is a c: "rpe" with it is URPE.
        causal: Whether a token sees only itself and those before.
        initial: Standard deviation of all matrices at the start.

    Raises:
        TypeError: If something is of another kind.
        ValueError: If a value is out of range.
    """

    vocabulary: int = 1000
    outputs: int | None = None
    width: int = 768
    heads: int = 12
    hidden: int = 3072
    layers: int = 3
    length: int = 128
    positions: str = "rpe"
    coupling: bool = True
    causal: bool = False
    initial: float = 0.02

    def __post_init__(self) -> None:
        check_whole(vocabulary=self.vocabulary, hidden=self.hidden, layers=self.layers)
        check_whole(length=self.length)
        if self.outputs is not None:
            check_whole(outputs=self.outputs)
        check_heads(self.width, self.heads)
        check_choice(KINDS, positions=self.positions)
        check_flag(coupling=self.coupling, causal=self.causal)
        check_positive(initial=self.initial)
        if self.positions == "rope" and self.width // self.heads % 2:
            raise ValueError(
                "width must give each head an even number of features for rope, got "
                f"{self.width // self.heads}"
            )


class RelativeLayer(eqx.Module):
    """Attention and a perceptron with GELU, each added and then normed.

    Attributes:
        attention: A `RelativeAttention`.
        after_attention, after_mlp: Layer norms.
        mlp_in, mlp_in_bias: (d, hidden) and (hidden,).
        mlp_out, mlp_out_bias: (hidden, d) and (d,).

    Args:
        config: The shape of the model that it is a layer of.
        key: Of the weights.

    Raises:
        TypeError: If something is of another kind.
    """

    attention: RelativeAttention
    after_attention: Normalisation
    mlp_in: Float[Array, "d m"]
    mlp_in_bias: Float[Array, "m"]
    mlp_out: Float[Array, "m d"]
    mlp_out_bias: Float[Array, "d"]
    after_mlp: Normalisation

    @single_precision()
    def __init__(self, config: RelativeConfig, *, key: PRNGKeyArray) -> None:
        check_kind(RelativeConfig, config=config)
        check_key(key=key)
        width, hidden, initial = config.width, config.hidden, config.initial
        of_attention, of_in, of_out = jax.random.split(key, 3)
        self.attention = RelativeAttention(
            width,
            config.heads,
            causal=config.causal,
            initial=initial,
            key=of_attention,
        )
        self.after_attention = Normalisation(width)
        self.mlp_in = initial * jax.random.normal(of_in, (width, hidden))
        self.mlp_out = initial * jax.random.normal(of_out, (hidden, width))
        self.mlp_in_bias, self.mlp_out_bias = jnp.zeros(hidden), jnp.zeros(width)
        self.after_mlp = Normalisation(width)

    @usual_promotion()
    def __call__(
        self,
        x: Float[Array, "*batch n d"],
        positions: Positions,
        *,
        present: Bool[Array, "*batch n"] | None = None,
        beyond: Beyond = "refuse",
    ) -> Float[Array, "*batch n d"]:
        """Return the tokens after this layer.

        Raises:
            TypeError: If something is of another kind.
            ValueError: If shapes do not fit, a number is not finite, or the sequence is
                longer than positions reach.
        """
        mixed = self.attention(x, positions, present=present, beyond=beyond)
        x = self.after_attention(x + mixed)
        inner = affine(x, self.mlp_in, self.mlp_in_bias)
        inner = jax.nn.gelu(inner, approximate=False)
        return self.after_mlp(x + affine(inner, self.mlp_out, self.mlp_out_bias))


class RelativeTransformer(eqx.Module):
    """Logits of each token of sequences: an encoder, or causal a language model.

    Attributes:
        embedding: E, (vocabulary, d).
        positions: `Positions`, of all layers.
        before: Layer norm of what comes in.
        layers: Each a `RelativeLayer`.
        readout, readout_bias: (d, outputs) and (outputs,).
        config: Its `RelativeConfig`.

    Args:
        config: The shape.
        key: Of the weights: normal, of standard deviation `config.initial`.

    Raises:
        TypeError: If something is of another kind.
    """

    embedding: Float[Array, "V d"]
    positions: Positions
    before: Normalisation
    layers: tuple[RelativeLayer, ...]
    readout: Float[Array, "d o"]
    readout_bias: Float[Array, "o"]
    config: RelativeConfig = eqx.field(static=True)

    @single_precision()
    def __init__(self, config: RelativeConfig, *, key: PRNGKeyArray) -> None:
        check_kind(RelativeConfig, config=config)
        check_key(key=key)
        width, heads, symbols = config.width, config.heads, config.vocabulary
        outputs = symbols if config.outputs is None else config.outputs
        of_places, of_symbols, of_readout, *of_layers = jax.random.split(
            key, 3 + config.layers
        )
        initial = config.initial
        self.embedding = initial * jax.random.normal(of_symbols, (symbols, width))
        self.positions = Positions(
            config.positions,
            width,
            heads,
            config.length,
            config.coupling,
            key=of_places,
        )
        self.before = Normalisation(width)
        self.layers = tuple(RelativeLayer(config, key=k) for k in of_layers)
        self.readout = initial * jax.random.normal(of_readout, (width, outputs))
        self.readout_bias = jnp.zeros(outputs)
        self.config = config

    @usual_promotion()
    def states(
        self,
        tokens: Int[Array, "*batch n"],
        *,
        present: Bool[Array, "*batch n"] | None = None,
        beyond: Beyond = "refuse",
    ) -> Float[Array, "layers *batch n d"]:
        """Return z⁰ and what each layer makes of it, (layers + 1, …, n, d).

        Raises:
            TypeError: If something is of another kind.
            ValueError: As for a call of the model.
        """
        check_tokens("tokens", tokens, None, self.config.vocabulary)
        check_shapes(tokens=(tokens, "... n"))
        check_choice(BEYOND, beyond=beyond)
        check_present(present, tokens.shape)
        embedded = self.embedding[tokens]
        places = self.positions.at_places(tokens.shape[-1], beyond)
        states = [self.before(embedded if places is None else embedded + places)]
        for layer in self.layers:
            states.append(
                layer(states[-1], self.positions, present=present, beyond=beyond)
            )
        return jnp.stack(states)

    @usual_promotion()
    def __call__(
        self,
        tokens: Int[Array, "*batch n"],
        *,
        present: Bool[Array, "*batch n"] | None = None,
        beyond: Beyond = "refuse",
    ) -> Float[Array, "*batch n o"]:
        """Compute logits of every token, (…, n, outputs).

        Args:
            tokens: Whole numbers in [0, vocabulary), (…, n).
            present: Which tokens are there, (…, n); all if None. What is not there is
                not attended to, and its logits say nothing.
            beyond: What positions that are learned have at places and offsets that they
                were not made for: "refuse" for none, "edge" for that of the last.

        Raises:
            TypeError: If something is of another kind.
            ValueError: If a token is out of range, shapes do not fit, or a sequence is
                longer than positions reach.
        """
        last = self.states(tokens, present=present, beyond=beyond)[-1]
        return affine(last, self.readout, self.readout_bias)
