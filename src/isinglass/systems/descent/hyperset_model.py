"""Hyper-SET on symbols, such as a Sudoku: embed, iterate one layer, read out."""

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, PRNGKeyArray

from isinglass._common.checks import (
    check_key,
    check_kind,
    check_real,
    check_shapes,
    check_whole,
)
from isinglass._common.precision import single_precision, usual_promotion
from isinglass.data.tokens import check_tokens
from isinglass.systems.descent.hyperset import HyperSET, HyperSETConfig, on_sphere


class SymbolHyperSET(eqx.Module):
    """The published recurrent model: logits of each place from symbols and places.

    x(0) = embedding[token] + position; T iterations of one `HyperSET`; logits = RMS(x)
    · weights · readout. For Sudoku the vocabulary is 10 (0 for an empty cell), there
    are 81 places and 9 classes, and the published model iterates 24 times; a 9 × 9 one
    of the default config has 5.2 million parameters.

    Attributes:
        embedding: (V, d).
        positions: (places, d).
        layer: The `HyperSET`.
        norm: Weights of the last norm, (d,).
        readout: (d, classes).

    Args:
        config: Of the layer.
        vocabulary: V, at least 2.
        places: Length of a sequence, at least 1.
        classes: Number of logits of each place, at least 2.
        key: Key of the weights, N(0, 0.02²) as published.
    """

    embedding: Float[Array, "v d"]
    positions: Float[Array, "n d"]
    layer: HyperSET
    norm: Float[Array, "d"]
    readout: Float[Array, "d c"]

    @single_precision()
    def __init__(
        self,
        config: HyperSETConfig | None = None,
        vocabulary: int = 10,
        places: int = 81,
        classes: int = 9,
        *,
        key: PRNGKeyArray,
    ) -> None:
        shape = HyperSETConfig() if config is None else config
        check_kind(HyperSETConfig, config=shape)
        check_key(key=key)
        check_whole(2, vocabulary=vocabulary, classes=classes)
        check_whole(places=places)
        keys = jax.random.split(key, 4)
        sizes = ((vocabulary, shape.width), (places, shape.width))
        self.embedding, self.positions, self.readout = (
            0.02 * jax.random.normal(k, size)
            for k, size in zip(keys, (*sizes, (shape.width, classes)), strict=False)
        )
        self.layer = HyperSET(shape, key=keys[3])
        self.norm = jnp.ones(shape.width)

    @usual_promotion()
    def embed(self, tokens: Int[Array, "*batch n"]) -> Float[Array, "*batch n d"]:
        """Return x(0).

        Raises:
            TypeError: If the tokens are no array of NumPy or JAX.
            ValueError: If they are no whole numbers in [0, V), or not one a place.
        """
        check_tokens("tokens", tokens, None, self.embedding.shape[0])
        check_shapes(tokens=(tokens, f"... {self.positions.shape[0]}"))
        return self.embedding[tokens] + self.positions

    @usual_promotion()
    def decode(self, state: Float[Array, "*n d"]) -> Float[Array, "*n c"]:
        """Return the logits of a state."""
        check_real(state=state)
        check_shapes(state=(state, f"... {self.norm.shape[0]}"))
        return (on_sphere(state)[0] * self.norm) @ self.readout

    def __call__(
        self, tokens: Int[Array, "*batch n"], iterations: int = 24
    ) -> Float[Array, "*batch n c"]:
        """Compute logits of every place after some iterations.

        Raises:
            TypeError: If the tokens are no array.
            ValueError: If they are not as `embed` takes them, or iterations is less
                than 1.
        """
        check_whole(iterations=iterations)
        return self.decode(self.layer.iterate(self.embed(tokens), iterations))
