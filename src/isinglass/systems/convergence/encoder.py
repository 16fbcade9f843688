"""The shallow encoder: attention, a relu, the mean over tokens, a linear read-out.

    S = softmax(τ₀ (X W_Qᵀ)(X W_Kᵀ)ᵀ),  a = τ₁ mean_i relu(S X W_Vᵀ)_i,  f = ⟨a, w_O⟩

of an input X (d_s, d) of d_s tokens. W_Q, W_K, W_V are (d_m, d), w_O is (d_m,); the
theory takes d_m to infinity. How weights start, and how τ₀ falls with d_m, decide what
that limit is:

    start   variance of w_O, W_V, W_Q, W_K     τ₁
    lecun   1/d_m, 1/d, 1/d, 1/d               1
    he      twice these                        1
    ntk     1, 1, 1, 1                         d_m^(−1/2)

τ₀ = d_m^(−1/2) is usual; with τ₀ = 1/d_m attention becomes uniform as d_m grows.

Source: Wu, Liu, Chrysos & Cevher 2023, arXiv 2311.01575.
"""

import math
from dataclasses import dataclass

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from isinglass._common.checks import (
    check_choice,
    check_finite,
    check_in,
    check_key,
    check_kind,
    check_real,
    check_shapes,
    check_whole,
)
from isinglass._common.precision import single_precision, usual_promotion

STARTS = ("lecun", "he", "ntk")
MIXINGS = ("softmax", "uniform")


@dataclass(frozen=True)
class ShallowConfig:
    """Shape and start of a `ShallowEncoder`.

    Attributes:
        features: d of a token.
        width: d_m.
        start: "lecun", "he" or "ntk": variances of the first weights, and τ₁.
        exponent: p ≥ 0 of τ₀ = d_m^(−p): ½ is usual, 1 is that of the infinite-width
            theory.
        mixing: "softmax", or the control "uniform", S = 1/d_s without W_Q and W_K.

    Raises:
        ValueError: If a value is out of range.
    """

    features: int
    width: int = 256
    start: str = "lecun"
    exponent: float = 0.5
    mixing: str = "softmax"

    def __post_init__(self) -> None:
        check_whole(features=self.features, width=self.width)
        check_choice(STARTS, start=self.start)
        check_choice(MIXINGS, mixing=self.mixing)
        check_in("[0, inf)", exponent=self.exponent)
        object.__setattr__(self, "exponent", float(self.exponent))

    @property
    def score_scale(self) -> float:
        """τ₀ = d_m^(−p), before the softmax."""
        return self.width**-self.exponent

    @property
    def output_scale(self) -> float:
        """τ₁, before the read-out."""
        return self.width**-0.5 if self.start == "ntk" else 1.0

    @property
    def weight_variance(self) -> float:
        """η_Q = η_K = η_V of the first W_Q, W_K and W_V."""
        return {"lecun": 1.0, "he": 2.0, "ntk": self.features}[
            self.start
        ] / self.features

    @property
    def readout_variance(self) -> float:
        """η_O of the first w_O."""
        return {"lecun": 1.0, "he": 2.0, "ntk": self.width}[self.start] / self.width


