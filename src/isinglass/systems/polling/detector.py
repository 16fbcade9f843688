"""A small detector on polled and pooled tokens: what a picture shows, and where.

A picture is cut into cells of 4 × 4 pixels; a stem of two convolutions (8 × 8 pixels
around each cell, then 1 × 1) makes the features of a place. A `PollAndPool` makes N + M
tokens of them, an encoder lets these attend to each other, and one query reads them:
DETR (Carion et al. 2020) for a single object, without a backbone.
"""

from dataclasses import dataclass, field
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, PRNGKeyArray

from isinglass._common.checks import (
    check_finite,
    check_key,
    check_kind,
    check_real,
    check_shapes,
    check_whole,
)
from isinglass._common.precision import in_floats, single_precision, usual_promotion
from isinglass.attention import sinusoids
from isinglass.systems.polling.affine import Affine, drawn_even
from isinglass.systems.polling.attention import AttentionLayer
from isinglass.systems.polling.sampler import (
    PollAndPool,
    PollAndPoolConfig,
    Tokens,
    standardised,
)

CELL, WINDOW = 4, 8
WAVES = 100.0  # the longest wavelength of positions, over the shortest


@dataclass(frozen=True)
class PollingDetectorConfig:
    """Shape of a `PollingDetector`.

    Attributes:
        height, breadth: Of a picture in pixels, multiples of 4.
        classes: Logits.
        sampler: Shape of the sampler, whose width is that of all tokens, a multiple of
            4; or None for attention over all places, its control.
        width: That width where there is no sampler.
        heads: Of attention; they divide the width.
        hidden: Units of each perceptron.
        layers: Of the encoder.

    Raises:
        ValueError: If a value is out of range.
        TypeError: If the sampler is of another kind.
    """

    height: int = 32
    breadth: int = 32
    classes: int = 10
    sampler: PollAndPoolConfig | None = field(
        default_factory=lambda: PollAndPoolConfig(32, coarse=2)
    )
    width: int = 32
    heads: int = 4
    hidden: int = 64
    layers: int = 2

    def __post_init__(self) -> None:
        check_whole(height=self.height, breadth=self.breadth, classes=self.classes)
        check_whole(heads=self.heads, hidden=self.hidden, layers=self.layers)
        check_whole(width=self.width)
        for name in ("height", "breadth"):
            if getattr(self, name) % CELL:
                raise ValueError(
                    f"{name} must be a multiple of {CELL}, got {getattr(self, name)}"
                )
        if self.sampler is not None:
            check_kind(PollAndPoolConfig, sampler=self.sampler)
            if self.sampler.width != self.width:
                raise ValueError(
                    f"sampler must be of the width {self.width}, got one of "
                    f"{self.sampler.width}"
                )
        if self.width % 4 or self.width % self.heads:
            raise ValueError(
                f"width must be a multiple of 4 and of heads={self.heads}, got "
                f"{self.width}"
            )

    @property
    def cells(self) -> tuple[int, int]:
        """Rows and columns of places."""
        return self.height // CELL, self.breadth // CELL


class Detection(NamedTuple):
    """What a `PollingDetector` says of pictures.

    Attributes:
        logits: Of classes, (…, classes).
        place: Where the object's centre is, as a share of height and breadth, (…, 2).
        tokens: What attention was over; None where it was over all places.
    """

    logits: Float[Array, "*batch classes"]
    place: Float[Array, "*batch 2"]
    tokens: Tokens | None


