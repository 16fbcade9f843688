"""Features: weights of the attention, grouped by the spins that have equal means."""

import hashlib
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, get_args

import numpy as np
from jaxtyping import Float, Int, Num

from isinglass._common.checks import (
    as_generator,
    as_real_array,
    as_sign_array,
    check_choice,
    check_finite,
    check_in,
    check_kind,
    check_real,
    check_shapes,
    check_whole,
    is_whole,
)
from isinglass._common.notebook import html_table
from isinglass._common.types import ArrayLike
from isinglass.systems.meanfield.attention import position_signs

Kind = Literal["o", "v", "q", "k"]
KINDS: tuple[Kind, ...] = get_args(Kind)
"""The four weights, in the order in which every array here holds them."""

_MOST_PATTERNS = 12
"""All 2^(M − 1) columns are laid out from correlations; at 12 that is 0.8 MB."""

RandomState = Any  # None, an int, or anything else that numpy.random.default_rng takes


@dataclass(frozen=True, eq=False)
class Features:
    """The M features (patterns) of a self-attention network, as its mean field sees.

    Spins whose columns of W^o agree up to a global sign have, up to that sign, the same
    mean tanh(β Σ_b W^o_b A_b). Every column is gauged so that its first row is +1, and
    equal columns are one group g, of which there are at most min(N, 2^(M−1)); a sum
    over spins is then a sum over groups, exactly:

        (1/N) Σ_i W^α_{a,i} tanh(β Σ_b W^o_{b,i} A_b) = Σ_g C^α_{a,g} tanh(β Σ_b
        signs_{g,b} A_b)

    Two features are equal if all their numbers are. Make one by `from_weights`,
    `random_segments`, `paper`, `from_correlations`, `gaussian_correlations` or
    `shifted_cycle`.

    Source: Poc-López & Aguilera 2024; the grouping for any M is ours.

    Attributes:
        signs: Gauged columns of W^o in ±1, first entry +1.
        semantic: C^α, the weight of each group in each overlap, α in the order o, v, q,
            k.
        positional: Weights of the positional bits in ±1.
        correlations: ``correlations[α, a, β, b]`` = (1/N) Σ_i W^α_{a,i} W^β_{b,i}: the
            overlaps of a token that is a pattern.
        columns: The different columns in ±1 over all four weights, or None where only
            correlations are known.
        shares: Share of the spins that have each of the ``columns``; they sum to 1.
    """

    signs: Float[np.ndarray, "G M"]
    semantic: Float[np.ndarray, "4 M G"]
    positional: Float[np.ndarray, "4 M P"]
    correlations: Float[np.ndarray, "4 M 4 M"]
    columns: Int[np.ndarray, "T 4 M"] | None = None
    shares: Float[np.ndarray, "T"] | None = None

    def __repr__(self) -> str:
        return (
            f"Features({self.n_patterns} patterns, {self.positional_bits} positional "
            f"bits, {len(self.signs)} groups)"
        )

    def _repr_html_(self) -> str:
        return html_table(
            "Features of a self-attention network",
            (),
            [
                ("patterns M", str(self.n_patterns)),
                ("positional bits P", str(self.positional_bits)),
                ("groups of spins", str(len(self.signs))),
            ],
        )

    def __post_init__(self) -> None:
        _check_shapes(self)
        for array in self._arrays:
            array.flags.writeable = False

    @property
    def n_patterns(self) -> int:
        """M."""
        return self.signs.shape[1]

    @property
    def n_groups(self) -> int:
        """G, the number of groups of spins with equal means."""
        return self.signs.shape[0]

    @property
    def positional_bits(self) -> int:
        """P."""
        return self.positional.shape[2]

    @property
    def positional_overlaps(self) -> Float[np.ndarray, "4 M period"]:
        """(1/P) Σ_p W^α_{a,p} e_p at every position modulo 2^P; 0 without such bits."""
        bits = position_signs(self.positional_bits)
        return self.positional @ bits.T / max(self.positional_bits, 1)

    def overlaps_of_pattern(
        self, pattern: int, kind: Kind = "o"
    ) -> Float[np.ndarray, "4 M"]:
        """Semantic overlaps of a token that is one of the patterns.

        Args:
            pattern: Its index, 0 to M − 1.
            kind: Whose pattern: "o", "v", "q" or "k".

        Raises:
            ValueError: If there is no such pattern.
        """
        return self.correlations[:, :, self._row(kind, pattern), pattern]

    def positional_overlaps_of_pattern(
        self, pattern: int, kind: Kind = "o"
    ) -> Float[np.ndarray, "4 M"]:
        """(1/P) Σ_p W^α_{a,p} W_p of a token that is one of the patterns, whole.

        Its positional bits are then the pattern's own columns N … N + P − 1, and not
        those of a position; 0 without such bits.

        Args:
            pattern: Its index, 0 to M − 1.
            kind: Whose pattern: "o", "v", "q" or "k".

        Raises:
            ValueError: If there is no such pattern.
        """
        bits = self.positional[self._row(kind, pattern), pattern]
        return self.positional @ bits / max(self.positional_bits, 1)

    def _row(self, kind: Kind, pattern: int) -> int:
        """Which of the four weights a kind is, where there is such a pattern."""
        check_choice(KINDS, kind=kind)
        if not is_whole(pattern) or not 0 <= pattern < self.n_patterns:
            raise ValueError(
                f"pattern must be 0 to {self.n_patterns - 1}, got {pattern}"
            )
        return KINDS.index(kind)

    @classmethod
    def from_weights(cls, weights: ArrayLike, positional_bits: int) -> "Features":
        """Features of given weights.

        Args:
            weights: W^o, W^v, W^q, W^k in ±1, (4, M, N + P), the positional bits last.
            positional_bits: P, at least 0.

        Raises:
            ValueError: If the weights are not ±1 or of another shape, or no spin is
                left.
        """
        semantic, positional = split_weights(weights, positional_bits)
        n_spins = semantic.shape[2]
        return cls.from_columns(
            semantic.transpose(2, 0, 1), np.ones(n_spins), positional
        )

    @classmethod
    def from_columns(
        cls,
        columns: Int[np.ndarray, "n 4 M"],
        spins: Num[np.ndarray, "n"],
        positional: Float[np.ndarray, "4 M P"],
    ) -> "Features":
        """Make features of columns of the semantic weights.

        Args:
            columns: Columns over all four weights in ±1; they may repeat.
            spins: How many spins have each, or in what proportion.
            positional: Weights of the positional bits in ±1.

        Raises:
            ValueError: If the columns or positional weights are not ±1 or of other
                shapes, or a proportion is not positive and finite.
        """
        columns = as_sign_array("columns", columns, (None, 4, None))
        spins = as_real_array("spins", spins, (len(columns),))
        if not len(spins) or (spins <= 0).any():
            raise ValueError("spins must hold at least one number, all above 0")
        bits = as_sign_array("positional", positional, (4, columns.shape[2], None))
        columns, which = np.unique(columns, axis=0, return_inverse=True)
        shares = np.bincount(which.ravel(), weights=spins) / spins.sum()
        gauge = columns[:, 0, :1]
        signs, group = np.unique(columns[:, 0] * gauge, axis=0, return_inverse=True)
        semantic = np.zeros((len(signs), *columns.shape[1:]))
        np.add.at(
            semantic, group.ravel(), (shares[:, None] * gauge)[:, :, None] * columns
        )
        flat = columns.reshape(len(columns), -1)
        correlations = (flat.T * shares) @ flat
        return cls(
            signs.astype(float),
            np.moveaxis(semantic, 0, -1),
            bits.astype(float),
            correlations.reshape(2 * columns.shape[1:]),
            columns.astype(np.int8),
            shares,
        )

    @classmethod
    def random_segments(
        cls,
        n_patterns: int = 3,
        positional_bits: int = 2,
        n_spins: int = 99,
        segments: int = 3,
        random_state: RandomState = None,
    ) -> "Features":
        """Random patterns that are constant, +1 or −1, on each segment of the spins.

        The defaults are the paper's sizes.

        Args:
            n_patterns: M, at least 1.
            positional_bits: P, at least 0; their weights are drawn too.
            n_spins: N, at least ``segments``. The first segments hold one spin more
                where N is no multiple of their number.
            segments: Number of segments, at least 1.
            random_state: Seed or generator.

        Raises:
            ValueError: If a size is out of range.
        """
        check_whole(n_patterns=n_patterns, segments=segments)
        check_whole(0, positional_bits=positional_bits)
        check_whole(segments, n_spins=n_spins)
        random = as_generator("random_state", random_state)
        columns = random.choice([-1, 1], size=(segments, 4, n_patterns))
        positional = random.choice([-1.0, 1.0], size=(4, n_patterns, positional_bits))
        sizes = [len(part) for part in np.array_split(np.arange(n_spins), segments)]
        return cls.from_columns(columns, np.array(sizes), positional)

    @classmethod
    def paper(cls) -> "Features":
        """Give the features of the paper's figures: M = 3, P = 2, three segments.

        Source: drawn by the published program of Poc-López & Aguilera 2024.
        """
        return cls.from_columns(_PAPER_SEGMENTS, np.ones(3), _PAPER_POSITIONAL)

    @classmethod
    def from_correlations(
        cls, v: ArrayLike, q: ArrayLike, k: ArrayLike, positional: ArrayLike
    ) -> "Features":
        """Features known by their correlations with the output patterns.

        The output patterns are independent, so that all 2^(M−1) groups weigh the same;
        of the other weights only the correlation c_ab of their pattern a with output
        pattern b is given, and correlations of higher order are zero: the mean of α_a
        over the spins of column σ is Σ_b c_ab σ_b.

        Args:
            v: Correlations of W^v, (M, M).
            q: Correlations of W^q, likewise.
            k: Correlations of W^k, likewise.
            positional: Weights of the positional bits in ±1, (4, M, P).

        Raises:
            ValueError: If a matrix is not square or not finite, their sizes differ, or
                M is more than 12.
        """
        matrices = [
            _correlation_matrix(name, c) for name, c in (("v", v), ("q", q), ("k", k))
        ]
        m = len(matrices[0])
        if any(len(c) != m for c in matrices):
            raise ValueError(
                f"v, q and k must be of one size, got {[c.shape for c in matrices]}"
            )
        if m > _MOST_PATTERNS:
            raise ValueError(
                f"at most {_MOST_PATTERNS} patterns can be given by correlations, "
                f"whose 2^(M − 1) groups are all laid out, got {m}"
            )
        bits = as_sign_array("positional", positional, (4, m, None))
        signs = np.concatenate(
            [np.ones((2 ** (m - 1), 1)), position_signs(m - 1)], axis=1
        )
        mean_of = np.stack([np.eye(m), *matrices])
        correlations = np.einsum("xac,ybc->xayb", mean_of, mean_of)
        for kind in range(4):
            np.fill_diagonal(correlations[kind, :, kind, :], 1.0)
        return cls(
            signs, mean_of @ signs.T / len(signs), bits.astype(float), correlations
        )

    @classmethod
    def gaussian_correlations(
        cls,
        n_patterns: int = 3,
        positional_bits: int = 2,
        standard_deviation: float | None = None,
        random_state: RandomState = None,
    ) -> "Features":
        """Features with independent Gaussian correlations and random positional bits.

        Args:
            n_patterns: M, 1 to 12.
            positional_bits: P, at least 0.
            standard_deviation: Of every correlation; 1/√M if None. Weights with Σ_b
                |c_ab| > 1 exist for no network, the mean-field map takes them all the
                same.
            random_state: Seed or generator.

        Raises:
            ValueError: If a size is out of range, or the standard deviation negative or
                not finite.
        """
        check_whole(n_patterns=n_patterns)
        check_whole(0, positional_bits=positional_bits)
        scale = n_patterns**-0.5 if standard_deviation is None else standard_deviation
        check_in("[0, 1e100]", standard_deviation=scale)
        random = as_generator("random_state", random_state)
        v, q, k = random.normal(0.0, scale, size=(3, n_patterns, n_patterns))
        positional = random.choice([-1, 1], size=(4, n_patterns, positional_bits))
        return cls.from_correlations(v, q, k, positional)

    @classmethod
    def shifted_cycle(
        cls,
        n_patterns: int = 3,
        positional_bits: int = 2,
        shift: int = 1,
        strength: float = 1.0,
        random_state: RandomState = None,
    ) -> "Features":
        """Make patterns that follow one another in a cycle.

        After pattern b comes pattern b + shift. Queries and keys are the output
        patterns themselves (a token attends to its likes), and value pattern a is
        output pattern a − shift.

        Args:
            n_patterns: M, 1 to 12.
            positional_bits: P, at least 0; their weights are random.
            shift: Steps along the cycle, any whole number.
            strength: Size of the correlations, −1 to 1.
            random_state: Seed or generator.

        Raises:
            ValueError: If a size or the strength is out of range.
        """
        check_whole(n_patterns=n_patterns)
        check_whole(0, positional_bits=positional_bits)
        check_in("[-1, 1]", strength=strength)
        if not is_whole(shift):
            raise ValueError(f"shift must be a whole number, got {shift!r}")
        random = as_generator("random_state", random_state)
        positional = random.choice([-1, 1], size=(4, n_patterns, positional_bits))
        same = strength * np.eye(n_patterns)
        return cls.from_correlations(
            np.roll(same, shift, axis=0), same, same, positional
        )

    def draw_weights(
        self, n_spins: int, random_state: RandomState = None
    ) -> Int[np.ndarray, "4 M spins"]:
        """Weights of a network of N spins with these features, (4, M, N + P) in ±1.

        Where the columns are known (weights, segments) nothing is random: each column
        gets its share of the spins, rounded by largest remainder, so that segments grow
        with N, and N of `from_weights` gives the weights back up to the order of the
        spins. Where only correlations are known, output patterns are drawn ±1 and α_a
        of each spin with mean Σ_b c_ab σ_b, independently; the features hold up to
        N^(−1/2) then.

        Args:
            n_spins: N, at least 1.
            random_state: Seed or generator.

        Raises:
            ValueError: If ``n_spins`` is less than 1, or correlations are realised by
                no weights: Σ_b |c_ab| > 1 for some pattern.
        """
        check_whole(n_spins=n_spins)
        if self.columns is None or self.shares is None:
            semantic = self._draw_columns(
                n_spins, as_generator("random_state", random_state)
            )
        else:
            semantic = np.repeat(self.columns, _apportion(self.shares, n_spins), axis=0)
        weights = np.concatenate([semantic.transpose(1, 2, 0), self.positional], axis=2)
        return weights.astype(np.int8)

    def _draw_columns(
        self, n_spins: int, random: np.random.Generator
    ) -> Int[np.ndarray, "N 4 M"]:
        linear = self.correlations[1:, :, 0, :]
        largest = np.abs(linear).sum(axis=-1).max()
        if largest > 1 + 1e-12:
            raise ValueError(
                "no ±1 weights have these correlations: Σ_b |c_ab| must be at most 1 "
                "for every "
                f"pattern, got {largest:.4g}"
            )
        o = random.choice([-1, 1], size=(n_spins, 1, self.n_patterns))
        means = np.einsum("xab,nb->nxa", linear, o[:, 0])
        others = np.where(random.random(means.shape) < (1 + means) / 2, 1, -1)
        return np.concatenate([o, others], axis=1)

    @property
    def _arrays(self) -> list[np.ndarray]:
        arrays = [self.signs, self.semantic, self.positional, self.correlations]
        return arrays + [a for a in (self.columns, self.shares) if a is not None]

    @cached_property
    def _digest(self) -> bytes:
        digest = hashlib.sha256()
        for array in self._arrays:
            digest.update(repr((array.shape, array.dtype.str)).encode())
            digest.update(np.ascontiguousarray(array).tobytes())
        return digest.digest()

    # Equal by content, so that a copy sent to another process finds what was compiled
    # for it.
    def __eq__(self, other: object) -> bool:
        return (
            self._digest == other._digest
            if isinstance(other, Features)
            else NotImplemented
        )

    def __hash__(self) -> int:
        return hash(self._digest)


