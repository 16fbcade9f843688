"""What is measured of an orbit."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

import jax

from isinglass._common.checks import (
    check_choice,
    check_finite,
    check_flag,
    check_function,
    check_in,
    check_kind,
    check_positive,
    check_whole,
)
from isinglass.dynamics._precision import Precision, check_precision
from isinglass.dynamics.angles import Angles, as_angles
from isinglass.dynamics.maps import State

INTERVALS = (1, 2, 4, 8, 16)


@dataclass(frozen=True)
class Section:
    """A Poincaré section of a map: the points near a plane, not interpolated.

    It is the section of Poc-López & Aguilera 2024.

    Attributes:
        component: Component of the observable that is near `level`.
        level: Where the plane is, in the observable's units.
        tolerance: How near, same units; there is no scale that would suit every map.
            The paper takes 0.001.

    Raises:
        ValueError: If ``component`` is negative, or a number not finite or out of
            range.
    """

    component: int
    level: float = 0.0
    tolerance: float = field(kw_only=True)

    def __post_init__(self) -> None:
        check_whole(0, component=self.component)
        check_finite(level=self.level)
        check_positive(tolerance=self.tolerance)


@dataclass(frozen=True)
class Measure:
    """What is measured of an orbit, or of each of many.

    Steps are taken in blocks, and both numbers of steps are rounded up to whole blocks:
    of 1 step for a plain map, of the least common multiple of length and period for a
    `DelayMap` (or of 8, where that is longer); with exponents, of the least common
    multiple of that and `qr_every` (of 4, the longest, for "auto"). Where there are
    exponents, 64 blocks more are spent before measuring, in which the tangents turn.

    Attributes:
        transient: Steps before anything is measured.
        steps: Steps that are measured.
        exponents: How many leading Lyapunov exponents; 0 for none, None for all.
        qr_every: Steps between orthonormalisations: 1, 2, 4, 8, 16, or "auto" for 4, 2
            or 1: as many as leave half the digits to the smallest exponent, judged for
            each orbit by a pilot run of it. Of an intermittent orbit that may differ
            between machines.
        points: Most values of the observable to keep: the last ones, or the first on
            the section.
        observable: What is kept of a state, a pure JAX function ``state -> (d,)``. None
            for the newest value of a `DelayMap`, and otherwise all real numbers of the
            state.
        angles: Which components of the observable are angles, and their periods, such
            as ``{0: 2 * np.pi}`` (`isinglass.dynamics.angles`): recurrence, distances,
            extents, sections and averages are then on the circle, and points are shown
            in [0, P). Exponents know no difference. Stored as pairs.
        section: Keep only points near this plane; None for all points.
        classify: Whether to say what kind of attractor it is
            (`isinglass.dynamics.kinds`).
        max_period: The longest period looked for; half of ``steps`` is the most that
            can be found.
        tolerance: How closely a periodic orbit must return, as a share of its extent.
        extensions: How many times an orbit whose kind is not certain (confidence below
            0.95) is run on, each time for twice the steps of the time before, until it
            is; all that is measured is then of the last of these stretches. 0 for
            never. Without exponents nothing is run on.
        precision: "float64", or "float32" where digits do not matter: it warns.

    Raises:
        ValueError: If a number is out of range.
    """

    transient: int = 1000
    steps: int = 1000
    exponents: int | None = 0
    qr_every: Literal["auto"] | int = "auto"
    points: int = 100
    observable: Callable[[State], jax.Array] | None = None
    angles: Mapping[int, float] | Angles = ()
    section: Section | None = None
    classify: bool = True
    max_period: int = 512
    tolerance: float = 1e-9
    extensions: int = 2
    precision: Precision = "float64"

    def __post_init__(self) -> None:
        object.__setattr__(self, "angles", as_angles(self.angles))
        check_whole(
            0,
            transient=self.transient,
            points=self.points,
            extensions=self.extensions,
        )
        check_whole(steps=self.steps, max_period=self.max_period)
        if self.exponents is not None:
            check_whole(0, exponents=self.exponents)
        check_choice(("auto", *INTERVALS), qr_every=self.qr_every)
        check_in("[0, inf)", tolerance=self.tolerance)
        check_flag(classify=self.classify)
        if self.observable is not None:
            check_function(observable=self.observable)
        if self.section is not None:
            check_kind(Section, section=self.section)
        check_precision(self.precision)

    @property
    def circles(self) -> Angles:
        """The angles, as pairs of component and period."""
        return as_angles(self.angles)
