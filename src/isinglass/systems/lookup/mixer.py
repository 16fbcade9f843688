"""Tables in the place of a transformer's perceptron: the block of QuWeiT.

    u = LN(x)    b = [u_d > t_i]    s = [T(b) > 0]    y = x + Σ of the rows of W where s

Thresholds t are fixed: normed features need no fit. Bits get their gradient straight
through, tables by an `ExtendedDifference`; the conditional sum takes additions alone.

Source: Nag et al. 2024, arXiv 2411.01818, and LL-ViT, arXiv 2511.00812. No program of
theirs is public, and depth, bits for a feature, n and schedule are not in what we have
of them: those are our choices.
"""

from __future__ import annotations

from dataclasses import dataclass

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray
from scipy.special import ndtri

from isinglass._common.checks import (
    check_finite,
    check_flag,
    check_key,
    check_kind,
    check_real,
    check_shapes,
    check_whole,
)
from isinglass._common.precision import in_floats, single_precision, usual_promotion
from isinglass.attention import Normalisation
from isinglass.systems.lookup.difference import (
    PROGRAM,
    ExtendedDifference,
    check_arity,
)
from isinglass.systems.lookup.layer import LookupConfig, LookupLayer
from isinglass.systems.lookup.sums import row_sums
from isinglass.systems.lookup.tables import step
from isinglass.systems.lookup.thermometer import threshold_bits


@dataclass(frozen=True)
class LookupMixerConfig:
    """Shape of a `LookupMixer`.

    Attributes:
        width: D, features of a token.
        tables: N.
        arity: n, bits that a table reads, from 1 to 12.
        bits: z, thresholds of a feature: the quantiles of a normal distribution.
        windowed: Whether a bit passes its gradient on near its threshold alone, and not
            everywhere.
        difference: How bits get a gradient from tables.

    Raises:
        ValueError: If a value is out of range.
        TypeError: If something is of another kind.
    """

    width: int
    tables: int = 192
    arity: int = 6
    bits: int = 4
    windowed: bool = False
    difference: ExtendedDifference = PROGRAM

    def __post_init__(self) -> None:
        check_whole(tables=self.tables, bits=self.bits)
        check_whole(2, width=self.width)
        check_arity(arity=self.arity)
        check_flag(windowed=self.windowed)
        check_kind(ExtendedDifference, difference=self.difference)

    @property
    def thresholds(self) -> Float[np.ndarray, "z"]:
        """Φ⁻¹(i/(z + 1)), i = 1 … z."""
        return ndtri(np.arange(1, self.bits + 1) / (self.bits + 1))

    @property
    def window(self) -> float | None:
        """Half the width of the window: the mean distance of thresholds, 1 of one."""
        if not self.windowed:
            return None
        apart = np.diff(self.thresholds)
        return float(apart.mean()) if apart.size else 1.0


class LookupMixer(eqx.Module):
    """Add to tokens (…, D) what tables make of each.

    Attributes:
        norm: Of what comes in.
        layer: The tables, wired at random.
        weights: W, (N, D); their sum over half of the spins has spread 1/√3 or so at
            the start.
        bias: (D,), −½ Σ_j W_j at the start, so that what is added is 0 on average.
        config: Its `LookupMixerConfig`.

    Args:
        config: The shape.
        key: Key of tables, wires and weights.

    Raises:
        TypeError: If something is of another kind.
    """

    norm: Normalisation
    layer: LookupLayer
    weights: Float[Array, "N d"]
    bias: Float[Array, "d"]
    config: LookupMixerConfig = eqx.field(static=True)

    @single_precision()
    def __init__(self, config: LookupMixerConfig, *, key: PRNGKeyArray) -> None:
        check_kind(LookupMixerConfig, config=config)
        check_key(key=key)
        first, second = jax.random.split(key)
        self.norm = Normalisation(config.width)
        inputs = config.width * config.bits
        shape = LookupConfig(
            inputs, config.tables, config.arity, difference=config.difference
        )
        self.layer = LookupLayer(shape, key=first)
        most = 2 * config.tables**-0.5
        sizes = config.tables, config.width
        self.weights = jax.random.uniform(second, sizes, minval=-most, maxval=most)
        self.bias = -self.weights.sum(0) / 2
        self.config = config

    @usual_promotion()
    def __call__(self, x: Float[Array, "*batch d"]) -> Float[Array, "*batch d"]:
        """Return x plus the conditional sum, (…, D).

        Raises:
            TypeError: If x is no array.
            ValueError: If it is of another width, or not finite and real.
        """
        check_real(x=x)
        check_shapes(x=(x, f"... {self.config.width}"))
        check_finite(x=x)
        x = in_floats(jnp.asarray(x))
        return x + self.added(x)

    def spins(self, x: Array) -> Array:
        """The tables' spins, (…, N), without checks."""
        config, normed = self.config, self.norm(x)
        thresholds = jnp.asarray(config.thresholds, normed.dtype)
        bits = threshold_bits(normed, thresholds, config.window)
        rows = bits.reshape(*x.shape[:-1], self.layer.config.inputs)
        return step(self.layer.outputs(rows))

    def added(self, x: Array) -> Array:
        """What is added to x, without checks."""
        return row_sums(self.spins(x), self.weights) + self.bias

    def clipped(self) -> LookupMixer:
        """Return the mixer with its tables cut to [−1, 1], as before a step."""
        return eqx.tree_at(lambda mixer: mixer.layer, self, self.layer.clipped())