def split_weights(
    weights: ArrayLike, positional_bits: int
) -> tuple[Int[np.ndarray, "4 M N"], Float[np.ndarray, "4 M P"]]:
    """The semantic and the positional part of weights (4, M, N + P), or an error."""
    check_whole(0, positional_bits=positional_bits)
    array = as_sign_array("weights", weights, (4, None, None))
    n_spins = array.shape[2] - positional_bits
    if array.shape[1] < 1 or n_spins < 1:
        raise ValueError(
            f"weights must be (4, M, N + {positional_bits}) with at least one pattern "
            f"and one spin, got {array.shape}"
        )
    return array[:, :, :n_spins], array[:, :, n_spins:].astype(float)


def semantic_overlaps(weights: ArrayLike, means: ArrayLike) -> Float[np.ndarray, "4 M"]:
    """Compute overlaps (1/N) Σ_i W^α_{a,i} s_i of spins or of their means.

    Positional bits are left out.

    Args:
        weights: (4, M, N + P) in ±1.
        means: s_i in [−1, 1], (N,).

    Raises:
        ValueError: If there are more spins than weights, or a mean is out of range.
    """
    spins = as_real_array("means", means)
    if spins.ndim != 1 or not spins.size or not (np.abs(spins) <= 1).all():
        raise ValueError("means must be (N,) and lie in [-1, 1]")
    columns = as_sign_array("weights", weights, (4, None, None))
    if len(spins) > columns.shape[2]:
        raise ValueError(
            f"means must hold at most {columns.shape[2]} spins, got {len(spins)}"
        )
    return columns[:, :, : len(spins)] @ spins / len(spins)


