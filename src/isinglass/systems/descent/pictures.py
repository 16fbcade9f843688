"""Completing pictures with an Energy Transformer: hidden patches are predicted.

    x = patch · E + b, or MASK where it is hidden;   tokens (CLS, x_1 … x_n) + positions
    T steps of one block;   patch = LN(x) · D + d

The published model has 196 patches of 16 × 16 × 3 pixels; of 100 in the loss, 90 are
hidden and 10 shown. Its program norms twice before the
decoder, the paper once, as here.

Source: Hoover et al. 2023, §3, and its program.
"""

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, PRNGKeyArray

from isinglass._common.checks import (
    check_finite,
    check_key,
    check_kind,
    check_mask,
    check_real,
    check_shapes,
    check_whole,
)
from isinglass._common.precision import single_precision, usual_promotion
from isinglass.attention.normalisation import normalise
from isinglass.systems.descent.energy_transformer import (
    EnergyTransformer,
    EnergyTransformerConfig,
)


class ImageEnergyTransformer(eqx.Module):
    """Predicts all patches (…, n, p) of pictures from those that are shown.

    Attributes:
        encode, encode_bias: E and b, (p, D) and (D,).
        decode, decode_bias: D and d, (D, p) and (p,).
        class_token, mask_token: CLS and MASK, (D,).
        positions: Of CLS and of each patch, (n + 1, D).
        gain, bias: Of the norm before the decoder, (D,).
        block: The `EnergyTransformer`.

    Args:
        config: Of the block.
        patches: n, at least 1.
        pixels: p of a patch, with its colours, at least 1.
        key: Key of the weights, N(0, 0.02²) outside the block.
    """

    encode: Float[Array, "p d"]
    encode_bias: Float[Array, "d"]
    decode: Float[Array, "d p"]
    decode_bias: Float[Array, "p"]
    class_token: Float[Array, "d"]
    mask_token: Float[Array, "d"]
    positions: Float[Array, "m d"]
    gain: Float[Array, "d"]
    bias: Float[Array, "d"]
    block: EnergyTransformer

    @single_precision()
    def __init__(
        self,
        config: EnergyTransformerConfig | None = None,
        patches: int = 196,
        pixels: int = 768,
        *,
        key: PRNGKeyArray,
    ) -> None:
        shape = EnergyTransformerConfig() if config is None else config
        check_kind(EnergyTransformerConfig, config=shape)
        check_whole(patches=patches, pixels=pixels)
        check_key(key=key)
        keys, d = jax.random.split(key, 6), shape.width
        sizes = ((pixels, d), (d, pixels), (d,), (d,), (patches + 1, d))
        weights = [
            0.02 * jax.random.normal(k, size)
            for k, size in zip(keys, sizes, strict=False)
        ]
        self.encode, self.decode, self.class_token = weights[:3]
        self.mask_token, self.positions = weights[3:]
        self.encode_bias, self.decode_bias = jnp.zeros(d), jnp.zeros(pixels)
        self.gain, self.bias = jnp.ones(d), jnp.zeros(d)
        self.block = EnergyTransformer(shape, key=keys[5])

    @usual_promotion()
    def tokens(
        self, patches: Float[Array, "*batch n p"], hidden: Bool[Array, "*batch n"]
    ) -> Float[Array, "*batch m d"]:
        """Return CLS and the tokens of the patches, (…, n + 1, D), before any step.

        Args:
            patches: (…, n, p).
            hidden: Which are replaced by MASK: what they hold is not looked at.

        Raises:
            TypeError: If one is no array.
            ValueError: If shapes do not fit, or a number is not finite.
        """
        check_real(patches=patches)
        check_finite(patches=patches)
        n, p = len(self.positions) - 1, len(self.encode)
        check_shapes(patches=(patches, f"... {n} {p}"), hidden=(hidden, f"... {n}"))
        check_mask(hidden=hidden)
        shown = patches @ self.encode + self.encode_bias
        tokens = jnp.where(hidden[..., None], self.mask_token, shown)
        return after_class_token(self.class_token, tokens) + self.positions

    @usual_promotion()
    def __call__(
        self,
        patches: Float[Array, "*batch n p"],
        hidden: Bool[Array, "*batch n"],
        steps: int = 12,
    ) -> Float[Array, "*batch n p"]:
        """Predict all patches after T steps; with 0 steps by encoder and decoder alone.

        Raises:
            TypeError: If one is no array.
            ValueError: As `tokens` does, or if T is less than 0.
        """
        check_whole(0, steps=steps)
        tokens = self.tokens(patches, hidden)
        return self.patches_of(self.block.iterate(tokens, steps) if steps else tokens)

    @usual_promotion()
    def patches_of(
        self, tokens: Float[Array, "*batch m d"]
    ) -> Float[Array, "*batch n p"]:
        """Return the patches that tokens stand for, after any steps of any block.

        Raises:
            TypeError: If the tokens are no array.
            ValueError: If they are not real, of these axes.
        """
        m, d = self.positions.shape
        check_real(tokens=tokens)
        check_shapes(tokens=(tokens, f"... {m} {d}"))
        normed = normalise(tokens[..., 1:, :], self.gain, self.bias, axis=-1)
        return normed @ self.decode + self.decode_bias


def after_class_token(
    class_token: Float[Array, "d"], tokens: Float[Array, "*batch n d"]
) -> Float[Array, "*batch m d"]:
    """CLS and the tokens, (…, n + 1, D)."""
    first = jnp.broadcast_to(class_token, (*tokens.shape[:-2], 1, tokens.shape[-1]))
    return jnp.concatenate([first, tokens], axis=-2)
