"""Where sources and targets stand, and how long a signal needs between them."""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Bool, Float
from scipy.spatial.distance import cdist

from isinglass._common.checks import as_pair, as_real_array, check_positive, check_whole
from isinglass._common.types import ArrayLike

# A duration that falls short of the flight time by rounding alone still arrives.
_ROUNDING = 1e-9


@dataclass(frozen=True, eq=False)
class Geometry:
    """Sources and targets in space, and the speed of the signals between them.

    A signal sent from source s with travel duration δ reaches target y only if
    δ ≥ d(s, y) / speed; a longer δ is a detour (Tang 2020, §3).

    Args:
        sources: Positions, shape (S, k) with k = 1, 2 or 3.
        targets: Positions, shape (C, k), the same k.
        metric: Any metric that `scipy.spatial.distance.cdist` knows, or a callable; the
            paper uses the Manhattan distance, `"cityblock"`.
        speed: Distance travelled per time step, positive.

    Raises:
        ValueError: If a position is not finite, the shapes disagree, the metric is
            unknown or the speed is not positive.
    """

    sources: Float[np.ndarray, "S k"] | ArrayLike
    targets: Float[np.ndarray, "C k"] | ArrayLike
    metric: str | Callable[..., float] = "cityblock"
    speed: float = 1.0
    distances: Float[np.ndarray, "S C"] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        sources, targets = (
            _positions("sources", self.sources),
            _positions("targets", self.targets),
        )
        if sources.shape[1] != targets.shape[1]:
            raise ValueError(
                "sources and targets must live in the same space: got "
                f"{sources.shape[1]} and {targets.shape[1]} dimensions"
            )
        check_positive(speed=self.speed)
        for array in (sources, targets):
            array.flags.writeable = False  # the distances would go stale, silently
        object.__setattr__(self, "sources", sources)
        object.__setattr__(self, "targets", targets)
        object.__setattr__(self, "distances", _distances(sources, targets, self.metric))

    def __repr__(self) -> str:
        n_sources, n_targets = self.distances.shape
        return (
            f"Geometry({n_sources} sources, {n_targets} targets, "
            f"metric={self.metric!r}, speed={self.speed:g})"
        )

    @property
    def flight_times(self) -> Float[np.ndarray, "S C"]:
        """Shortest travel duration of every source–target pair, in time steps."""
        return self.distances / self.speed

    def reachable(self, n_durations: int) -> Bool[np.ndarray, "S C T"]:
        """Which travel durations 0 … T−1 are long enough for each source–target pair.

        Args:
            n_durations: How many travel durations T there are.

        Raises:
            ValueError: If some pair has no reachable duration: that target would be
                deaf to that source, silently.
        """
        check_whole(n_durations=n_durations)
        longest = float(self.flight_times.max())
        if longest > n_durations - 1 + _ROUNDING:
            raise ValueError(
                f"n_durations={n_durations} is too short: the farthest route takes "
                f"{longest:g} time steps, so n_durations must be at least "
                f"{np.ceil(longest - _ROUNDING) + 1:g}"
            )
        return np.arange(n_durations) >= self.flight_times[..., None] - _ROUNDING


def corners(grid: tuple[int, int], n_targets: int) -> Geometry:
    """The paper's stage: a source per patch, targets on a frame around the picture.

    Patch (i, j) of a (rows, columns) grid stands at (i − (rows−1)/2, j −
    (columns−1)/2). Targets sit at equal arc lengths on the frame one step outside, from
    the corner of patch (0, 0) on; four targets take the four corners: (−5, −5), (5,
    −5), (5, 5), (−5, 5) for a 9 × 9 grid.

    Args:
        grid: Rows and columns of patches.
        n_targets: How many targets.

    Raises:
        ValueError: If the grid is empty or `n_targets` < 1.
    """
    rows, columns = as_pair("grid", grid)
    check_whole(n_targets=n_targets)
    i, j = np.meshgrid(np.arange(rows), np.arange(columns), indexing="ij")
    sources = np.stack([i - (rows - 1) / 2, j - (columns - 1) / 2], axis=-1).reshape(
        -1, 2
    )
    a, b = (rows + 1) / 2, (columns + 1) / 2
    frame = np.array([(-a, -b), (a, -b), (a, b), (-a, b), (-a, -b)])
    # Four targets take the corners also where the frame is not a square.
    if n_targets == 4:
        return Geometry(sources, frame[:4])
    arc = np.concatenate([[0.0], np.cumsum(np.abs(np.diff(frame, axis=0)).sum(axis=1))])
    stops = np.arange(n_targets) * arc[-1] / n_targets
    targets = np.stack(
        [np.interp(stops, arc, frame[:, axis]) for axis in (0, 1)], axis=-1
    )
    return Geometry(sources, targets)


def _positions(name: str, value: ArrayLike) -> Float[np.ndarray, "n k"]:
    positions = as_real_array(name, value)
    if (
        positions.ndim != 2
        or positions.shape[0] < 1
        or positions.shape[1] not in (1, 2, 3)
    ):
        raise ValueError(
            f"{name} must hold one position in 1, 2 or 3 dimensions per row, got shape "
            f"{positions.shape}"
        )
    return positions


def _distances(
    sources: np.ndarray, targets: np.ndarray, metric: str | Callable[..., float]
) -> Float[np.ndarray, "S C"]:
    try:
        distances = np.asarray(cdist(sources, targets, metric=metric))  # pyright: ignore
    except (ValueError, TypeError) as error:
        raise ValueError(
            f"metric {metric!r} is not one that scipy's cdist takes: {error}"
        ) from None
    if not np.isfinite(distances).all() or (distances < 0).any():
        raise ValueError(
            f"metric {metric!r} gave a distance that is negative or not finite"
        )
    return distances