def _correlation_matrix(name: str, value: ArrayLike) -> Float[np.ndarray, "M M"]:
    matrix = as_real_array(name, value, (None, None))
    if matrix.shape[0] != matrix.shape[1] or not matrix.size:
        raise ValueError(
            f"{name} must be a square matrix (M, M), got shape {matrix.shape}"
        )
    return matrix


def _apportion(shares: Float[np.ndarray, "T"], n: int) -> Int[np.ndarray, "T"]:
    """Whole numbers in proportion to the shares that sum to n, by largest remainder."""
    exact = shares * n
    # Shares are rounded quotients: 1/3 of 99 must be 33, not 32 and a remainder of
    # almost 1.
    whole = np.floor(exact + 1e-9).astype(int)
    remainders = exact - whole
    whole[np.argsort(-remainders, kind="stable")[: n - whole.sum()]] += 1
    return whole


def _check_shapes(features: Features) -> None:
    names = ("signs", "semantic", "positional", "correlations")
    arrays = {name: getattr(features, name) for name in names}
    check_kind(np.ndarray, **arrays)
    check_real(**arrays)
    check_finite(**arrays)
    check_shapes(signs=(features.signs, "G M"))
    g, m = features.signs.shape
    p = features.positional.shape[-1] if features.positional.ndim else 0
    for name, shape in (
        ("semantic", (4, m, g)),
        ("positional", (4, m, p)),
        ("correlations", (4, m, 4, m)),
    ):
        if arrays[name].shape != shape:
            raise ValueError(
                f"{name} must be of shape {shape}, got {arrays[name].shape}"
            )
    as_sign_array("positional", features.positional, (4, m, p))
    if (features.columns is None) != (features.shares is None):
        raise ValueError("columns and shares must be given both or neither")
    if features.columns is not None and features.shares is not None:
        check_kind(np.ndarray, columns=features.columns, shares=features.shares)
        as_sign_array("columns", features.columns, (None, 4, m))
        shares = as_real_array("shares", features.shares, (len(features.columns),))
        if (shares < 0).any() or abs(shares.sum() - 1) > 1e-9:
            raise ValueError(f"shares must be 0 at least and sum to 1, got {shares}")


# (segment, weights, pattern) and (weights, pattern, bit); weights o, v, q, k.
_PAPER_SEGMENTS = np.array(
    [
        [[-1, -1, 1], [-1, -1, -1], [1, -1, 1], [-1, -1, -1]],
        [[1, 1, 1], [1, -1, 1], [-1, -1, -1], [-1, -1, 1]],
        [[1, -1, 1], [-1, 1, 1], [-1, -1, 1], [-1, 1, -1]],
    ]
)
_PAPER_POSITIONAL = np.array(
    [
        [[-1.0, -1.0], [1.0, -1.0], [1.0, 1.0]],
        [[-1.0, -1.0], [1.0, -1.0], [-1.0, 1.0]],
        [[1.0, -1.0], [1.0, 1.0], [-1.0, -1.0]],
        [[-1.0, -1.0], [-1.0, -1.0], [-1.0, 1.0]],
    ]
)
