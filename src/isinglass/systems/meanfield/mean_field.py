"""The mean-field map of self-attention: an infinitely large network is a delay map."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from isinglass._common.checks import (
    as_parameter,
    as_real_array,
    check_in,
    check_kind,
    check_real,
    check_shapes,
    check_whole,
    parameter,
)
from isinglass._common.notebook import html_table
from isinglass._common.precision import double_precision
from isinglass._common.types import ArrayLike
from isinglass.dynamics.maps import DelayMap, DelayState
from isinglass.systems.meanfield.attention import (
    attend,
    check_position,
    check_single_position,
)
from isinglass.systems.meanfield.features import Features, Kind

PARAMETERS = ("beta", "gamma", "epsilon")
"""Inverse temperature β of the tokens, gain γ of the attention, weight ε of bits."""

Parameters = Mapping[str, Any]  # a number or a scalar array for each of PARAMETERS

_VQK = slice(1, None)

_MOST_TERMS = 40
"""Up to here, which is M = 3, a product is written out; beyond, it is a matrix product.

Written out, XLA fuses it with the rest of the step: 0.011 µs a step instead of 0.017
(M = 3, 250 lanes, two cores). Products of 96 terms (M = 4, 8 groups) gain nothing, and
of 240 take twice as long as a matrix product, in which the lanes are columns, and ten
times as long to compile.
"""


@dataclass(frozen=True)
class MeanField:
    """Mean-field map of the self-attention network with given features, exact as N → ∞.

    The token at position t has the overlaps

        m^α_{a,t} = (1−ε) Σ_g C^α_{a,g} tanh(β Σ_b σ_{g,b} A_{b,t−1}) + (ε/P) Σ_p
        W^α_{a,p} e_{t,p}

    with the attention A_{t−1} that generated it, and A_t = Σ_τ softmax_τ(γ m^q_t ·
    m^k_τ) m^v_τ over the last L tokens. So A_t is a function of the last L values of A
    and of t mod 2^P, which is what `map` says; it is a step for every function of
    `isinglass.dynamics`. Calling the mean field itself evaluates that function.

    In a `DelayState` of this map ``window`` holds A_{t−1}, …, A_{t−L} and ``phase`` is
    t mod 2^P: the position whose attention comes next.

    Source: Poc-López & Aguilera 2024.

    Attributes:
        features: The patterns.
        context: Length L of the window; 2^P, once round the positional bits, if None.

    Raises:
        TypeError: If ``features`` are none.
        ValueError: If ``context`` is no whole number of at least 1.
    """

    features: Features
    context: int | None = None

    def _repr_html_(self) -> str:
        context = self.context or 2**self.features.positional_bits
        rows = [("features", repr(self.features)), ("context L", str(context))]
        return html_table("MeanField", (), rows)

    def __post_init__(self) -> None:
        check_kind(Features, features=self.features)
        if self.context is not None:
            check_whole(context=self.context)

    @property
    def length(self) -> int:
        """L, the number of tokens in the window."""
        return self.period if self.context is None else self.context

    @property
    def period(self) -> int:
        """2^P, the number of positions that positional bits tell apart."""
        return 2**self.features.positional_bits

    @property
    def map(self) -> DelayMap:
        """The map on the window of attentions, d = M."""
        return DelayMap(self, self.length, self.period)

    def __call__(
        self, window: Sequence[Array] | Array, parameters: Parameters, phase: Any
    ) -> Float[Array, " M"]:
        """Compute the attention A_t from the last L of them, in their precision.

        Args:
            window: A_{t−1}, …, A_{t−L}, or fewer while the window still grows; (M,)
                each.
            parameters: "beta", "gamma" and "epsilon".
            phase: t mod 2^P, a Python int or a traced one.
        """
        tokens = [
            self._token(window[age], parameters, phase - age, _VQK)
            for age in range(len(window))
        ]
        return _attend(tokens, parameters)

    def token(
        self, attention: Float[Array, " M"], parameters: Parameters, position: Any
    ) -> Float[Array, "4 M"]:
        """Compute the overlaps m^o, m^v, m^q, m^k of the token of an attention.

        Args:
            attention: A of the position before.
            parameters: "beta" and "epsilon"; "gamma" is not needed.
            position: Of the token, a Python int or a traced one.

        Raises:
            ValueError: If the attention is not (M,) and real, or a parameter is missing
                or no number.
        """
        check_real(attention=attention)
        check_shapes(attention=(attention, f"{self.features.n_patterns}"))
        check_position(position)
        for name in ("beta", "epsilon"):
            check_in("(-inf, inf)", **{name: parameter(name, parameters)})
        return self._token(attention, parameters, position, slice(None))

    def overlaps(
        self, attention: ArrayLike, parameters: Parameters, position: int
    ) -> Float[np.ndarray, "T 4 M"]:
        """Compute the overlaps m^o, m^v, m^q, m^k of the tokens of a trajectory.

        Args:
            attention: Successive A, (T, M).
            parameters: Numbers "beta" and "epsilon"; "gamma" is not needed.
            position: Position of the first of these tokens, one more than that of the
                first A.

        Raises:
            ValueError: If the attention is not (T, M) and finite, or a parameter is
                missing or not finite.
        """
        rows = as_real_array("attention", attention, (None, self.features.n_patterns))
        beta, epsilon = (as_parameter(name, parameters) for name in ("beta", "epsilon"))
        check_single_position(position)
        means = np.tanh(beta * rows @ self.features.signs.T)
        semantic = np.einsum("xmg,tg->txm", self.features.semantic, means)
        positions = (position % self.period + np.arange(len(rows))) % self.period
        positional = np.moveaxis(
            self.features.positional_overlaps[:, :, positions], -1, 0
        )
        return (1 - epsilon) * semantic + epsilon * positional

    def prompt(
        self,
        parameters: Parameters,
        pattern: int = 0,
        kind: Kind = "o",
        position: int | None = None,
    ) -> Float[Array, " M"]:
        """Compute the attention of a whole pattern with itself alone: its m^v.

        Args:
            parameters: As for `start_from_pattern`.
            pattern: Index of the pattern.
            kind: Whose pattern: "o", "v", "q" or "k".
            position: Whose positional bits it carries; None for the pattern's own.

        Raises:
            ValueError: If there is no such pattern, or a parameter is missing or not
                finite.
        """
        features = self.features
        semantic = features.overlaps_of_pattern(pattern, kind)
        if position is not None:
            check_position(position)
            return self._parts(semantic, parameters, position)[0]
        own = features.positional_overlaps_of_pattern(pattern, kind)
        with _precision(parameters) as dtype:
            # NumPy's, of which JAX need not compile every operation.
            value, bits = (np.asarray(overlap[1], dtype) for overlap in (semantic, own))
            return jnp.asarray(_weighted(value, bits, parameters))

    def start_from_pattern(
        self,
        parameters: Parameters,
        pattern: int = 0,
        kind: Kind = "o",
        position: int | None = None,
    ) -> DelayState:
        """Give the full window with which the published program begins.

        It is prompted with a whole pattern, its own positional columns included, which
        attends to itself; the attention A_{−1} that results generates the first token
        of the window, at position 0, and the pattern is forgotten. The window then
        holds A_{L−2}, …, A_0, A_{−1}, and A_{L−1} comes next.

        Args:
            parameters: "beta", "gamma" and "epsilon". If they are plain numbers the
                state is float64, if JAX arrays it has their precision.
            pattern: Index of the pattern.
            kind: Whose pattern: "o", "v", "q" or "k".
            position: The position whose bits the prompt carries instead of its own;
                with 0 it stands where the first token does. None for its own. In the
                weights of the paper (P = 2) both are the same.

        Raises:
            ValueError: If there is no such pattern, or a parameter is missing or not
                finite.
        """
        return self.start_from_window(
            parameters, self.prompt(parameters, pattern, kind, position)[None]
        )

    def start_from_token(
        self, parameters: Parameters, overlaps: ArrayLike
    ) -> DelayState:
        """Give the window as soon as all of it descends from one token.

        That stood at position 0. The window holds A_{L−1}, …, A_0, and A_L comes next.

        Args:
            parameters: As for `start_from_pattern`.
            overlaps: Semantic overlaps (1/N) Σ_i W^α_{a,i} s_i of the token, (4, M): of
                spins `semantic_overlaps`, of a pattern `Features.overlaps_of_pattern`.

        Raises:
            ValueError: If the overlaps are not (4, M) and finite, or a parameter is
                missing or not finite.
        """
        tokens, rows = [self._parts(overlaps, parameters)], []
        with _precision(parameters):
            for position in range(1, self.length + 1):
                rows.append(_attend(tokens, parameters))
                tokens.insert(0, self._token(rows[-1], parameters, position, _VQK))
            return self.map.start(jnp.stack(rows[::-1]), self.length)

    def start_from_window(
        self, parameters: Parameters, window: ArrayLike, position: int = 0
    ) -> DelayState:
        """A full window that continues given attentions.

        Args:
            parameters: As for `start_from_pattern`.
            window: The last n attentions, newest first, (n, M) with 1 ≤ n ≤ L. If n < L
                the next L − n are added, each from as many tokens as there are.
            position: Position of the attention that comes next, t; it is that of the
                newest token.

        Raises:
            ValueError: If the window is of another shape or not finite, a parameter is
                missing or not finite, or the position is not one whole number.
        """
        check_single_position(position)
        rows = as_real_array("window", window, (None, self.features.n_patterns))
        if not 1 <= len(rows) <= self.length:
            raise ValueError(
                f"window must hold 1 to {self.length} attentions, got {len(rows)}"
            )
        with _precision(parameters) as dtype:
            numbers = {name: parameters[name] for name in PARAMETERS}
            full = _filled(self, int(position), jnp.asarray(rows, dtype), numbers)
            return self.map.start(full, position + self.length - len(rows))

    def _token(
        self, attention: Array, parameters: Parameters, position: Any, kinds: slice
    ) -> Float[Array, "kinds M"]:
        semantic = self.features.semantic[kinds]
        beta = jnp.asarray(parameter("beta", parameters), attention.dtype)
        means = jnp.tanh(beta * _product(self.features.signs, attention))
        overlaps = _product(semantic.reshape(-1, semantic.shape[-1]), means)
        return self._placed(
            overlaps.reshape(semantic.shape[:2]), parameters, position, kinds
        )

    def _parts(
        self, overlaps: ArrayLike, parameters: Parameters, position: int = 0
    ) -> Float[Array, "3 M"]:
        """m^v, m^q, m^k of a token with these semantic overlaps at a position."""
        semantic = as_real_array("overlaps", overlaps, (4, self.features.n_patterns))
        with _precision(parameters) as dtype:
            return self._placed(
                jnp.asarray(semantic, dtype)[_VQK], parameters, position, _VQK
            )

    def _placed(
        self,
        semantic: Float[Array, "kinds M"],
        parameters: Parameters,
        position: Any,
        kinds: slice,
    ) -> Float[Array, "kinds M"]:
        """Overlaps with the positional bits, from those without."""
        table = self.features.positional_overlaps[kinds].astype(semantic.dtype)
        if not isinstance(position, int):
            table = jnp.asarray(table)
        return _weighted(semantic, table[:, :, position % self.period], parameters)


@partial(jax.jit, static_argnums=(0, 1), inline=True)
def _filled(
    field: MeanField,
    position: int,
    window: Float[Array, "n M"],
    parameters: Parameters,
) -> Float[Array, "L M"]:
    """A window with all that it lacks, in one program rather than one an operation."""
    rows = list(window)
    while len(rows) < field.length:
        rows.insert(0, field(rows, parameters, position))
        position += 1
    return jnp.stack(rows)


def _weighted(
    semantic: Float[Array | np.ndarray, "*shape"],
    positional: Any,
    parameters: Parameters,
) -> Any:
    """Overlaps of both parts of a token, each with its weight."""
    epsilon = parameter("epsilon", parameters)
    asarray = jnp.asarray if isinstance(epsilon, jax.Array) else np.asarray
    epsilon = asarray(epsilon, semantic.dtype)
    return (1 - epsilon) * semantic + epsilon * positional


def _attend(
    tokens: Sequence[Float[Array, "3 M"]], parameters: Parameters
) -> Float[Array, " M"]:
    """Attention of the first of these tokens (m^v, m^q, m^k), the newest, to all."""
    gamma = jnp.asarray(parameter("gamma", parameters), tokens[0].dtype)
    return attend(tokens[0][1], [t[2] for t in tokens], [t[0] for t in tokens], gamma)


def _product(
    matrix: Float[np.ndarray, "r c"], x: Float[Array, "c"]
) -> Float[Array, "r"]:
    """A constant matrix times a vector."""
    if matrix.size > _MOST_TERMS:
        return jnp.asarray(matrix, x.dtype) @ x
    terms = [x[column] for column in range(len(x))]
    return jnp.stack([_weighted_sum(row, terms) for row in matrix])


def _weighted_sum(weights: Float[np.ndarray, "c"], terms: Sequence[Array]) -> Array:
    """Σ w x, without products by ±1: fewer operations compile sooner."""
    first, *others = zip(weights.tolist(), terms, strict=True)
    total = _times(*first)
    for weight, term in others:
        total = total - term if weight == -1 else total + _times(weight, term)
    return total


def _times(weight: float, term: Array) -> Array:
    return term if weight == 1 else weight * term


@contextmanager
def _precision(parameters: Parameters) -> Iterator[Any]:
    """The precision of a start: that of arrays in the parameters, or else float64."""
    check_kind(Mapping, parameters=parameters)
    arrays = [value for value in parameters.values() if isinstance(value, jax.Array)]
    for name in PARAMETERS:
        if not isinstance(parameters.get(name), jax.Array):
            as_parameter(name, parameters)
    with nullcontext() if arrays else double_precision():
        yield jnp.result_type(*arrays, float) if arrays else jnp.float64