class PollingDetector(eqx.Module):
    """Say what a picture shows and where, from N + M tokens of its L places.

    Attributes:
        stem: The two convolutions, of windows and of 1 × 1.
        sampler: A `PollAndPool`, or None for all places.
        encoder: Layers of attention among tokens.
        query: What reads the tokens, (d,).
        decoder: The layer by which it does.
        classify, locate: Read-outs.
        config: Its `PollingDetectorConfig`.

    Args:
        config: The shape.
        key: Key of the weights.

    Raises:
        TypeError: If something is of another kind.
    """

    stem: tuple[Affine, Affine]
    sampler: PollAndPool | None
    encoder: tuple[AttentionLayer, ...]
    query: Float[Array, "d"]
    decoder: AttentionLayer
    classify: Affine
    locate: Affine
    config: PollingDetectorConfig = eqx.field(static=True)

    @single_precision()
    def __init__(self, config: PollingDetectorConfig, *, key: PRNGKeyArray) -> None:
        check_kind(PollingDetectorConfig, config=config)
        check_key(key=key)
        width, sizes = config.width, (config.width, config.heads, config.hidden)
        parts = jax.random.split(key, 7)
        self.stem = (
            drawn_even(parts[0], WINDOW**2, width),
            drawn_even(parts[1], width, width),
        )
        # Drawn apart, so that detectors of one key begin alike whatever their sampler.
        self.sampler = None
        if config.sampler is not None:
            self.sampler = PollAndPool(config.sampler, key=parts[2])
        self.encoder = tuple(
            AttentionLayer(*sizes, key=k)
            for k in jax.random.split(parts[3], config.layers)
        )
        self.query = jax.random.normal(parts[4], (width,))
        self.decoder = AttentionLayer(*sizes, key=parts[5])
        heads = jax.random.split(parts[6])
        self.classify = drawn_even(heads[0], width, config.classes)
        self.locate = drawn_even(heads[1], width, 2)
        self.config = config

    @usual_promotion()
    def features(
        self, pictures: Float[Array, "*batch h w"]
    ) -> Float[Array, "*batch l c"]:
        """Return raw features of the places of pictures, row by row, (…, L, C).

        Raises:
            TypeError: If they are no array.
            ValueError: If they are of another size or not finite.
        """
        config = self.config
        check_real(pictures=pictures)
        check_shapes(pictures=(pictures, f"... {config.height} {config.breadth}"))
        check_finite(pictures=pictures)
        hidden = jax.nn.relu(self.stem[0](_windows(in_floats(jnp.asarray(pictures)))))
        return self.stem[1](hidden)

    @usual_promotion()
    def positions(self) -> Float[Array, "l c"]:
        """Return sinusoids of the rows and columns of places, (L, C)."""
        rows, columns = self.config.cells
        half = self.config.width // 2
        across = sinusoids(jnp.arange(columns), half, WAVES)
        down = sinusoids(jnp.arange(rows), half, WAVES)
        shape = (rows, columns, half)
        parts = down[:, None], across[None]
        both = [jnp.broadcast_to(part, shape) for part in parts]
        joined = jnp.concatenate(both, axis=-1).reshape(rows * columns, -1)
        return joined.astype(self.query.dtype)

    @usual_promotion()
    def __call__(
        self,
        pictures: Float[Array, "*batch h w"],
        ratio: float = 1 / 3,
        *,
        counts: Int[Array, "*counts"] | None = None,
        key: PRNGKeyArray | None = None,
    ) -> Detection:
        """Say what pictures show.

        Args:
            pictures: (…, height, breadth).
            ratio: α of the sampler; not used without one.
            counts: How many places to poll of each picture, (…): see `poll`.
            key: Of random scores; not used by others.

        Raises:
            TypeError: If something is of another kind.
            ValueError: As `PollAndPool` does, or if pictures are of another size.
        """
        features, positions = self.features(pictures), self.positions()
        if self.sampler is None:
            state, mask, tokens = standardised(features), None, None
        else:
            tokens = self.sampler(features, positions, ratio, counts=counts, key=key)
            state, positions, mask = tokens[:3]
        for layer in self.encoder:
            state = layer(state, positions, state, positions, mask)
        query = jnp.broadcast_to(self.query, (*state.shape[:-2], 1, len(self.query)))
        zero = jnp.zeros_like(query)
        answer = self.decoder(query, zero, state, positions, mask)[..., 0, :]
        place = jax.nn.sigmoid(self.locate(answer))
        return Detection(self.classify(answer), place, tokens)


def _windows(pictures: Array) -> Any:
    """The 8 × 8 pixels around every cell, (…, L, 64)."""
    edge = (WINDOW - CELL) // 2
    rest = [(0, 0)] * (pictures.ndim - 2)
    padded = jnp.pad(pictures, [*rest, (edge, edge), (edge, edge)])
    *batch, height, breadth = padded.shape
    halves = WINDOW // CELL
    rows, columns = height // CELL - 1, breadth // CELL - 1
    blocks = padded.reshape(*batch, rows + 1, CELL, columns + 1, CELL)
    blocks = jnp.swapaxes(blocks, -3, -2).reshape(*batch, rows + 1, columns + 1, -1)
    parts = [
        blocks[..., i : i + rows, j : j + columns, :]
        for i in range(halves)
        for j in range(halves)
    ]
    return jnp.concatenate(parts, axis=-1).reshape(*batch, rows * columns, -1)
