"""Thermometers: numbers as bits, each of which says whether a threshold is passed.

Of z bits for each feature, with i = 1 … z:

    uniform       lo + i (hi − lo)/(z + 1)
    gaussian      μ + σ Φ⁻¹(i/(z + 1)),  σ with n − 1
    distributive  the sorted values at ⌊n i/(z + 1)⌋, so that bits are equally likely

lo, hi, μ and σ are of that feature in the samples that it is fitted on. Where many
samples are equal, thresholds tie: of the paper of a picture, all. Tied bits say nothing
new, and a bit that no sample changes says nothing at all: `Thermometer.useful` names
the others, and `Thermometer.distinct` those by which a network that has all bits is
trained at less cost.

Source: the program of Bacellar et al. 2024, arXiv 2410.11112.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int, Num, Shaped
from scipy.special import ndtri

from isinglass._common.checks import (
    as_array,
    check_choice,
    check_finite,
    check_positive,
    check_real,
    check_shapes,
    check_whole,
)
from isinglass._common.precision import in_floats, usual_promotion

KINDS = ("distributive", "gaussian", "uniform")


class Ties(NamedTuple):
    """Which bits of a thermometer say nothing, on some samples.

    Attributes:
        constant: Whether a bit is the same for all samples, (F, z).
        repeated: Whether a bit that is not constant is another one before it, for all
            samples, (F, z).
    """

    constant: Bool[np.ndarray, "f z"]
    repeated: Bool[np.ndarray, "f z"]

    def __repr__(self) -> str:
        constant, repeated = int(self.constant.sum()), int(self.repeated.sum())
        return (
            f"Ties({self.constant.size:,} bits: {constant:,} constant, {repeated:,} "
            "repeated)"
        )


class Distinct(NamedTuple):
    """Which bits differ on some samples, and which of them every bit equals.

    Attributes:
        columns: Numbers of the first bits of their kind, constant ones too, (D,).
        places: Which of them, from 0, each of all bits equals, (F z,).
    """

    columns: Int[np.ndarray, "d"]
    places: Int[np.ndarray, "bits"]


@dataclass(frozen=True, eq=False)
class Thermometer:
    """Thresholds of every feature, and the bits that they make of samples.

    Attributes:
        thresholds: (F, z), from the lowest up. They and samples are compared in the
            coarser of both float types: where a threshold is a sample's value, a copy
            of that sample in another type does not pass it either. Whole numbers of two
            types are compared as they are.

    Raises:
        TypeError: If thresholds are no array.
        ValueError: If they fall, or are not finite and real.
    """

    thresholds: Num[np.ndarray, "f z"]

    def __post_init__(self) -> None:
        check_real(thresholds=self.thresholds)
        check_shapes(thresholds=(self.thresholds, "F z"))
        check_finite(thresholds=self.thresholds)
        thresholds = np.array(self.thresholds)
        if (np.diff(thresholds, axis=1) < 0).any():
            raise ValueError("thresholds must rise along the bits of each feature")
        thresholds.flags.writeable = False
        object.__setattr__(self, "thresholds", thresholds)

    def __call__(self, samples: Num[np.ndarray, "*batch f"]) -> Bool[np.ndarray, "..."]:
        """Return whether samples (…, F) pass thresholds, (…, F, z).

        Bits never rise along z.

        Raises:
            ValueError: If samples have other features, or are not finite and real.
        """
        samples = _checked(samples, f"... {len(self.thresholds)}")
        thresholds = self.thresholds
        dtype = _coarser_type(samples.dtype, thresholds.dtype)
        with np.errstate(over="ignore"):  # no float16 passes what it cannot hold
            if dtype is not None:
                samples, thresholds = samples.astype(dtype), thresholds.astype(dtype)
            return samples[..., None] > thresholds

    def counts(
        self, samples: Num[np.ndarray, "*batch f"]
    ) -> Int[np.ndarray, "*batch f"]:
        """Return how many thresholds samples (…, F) pass, which never falls with them.

        Raises:
            ValueError: As a call.
        """
        return self(samples).sum(-1)

    def ties(self, samples: Num[np.ndarray, "n f"]) -> Ties:
        """Return which bits are constant or repeated on samples (n, F).

        Raises:
            ValueError: As a call.
        """
        samples = _checked(samples, f"n {len(self.thresholds)}")
        bits = self(samples).reshape(len(samples), -1)
        constant = (bits == bits[0]).all(0)
        first = np.zeros(len(constant), bool)
        first[_first_of_kind(bits).columns] = True
        shape = self.thresholds.shape
        return Ties(constant.reshape(shape), (~first & ~constant).reshape(shape))

    def useful(self, samples: Num[np.ndarray, "n f"]) -> Int[np.ndarray, "bits"]:
        """Return numbers of the bits that are neither constant nor repeated.

        They are of bits in one row, feature by feature: bit i of feature f is f z + i.

        Raises:
            ValueError: As a call.
        """
        ties = self.ties(samples)
        return np.flatnonzero(~(ties.constant | ties.repeated))

    def distinct(self, samples: Num[np.ndarray, "n f"]) -> Distinct:
        """Return the bits that differ on samples (n, F), and which each bit equals.

        They are counted as by `useful`. Bits that are 0 for all samples are of one
        kind, and bits that are 1 of another. `LookupNetwork.merged` says what for.

        Raises:
            ValueError: As a call.
        """
        samples = _checked(samples, f"n {len(self.thresholds)}")
        return _first_of_kind(self(samples).reshape(len(samples), -1))


def fit_thermometer(
    samples: Num[np.ndarray, "n f"], bits: int, kind: str = "distributive"
) -> Thermometer:
    """Fit the thresholds of every feature to samples.

    Args:
        samples: (n, F), two at least.
        bits: z, of each feature.
        kind: "distributive", "gaussian" or "uniform".

    Returns:
        A `Thermometer` whose thresholds have the type of samples; of whole numbers
        "gaussian" and "uniform" make float64.

    Raises:
        ValueError: If samples are not finite and real, or so far apart that a threshold
            is not, or a choice is out of range.
    """
    samples = _checked(samples, "n F")
    check_whole(bits=bits)
    check_choice(KINDS, kind=kind)
    if len(samples) < 2:
        raise ValueError(f"samples must be two at least, got {len(samples)}")
    shares = np.arange(1, bits + 1) / (bits + 1)
    if kind == "distributive":
        places = len(samples) * np.arange(1, bits + 1) // (bits + 1)
        rows = np.sort(samples, axis=0)[places]
        return Thermometer(np.ascontiguousarray(rows.T))
    floats = np.issubdtype(samples.dtype, np.floating)
    with np.errstate(over="ignore", invalid="ignore"):
        thresholds = _even(samples.astype(np.float64), shares, kind)
        thresholds = thresholds.astype(samples.dtype if floats else np.float64)
    if not np.isfinite(thresholds).all():
        raise ValueError(
            f"samples must have finite thresholds in {thresholds.dtype}, got samples "
            f"from {samples.min()} to {samples.max()}"
        )
    return Thermometer(thresholds)


def _even(samples: np.ndarray, shares: np.ndarray, kind: str) -> np.ndarray:
    """Thresholds that are evenly spread by range or by a normal distribution."""
    if kind == "uniform":
        low, high = samples.min(0)[:, None], samples.max(0)[:, None]
        return low + shares * (high - low)
    spread = samples.std(0, ddof=1)[:, None]
    return samples.mean(0)[:, None] + spread * ndtri(shares)


@usual_promotion()
def thermometer_bits(
    values: Float[Array, "*batch f"],
    thresholds: Shaped[Array, "..."],
    window: float | None = None,
) -> Float[Array, "*batch f z"]:
    """Return 1 where a value passes a threshold, with a gradient, (…, F, z).

    A step has none; here each bit passes on its own to the value, as it is
    ("straight through"), or within a window around its threshold alone.

    Args:
        values: (…, F).
        thresholds: (z,), of all features, or (F, z).
        window: Half of its width; bits pass on 1/(2 window) of their gradient there. As
            wide as thresholds lie apart, it is the slope of the straight line through
            their counts. None passes on all of it everywhere.

    Raises:
        TypeError: If something is no array.
        ValueError: If shapes do not fit, or something is not finite.
    """
    check_real(values=values, thresholds=thresholds)
    check_shapes(values=(values, "... F"))
    axes = "z" if thresholds.ndim == 1 else "F z"
    check_shapes(values=(values, "... F"), thresholds=(thresholds, axes))
    check_finite(values=values, thresholds=thresholds)
    if window is not None:
        check_positive(window=window)
    values = in_floats(jnp.asarray(values))
    return threshold_bits(values, jnp.asarray(thresholds, values.dtype), window)


def threshold_bits(values: Array, thresholds: Array, window: float | None) -> Array:
    """The same without checks."""
    above = values[..., None] - thresholds
    return _above(above, jnp.inf if window is None else window)


@jax.custom_vjp
def _above(excess: Array, window: Any) -> Array:
    return (excess > 0).astype(excess.dtype)


def _forward(excess: Array, window: Any) -> tuple[Array, Any]:
    return _above(excess, window), (excess, jnp.asarray(window, excess.dtype))


def _backward(rest: Any, cotangent: Array) -> tuple[Array, Any]:
    excess, window = rest
    share = jnp.where(jnp.isinf(window), 1, 0.5 / window)
    inside = jnp.where(jnp.abs(excess) <= window, share, 0).astype(cotangent.dtype)
    return cotangent * inside, jnp.zeros_like(window)


_above.defvjp(_forward, _backward)


def _first_of_kind(bits: np.ndarray) -> Distinct:
    """The first of all equal columns of bits (n, F z)."""
    packed = np.ascontiguousarray(np.packbits(bits, axis=0).T)
    kinds = packed.view([("", packed.dtype)] * packed.shape[1]).ravel()
    _, first, kind = np.unique(kinds, return_index=True, return_inverse=True)
    order = np.argsort(first)
    return Distinct(first[order], np.argsort(order)[kind.reshape(-1)])


def _coarser_type(samples: np.dtype, thresholds: np.dtype) -> np.dtype | None:
    """The coarser of two float types; the one there is, if any."""
    floats = [own for own in (samples, thresholds) if np.issubdtype(own, np.floating)]
    return min(floats, key=lambda dtype: dtype.itemsize, default=None)


def _checked(samples: Any, axes: str) -> np.ndarray:
    array = np.asarray(as_array("samples", samples))
    check_real(samples=array)
    check_shapes(samples=(array, axes))
    check_finite(samples=array)
    return array
