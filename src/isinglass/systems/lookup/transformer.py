"""A small transformer of pictures whose blocks mix channels by tables, or not.

    patches W_e + p → [x + attention(LN x), then a mixer] × blocks → LN → mean → logits

The mixer is a `LookupMixer`, a perceptron (x + W₂ gelu(W₁ LN x)), or nothing: the
control without which "perceptrons replaced" says nothing.

Source: Nag et al. 2024, arXiv 2411.01818, on Dosovitskiy et al. 2020, arXiv 2010.11929.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from isinglass._common.affine import Linear
from isinglass._common.checks import (
    check_choice,
    check_finite,
    check_key,
    check_kind,
    check_real,
    check_shapes,
    check_whole,
)
from isinglass._common.precision import in_floats, single_precision, usual_promotion
from isinglass.attention import Normalisation
from isinglass.systems.lookup.mixer import LookupMixer, LookupMixerConfig
from isinglass.systems.lookup.operations import (
    MIXERS,
    Count,
    TransformerSize,
    count_operations,
)


@dataclass(frozen=True)
class LookupTransformerConfig:
    """Shape of a `LookupTransformer`.

    Attributes:
        patches: N, patches of a picture.
        patch_values: Numbers of a patch.
        classes: Logits.
        width: D, a multiple of the heads.
        heads: Of attention.
        blocks: How many.
        mixer: "lookup", "mlp" or "none".
        hidden: Units of "mlp".
        tables: Shape of "lookup"; None for `LookupMixerConfig` of this width.

    Raises:
        ValueError: If a value is out of range, or tables have another width.
        TypeError: If tables are of another kind.
    """

    patches: int
    patch_values: int
    classes: int = 10
    width: int = 32
    heads: int = 4
    blocks: int = 2
    mixer: str = "lookup"
    hidden: int = 128
    tables: LookupMixerConfig | None = None

    def __post_init__(self) -> None:
        check_whole(patches=self.patches, patch_values=self.patch_values)
        check_whole(classes=self.classes, heads=self.heads, blocks=self.blocks)
        check_whole(hidden=self.hidden)
        check_whole(2, width=self.width)
        check_choice(MIXERS, mixer=self.mixer)
        if self.width % self.heads:
            raise ValueError(
                f"width must be a multiple of heads={self.heads}, got {self.width}"
            )
        if self.tables is None:
            object.__setattr__(self, "tables", LookupMixerConfig(self.width))
        check_kind(LookupMixerConfig, tables=self.tables)
        if self.mixer_config.width != self.width:
            raise ValueError(
                f"tables must be of the width {self.width}, got one of "
                f"{self.mixer_config.width}"
            )

    @property
    def mixer_config(self) -> LookupMixerConfig:
        """The shape of tables, also where it was left out."""
        return self.tables or LookupMixerConfig(self.width)

    def operations(self) -> Count:
        """Return what it does for one picture."""
        tables = self.mixer_config
        size = TransformerSize(
            self.patches,
            self.width,
            self.blocks,
            self.hidden,
            self.patches,
            self.patch_values,
            self.classes,
            tables.tables,
            tables.bits,
        )
        return count_operations(size, self.mixer)


def linear(rows: int, columns: int, *, key: PRNGKeyArray) -> Linear:
    """A linear map, uniform within √(6/(rows + columns))."""
    most = (6 / (rows + columns)) ** 0.5
    return Linear(jax.random.uniform(key, (rows, columns), minval=-most, maxval=most))


class Attention(eqx.Module):
    """x + softmax attention of LN(x), all heads.

    Attributes:
        norm: Of what comes in.
        parts: To queries, keys and values, (D, 3 D).
        out: Of what heads say.
        heads: How many.
    """

    norm: Normalisation
    parts: Linear
    out: Linear
    heads: int = eqx.field(static=True)

    def __init__(self, width: int, heads: int, *, key: PRNGKeyArray) -> None:
        first, second = jax.random.split(key)
        self.norm = Normalisation(width)
        self.parts = linear(width, 3 * width, key=first)
        self.out = linear(width, width, key=second)
        self.heads = heads

    def __call__(self, x: Array) -> Array:
        """Return x and what its tokens have of each other."""
        shape = (*x.shape[:-1], 3, self.heads, x.shape[-1] // self.heads)
        q, k, v = jnp.moveaxis(self.parts(self.norm(x)).reshape(shape), -3, 0)
        scores = jnp.einsum("...nhc,...mhc->...hnm", q, k) * q.shape[-1] ** -0.5
        mixed = jnp.einsum("...hnm,...mhc->...nhc", jax.nn.softmax(scores), v)
        return x + self.out(mixed.reshape(x.shape))


class Perceptron(eqx.Module):
    """x + W₂ gelu(W₁ LN(x)).

    Attributes:
        norm: Of what comes in.
        inner, outer: W₁ and W₂, with biases.
    """

    norm: Normalisation
    inner: Linear
    outer: Linear

    def __init__(self, width: int, hidden: int, *, key: PRNGKeyArray) -> None:
        first, second = jax.random.split(key)
        self.norm = Normalisation(width)
        self.inner = linear(width, hidden, key=first)
        self.outer = linear(hidden, width, key=second)

    def __call__(self, x: Array) -> Array:
        """Return x and what the perceptron makes of it."""
        return x + self.outer(jax.nn.gelu(self.inner(self.norm(x))))


class LookupTransformer(eqx.Module):
    """Logits of patches (…, N, values).

    Attributes:
        embed: Of a patch.
        positions: p, (N, D).
        attention: Of each block.
        mixers: Of each block; empty without.
        norm, head: Behind them.
        config: Its `LookupTransformerConfig`.

    Args:
        config: The shape.
        key: Key of the weights. All but the mixers are the same for every mixer.

    Raises:
        TypeError: If something is of another kind.
    """

    embed: Linear
    positions: Float[Array, "n d"]
    attention: tuple[Attention, ...]
    mixers: tuple[LookupMixer | Perceptron, ...]
    norm: Normalisation
    head: Linear
    config: LookupTransformerConfig = eqx.field(static=True)

    @single_precision()
    def __init__(self, config: LookupTransformerConfig, *, key: PRNGKeyArray) -> None:
        check_kind(LookupTransformerConfig, config=config)
        check_key(key=key)
        width, keys = config.width, jax.random.split(key, 5)
        blocks = [jax.random.split(k, config.blocks) for k in keys[:2]]
        self.embed = linear(config.patch_values, width, key=keys[2])
        self.positions = 0.1 * jax.random.normal(keys[3], (config.patches, width))
        self.attention = tuple(Attention(width, config.heads, key=k) for k in blocks[0])
        self.mixers = ()
        if config.mixer != "none":
            self.mixers = tuple(_mixer(config, k) for k in blocks[1])
        self.norm = Normalisation(width)
        self.head = linear(width, config.classes, key=keys[4])
        self.config = config

    @usual_promotion()
    def __call__(
        self, patches: Float[Array, "*batch n v"]
    ) -> Float[Array, "*batch classes"]:
        """Return logits (…, classes).

        Raises:
            TypeError: If patches are no array.
            ValueError: If they are of another size, or not finite and real.
        """
        config = self.config
        check_real(patches=patches)
        axes = f"... {config.patches} {config.patch_values}"
        check_shapes(patches=(patches, axes))
        check_finite(patches=patches)
        return self.logits(in_floats(jnp.asarray(patches)))

    def logits(self, patches: Array) -> Array:
        """The same without checks."""
        x = self.embed(patches) + self.positions
        for place, attention in enumerate(self.attention):
            x = attention(x)
            if self.mixers:
                mixer = self.mixers[place]
                is_tables = isinstance(mixer, LookupMixer)
                x = x + mixer.added(x) if is_tables else mixer(x)
        return self.head(self.norm(x).mean(-2))

    def clipped(self) -> LookupTransformer:
        """Return the transformer with all tables cut to [−1, 1], as before a step."""
        if not self.mixers:
            return self
        mixers = tuple(
            mixer.clipped() if isinstance(mixer, LookupMixer) else mixer
            for mixer in self.mixers
        )
        return eqx.tree_at(lambda model: model.mixers, self, mixers)


def _mixer(config: LookupTransformerConfig, key: PRNGKeyArray) -> Any:
    if config.mixer == "mlp":
        return Perceptron(config.width, config.hidden, key=key)
    return LookupMixer(config.mixer_config, key=key)
