"""The layer of vHeat: depthwise convolution, conduction, norm and gate.

    u, z = halves of (conv₃ₓ₃(x) W + b)            k = relu(E W_k + b_k)
    y = (LN(conduct(u, k)) ⊙ silu(z)) W_o + b_o

with a frequency embedding E (H, W, C), which layers of a stage may share. At the
published start E W_k is near 0: half of k is exactly 0 and has no gradient through
relu, but W_k and b_k, which all modes share, can revive it. k of the mean is void.

What conducts is a choice (``kind``), for the controls that the paper lacks:

    modes     k of each mode and channel, as published
    channels  k = softplus of one number of each channel: an honest heat equation
    constant  one k for all, not trained; 5 is what users quote of the paper
    filter    gains of each mode and channel, of any size and sign
    table     a stored k of each mode, as `resampled` makes it
    none      k = 0: no mixing but by the convolution

Source: Wang et al. 2024, arXiv 2405.16555, and its program (class Heat2D).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from isinglass._common.affine import Linear
from isinglass._common.checks import (
    as_pair,
    check_choice,
    check_finite,
    check_flag,
    check_in,
    check_key,
    check_kind,
    check_real,
    check_shapes,
    check_whole,
)
from isinglass._common.precision import in_floats, single_precision, usual_promotion
from isinglass.attention.normalisation import Normalisation
from isinglass.systems.heat.conduction import decay, effective_width
from isinglass.systems.heat.gradients import depthwise, scaled
from isinglass.systems.heat.resolution import (
    RULES,
    rates_by_side,
    resample_conductivity,
)
from isinglass.systems.heat.spectrum import (
    SPECTRA,
    check_field,
    check_method,
    transformed,
)

KINDS = ("modes", "channels", "constant", "filter", "table", "none")
WEIGHTS = ("kernel", "kernel_bias", "linear", "norm", "out")  # whatever conducts
SPREAD = 0.02  # of weights at the start
FIRST = 0.1  # k of each channel at the start


@dataclass(frozen=True)
class HeatConfig:
    """Shape of a `HeatConduction` layer; the defaults are the published choices.

    Attributes:
        width: C, channels.
        shape: H and W, cells.
        kind: What conducts: "modes", "channels", "constant", "filter", "table" or
            "none".
        constant: k ≥ 0 of "constant".
        spectrum: "continuous" as published, or "graph".
        convolution: Whether a depthwise 3 × 3 convolution comes first. In small
            pictures it does most of what the layer does.
        method: Of the transforms: "matrix", "fft", or "auto" by size.

    Raises:
        ValueError: If a value is out of range.
        TypeError: If the shape is no pair, or a choice neither True nor False.
    """

    width: int
    shape: tuple[int, int]
    kind: str = "modes"
    constant: float = 5.0
    spectrum: str = "continuous"
    convolution: bool = True
    method: str = "auto"

    def __post_init__(self) -> None:
        check_whole(width=self.width)
        object.__setattr__(self, "shape", as_pair("shape", self.shape))
        check_choice(KINDS, kind=self.kind)
        check_choice(SPECTRA, spectrum=self.spectrum)
        check_in("[0, inf)", constant=self.constant)
        check_flag(convolution=self.convolution)
        check_method(self.method)


def linear(rows: int, columns: int, *, key: PRNGKeyArray) -> Linear:
    """A linear map, normal of spread 0.02."""
    return Linear(small_weights(key, (rows, columns)))


class HeatConduction(eqx.Module):
    """The layer, from fields (…, H, W, C) to fields (…, H, W, C).

    Attributes:
        kernel, kernel_bias: Of the depthwise convolution, (3, 3, C) and (C,); None
            without it.
        linear: To u and the gate z.
        norm: Over channels, of what has conducted.
        out: W_o and b_o.
        embedding: E, (H, W, C); None if not of "modes", or if it is handed over in each
            call.
        to_conductivity: W_k and b_k of "modes"; else None.
        modes: What else is of "channels" (C,), "filter" (gains) or "table" (k), both
            (H, W, C); else None.
        config: Its `HeatConfig`.

    Args:
        config: The shape.
        shares_embedding: Whether E is handed over in each call.
        key: Key of the weights: normal of spread 0.02, biases 0, the
            convolution uniform within 1/3, as in the program.

    Raises:
        TypeError: If something is of another kind.
    """

    kernel: Float[Array, "3 3 c"] | None
    kernel_bias: Float[Array, "c"] | None
    linear: Linear
    norm: Normalisation
    out: Linear
    embedding: Float[Array, "h w c"] | None
    to_conductivity: Linear | None
    modes: Float[Array, "..."] | None
    config: HeatConfig = eqx.field(static=True)

    @single_precision()
    def __init__(
        self,
        config: HeatConfig,
        *,
        shares_embedding: bool = False,
        key: PRNGKeyArray,
    ) -> None:
        check_kind(HeatConfig, config=config)
        check_flag(shares_embedding=shares_embedding)
        check_key(key=key)
        keys, c = jax.random.split(key, 6), config.width
        self.kernel, self.kernel_bias = None, None
        if config.convolution:
            draws = jax.random.uniform(keys[0], (10, c), minval=-1 / 3, maxval=1 / 3)
            self.kernel, self.kernel_bias = draws[:9].reshape(3, 3, c), draws[9]
        self.linear = linear(c, 2 * c, key=keys[1])
        self.norm = Normalisation(c)
        self.out = linear(c, c, key=keys[2])
        self.embedding = self.to_conductivity = None
        if config.kind == "modes":
            self.to_conductivity = linear(c, c, key=keys[3])
            if not shares_embedding:
                self.embedding = frequency_embedding(config.shape, c, key=keys[4])
        self.modes = _first_modes(config)
        self.config = config

    @usual_promotion()
    def conductivities(
        self, embedding: Float[Array, "h w c"] | None = None
    ) -> Float[Array, "..."]:
        """Return k: (H, W, C) of "modes" and "table", (C,) of "channels", or one.

        Args:
            embedding: E, if it is handed over.

        Raises:
            ValueError: For "filter", whose gains are no conduction; or if the embedding
                is missing or of another shape.
            TypeError: If it is no array.
        """
        kind = self.config.kind
        if kind == "filter":
            raise ValueError('kind must not be "filter", which has no conductivity')
        if kind == "modes":
            assert self.to_conductivity is not None
            return jax.nn.relu(self.to_conductivity(self._embedding(embedding)))
        if self.modes is not None:
            positive = jax.nn.softplus if kind == "channels" else jax.nn.relu
            return positive(self.modes)
        return jnp.asarray(self.config.constant if kind == "constant" else 0.0)

    @usual_promotion()
    def widths(
        self, embedding: Float[Array, "h w c"] | None = None
    ) -> Float[Array, "..."]:
        """Return √(2k) in cells, how far heat goes: a diagnostic of what was learned.

        Of a k by mode it is what that mode would say if all had its k.

        Raises:
            ValueError: As `conductivities`.
            TypeError: If the embedding is no array.
        """
        return effective_width(self.conductivities(embedding))

    @usual_promotion()
    def gains(
        self, embedding: Float[Array, "h w c"] | None = None
    ) -> Float[Array, "h w c"]:
        """Return what modes are multiplied by: e^(−kω²), or the gains of "filter".

        Raises:
            ValueError: If the embedding is missing or of another shape.
            TypeError: If it is no array.
        """
        config = self.config
        if config.kind == "filter":
            assert self.modes is not None
            return self.modes
        k = self.conductivities(embedding)
        full = (*config.shape, config.width)
        dtype = self.linear.weight.dtype
        return jnp.broadcast_to(decay(k, config.shape, config.spectrum, dtype), full)

    @usual_promotion()
    def __call__(
        self,
        x: Float[Array, "*b h w c"],
        embedding: Float[Array, "h w c"] | None = None,
    ) -> Float[Array, "*b h w c"]:
        """Return y of fields (…, H, W, C).

        Args:
            x: The fields, of the layer's shape and width.
            embedding: E, if it is handed over.

        Raises:
            TypeError: If the fields or the embedding are no arrays.
            ValueError: If they are of other shapes, not real or not finite.
        """
        check_field(x=x)
        height, width = self.config.shape
        check_shapes(x=(x, f"... {height} {width} {self.config.width}"))
        fields = in_floats(x)
        return self.out(self._gated(fields, embedding)).astype(fields.dtype)

    def _gated(self, x: Array, embedding: Any) -> Array:
        """LN(u_t) ⊙ silu(z)."""
        field, gate = halves(self, x)
        if self.config.kind != "none":
            method = self.config.method
            modes = scaled(transformed(field, method), self.gains(embedding))
            field = transformed(modes, method, inverse=True)
        return (self.norm(field) * jax.nn.silu(gate)).reshape(x.shape)

    @usual_promotion()
    def for_inference(
        self, embedding: Float[Array, "h w c"] | None = None
    ) -> HeatConduction:
        """Return the layer with e^(−kω²) stored, which gives the same numbers.

        Raises:
            ValueError: If the embedding is missing or of another shape.
            TypeError: If it is no array.
        """
        return self._with_modes(self.gains(embedding), kind="filter")

    @usual_promotion()
    def resampled(
        self,
        shape: tuple[int, int],
        rule: str = "finer",
        embedding: Float[Array, "h w c"] | None = None,
    ) -> HeatConduction:
        """Return the layer for fields of another resolution.

        A k of each mode becomes a "table" by `resample_conductivity`. A k that all
        modes share is in squared cells, and stays one: for the same plate in finer
        cells ("finer" or "edge") it is multiplied by (H′/H)², and under any other rule
        it stays as it is. Where sides grow by different ratios, "finer" and "edge"
        make of it a "table" with the rates of both sides.

        Args:
            shape: H′ and W′.
            rule: Of `resample_conductivity`.
            embedding: E, if it is handed over.

        Raises:
            ValueError: For "filter", whose gains are no conduction; if the embedding is
                missing, or a shape or rule is another.
            TypeError: If the shape is no pair, or the embedding no array.
        """
        check_choice(RULES, rule=rule)
        target, config = as_pair("shape", shape), self.config
        k = self.conductivities(embedding)
        if k.ndim < 3:
            return self._of_one_k(k, target, rule)
        table = resample_conductivity(k, target, rule, config.spectrum)
        return self._with_modes(table, kind="table", shape=target)

    @usual_promotion()
    def with_table(self) -> HeatConduction:
        """Return the layer with its k stored for each mode, the same numbers.

        Raises:
            ValueError: If the kind is "filter", or its embedding is handed over.
        """
        k, config = self.conductivities(), self.config
        full = (*config.shape, config.width)
        k = jnp.broadcast_to(k.astype(self.linear.weight.dtype), full)
        usual = HeatConfig.constant  # as a table has none
        return self._with_modes(k, kind="table", constant=usual)

    def _of_one_k(self, k: Array, shape: tuple[int, int], rule: str) -> HeatConduction:
        """The layer of another resolution, if all modes share their k."""
        config = self.config
        ratios = [(b / a) ** 2 for a, b in zip(config.shape, shape, strict=True)]
        if config.kind == "none" or rule not in ("finer", "edge"):
            return self._with_modes(self.modes, shape=shape)
        if ratios[0] != ratios[1]:
            table = k * rates_by_side(shape, ratios, config.spectrum).astype(k.dtype)
            table = jnp.broadcast_to(table, (*shape, config.width))
            return self._with_modes(table, kind="table", shape=shape)
        if config.kind == "constant":
            constant = config.constant * ratios[0]
            return self._with_modes(None, shape=shape, constant=constant)
        return self._with_modes(_softplus_of(k * ratios[0]), shape=shape)

    def _with_modes(self, modes: Array | None, **changes: Any) -> HeatConduction:
        """The layer with the same weights, but for what conducts."""
        config = replace(self.config, **changes)
        like = eqx.filter_eval_shape(HeatConduction, config, key=jax.random.key(0))
        values = {name: getattr(self, name) for name in WEIGHTS} | {"modes": modes}
        names = [name for name, value in values.items() if value is not None]
        return eqx.tree_at(
            lambda layer: [getattr(layer, name) for name in names],
            like,
            [values[name] for name in names],
        )

    def _embedding(self, embedding: Any) -> Any:
        """E of the layer or of the call, checked."""
        own = self.embedding if embedding is None else embedding
        if own is None:
            raise ValueError(
                "embedding must be passed to a layer that shares it, got None"
            )
        height, width = self.config.shape
        check_shapes(embedding=(own, f"{height} {width} {self.config.width}"))
        if embedding is not None:
            check_real(embedding=own)
            check_finite(embedding=own)
        return own


def halves(layer: HeatConduction, x: Array) -> list[Array]:
    """What is to be mixed, u, and the gate z, of checked fields, in one batch."""
    flat = x.reshape(-1, *x.shape[-3:])
    if layer.kernel is not None:
        flat = depthwise(flat, layer.kernel, layer.kernel_bias)
    return jnp.split(layer.linear(flat), 2, axis=-1)


def frequency_embedding(
    shape: tuple[int, int], width: int, *, key: PRNGKeyArray
) -> Float[Array, "h w c"]:
    """E at the start, normal of spread 0.02."""
    return small_weights(key, (*shape, width))


def small_weights(key: PRNGKeyArray, shape: tuple[int, ...]) -> Array:
    """Weights at the start. The program cuts them at ±2: a hundred spreads away."""
    return SPREAD * jax.random.normal(key, shape)


def _softplus_of(k: Array) -> Array:
    """What softplus makes k of, also where k is 0 in its type."""
    k = jnp.maximum(k, jnp.finfo(k.dtype).tiny)
    return k + jnp.log(-jnp.expm1(-k))


def _first_modes(config: HeatConfig) -> Array | None:
    full = (*config.shape, config.width)
    if config.kind == "channels":
        return _softplus_of(jnp.full(config.width, FIRST))
    if config.kind == "filter":
        return jnp.ones(full)
    return jnp.zeros(full) if config.kind == "table" else None