class PooledAttention(eqx.Module):
    """Attention, a relu and the mean over tokens: (…, d_s, d) becomes a, (…, d_m).

    The layer below the read-out, for models of one's own.

    Attributes:
        query, key: W_Q and W_K, (d_m, d); None where S = 1/d_s.
        value: W_V, (d_m, d).
        config: Its `ShallowConfig`.

    Args:
        config: The shape.
        key: Key of the first weights, Gaussian in float32.

    Raises:
        TypeError: If the config is no `ShallowConfig`, or the key no JAX key.
    """

    query: Float[Array, "m d"] | None
    key: Float[Array, "m d"] | None
    value: Float[Array, "m d"]
    config: ShallowConfig = eqx.field(static=True)

    @single_precision()
    def __init__(self, config: ShallowConfig, *, key: PRNGKeyArray) -> None:
        check_kind(ShallowConfig, config=config)
        check_key(key=key)
        spread, shape = config.weight_variance**0.5, (config.width, config.features)
        query, own, value = (
            spread * jax.random.normal(k, shape) for k in jax.random.split(key, 3)
        )
        mixes = config.mixing == "softmax"
        self.query, self.key = (query, own) if mixes else (None, None)
        self.value, self.config = value, config

    @usual_promotion()
    def attention(
        self, inputs: Float[Array, "*batch s d"]
    ) -> Float[Array, "*batch s t"]:
        """Return S, (…, d_s, d_s), whose rows sum to 1.

        Raises:
            TypeError: If inputs are no array.
            ValueError: If they are not real, finite and of d features.
        """
        self._check(inputs)
        tokens = inputs.shape[-2]
        if self.query is None or self.key is None:
            shape = (*inputs.shape[:-1], tokens)
            return jnp.full(shape, 1 / tokens, inputs.dtype)
        scores = _scores(inputs, self.query, self.key)
        return jax.nn.softmax(self.config.score_scale * scores, axis=-1)

    @usual_promotion()
    def __call__(self, inputs: Float[Array, "*batch s d"]) -> Float[Array, "*batch m"]:
        """Return a = τ₁ mean_i relu(S X W_Vᵀ)_i, (…, d_m).

        Raises:
            TypeError: If inputs are no array.
            ValueError: If they are not real, finite and of d features.
        """
        self._check(inputs)
        if self.query is None:  # all rows of S X are the mean token
            pooled = jax.nn.relu(inputs.mean(-2) @ self.value.T)
        else:
            mixed = self.attention(inputs) @ inputs
            pooled = jax.nn.relu(mixed @ self.value.T).mean(-2)
        return self.config.output_scale * pooled

    def _check(self, inputs: Array) -> None:
        check_real(inputs=inputs)
        check_shapes(inputs=(inputs, f"... s {self.config.features}"))
        check_finite(inputs=inputs)


class ShallowEncoder(eqx.Module):
    """The shallow encoder of the theorem: (…, d_s, d) becomes one number, (…).

    Attributes:
        layer: Its `PooledAttention`.
        readout: w_O, (d_m,).
        config: Its `ShallowConfig`.

    Args:
        config: The shape.
        key: Key of the first weights, Gaussian in float32.

    Raises:
        TypeError: If the config is no `ShallowConfig`, or the key no JAX key.
    """

    layer: PooledAttention
    readout: Float[Array, "m"]
    config: ShallowConfig = eqx.field(static=True)

    @single_precision()
    def __init__(self, config: ShallowConfig, *, key: PRNGKeyArray) -> None:
        check_kind(ShallowConfig, config=config)
        check_key(key=key)
        below, above = jax.random.split(key)
        self.layer = PooledAttention(config, key=below)
        spread = config.readout_variance**0.5
        self.readout = spread * jax.random.normal(above, (config.width,))
        self.config = config

    @usual_promotion()
    def __call__(self, inputs: Float[Array, "*batch s d"]) -> Float[Array, "*batch"]:
        """Return f = ⟨a, w_O⟩, (…).

        Raises:
            TypeError: If inputs are no array.
            ValueError: If they are not real, finite and of d features.
        """
        return self.layer(inputs) @ self.readout


def _scores(inputs: Array, query: Array, key: Array) -> Array:
    """(X W_Qᵀ)(X W_Kᵀ)ᵀ, in the order of products that takes fewer operations."""
    (width, features), tokens = query.shape, math.prod(inputs.shape[:-1])
    if features * (width + tokens) < 2 * width * tokens:
        queries, keys = inputs @ (query.T @ key), inputs
    else:
        queries, keys = inputs @ query.T, inputs @ key.T
    return queries @ jnp.swapaxes(keys, -1, -2)


@usual_promotion()
def distance_from_uniform(
    attention: Float[Array, "*batch s t"],
) -> Float[Array, "*batch"]:
    """Compute the total variation between rows of attention and 1/d_s, (…).

    It is ½ Σ_j |S_ij − 1/d_s|, averaged over rows i: 0 of uniform attention, 1 − 1/d_s
    of rows that look at one token.

    Args:
        attention: S, (…, rows, d_s).

    Raises:
        TypeError: If it is no array.
        ValueError: If it is not real and finite.
    """
    check_real(attention=attention)
    check_shapes(attention=(attention, "... s t"))
    check_finite(attention=attention)
    return jnp.abs(attention - 1 / attention.shape[-1]).sum(-1).mean(-1) / 2
