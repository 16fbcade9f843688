"""`RoutedTower`: a tower whose levels learn how well each place below is heard.

Tang 2020, §5.2: tensors of each level send "approximated signals to new destinations.
Meanwhile route probabilities are updated by simple rule described in Eq4", locally,
without anything from the top. So every level has routes from the map below it, learned
from sums over pictures of what that map shows. The map is that of levels that have
learned themselves, and hence the order in which levels learn is not free.
"""

from collections.abc import Sequence
from typing import Any

import jax
import numpy as np
from jaxtyping import Array, Float, Int
from scipy.special import expit
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted, validate_data

from isinglass._common.batches import each_batch, map_batches
from isinglass._common.checks import check_whole
from isinglass._common.pictures import read_pictures
from isinglass._common.samples import all_or_nothing, check_mergeable
from isinglass.systems.interference import automatic, learning
from isinglass.systems.interference.tower import Level, check_levels, climb, grids

# Pictures that the paper's rates are made for (`automatic`).
_SAMPLES = 5


class RoutedTower(TransformerMixin, BaseEstimator):
    """Levels above each other whose routes are learned, the lowest level first.

    The places of the map below a level are its sources; they are similar, neutral or
    opposite to the host as a mean field is ≥ θ, in between, or ≤ −θ. From how often
    they are which, by Eq. 4, follows the evidence G of an average picture, and e^G is
    how much likelier a signal of this place arrives in time, of which there was an even
    chance before: what the level hears is the map times 2/(1 + e^−G). With rates of
    zero this is `Tower`.

    **Laws.** What a level knows is a sum over pictures, as seen through the levels
    below. While those stand still, it is exact: order does not matter, `merge` adds,
    `forget` takes away. But a level that learned or forgot would change what the levels
    above have counted, and no sum of theirs could be put right without their pictures.
    So the highest level that has learned may learn on and forget; one below it is
    frozen, and **refuses**, until all above it are `reset`.

    X is (n, H, W), or (n, H·W) with a square picture, as for `Tower`.

    Args:
        levels: From the lowest to the highest, at least one.
        rates: Learning rates (η₊, η₋, η₋₋) of Eq. 4, each greater than −1.
        threshold: Mean field θ in (0, 1] from which a place is similar (or, negated,
            opposite).

    Attributes:
        tallies_: Of each level, how often each source was similar, neutral and
            opposite, (S, 3).
        sample_count_: Pictures that each level has learned, (L,).
        image_shape_: Height and width of a picture.
        n_features_in_: Pixels of a picture.

    Example:
        >>> tower = RoutedTower([Level(), Level()]).fit(images)
        >>> tower.forget(images[:3], level=1).transform(images)

    Source: Tang 2020, §5.1 and §5.2; the paper has no equation for it.
    """

    n_features_in_: int
    image_shape_: tuple[int, int]
    tallies_: tuple[np.ndarray, ...]
    sample_count_: Int[np.ndarray, "L"]

    def __init__(
        self,
        levels: Sequence[Level] = (Level(), Level()),
        *,
        rates: tuple[float, float, float] = (1.0, -0.5, -0.8),
        threshold: float = 0.5,
    ) -> None:
        self.levels = levels
        self.rates = rates
        self.threshold = threshold

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        return tags

    # -- learning ----------------------------------------------------------------------

    @all_or_nothing
    def fit(self, X, y=None) -> "RoutedTower":
        """Learn all levels from scratch, each when those below it have learned.

        Args:
            X: Pictures (see the class).
            y: Ignored.

        Raises:
            ValueError: For pictures or parameters that cannot be used.
        """
        self._start(X)
        for level in range(len(self.levels)):
            self._learn(X, level, 1)
        return self

    @all_or_nothing
    def partial_fit(self, X, y=None, *, level: int | None = None) -> "RoutedTower":
        """Learn more pictures at one level.

        Args:
            X: Pictures (see the class).
            y: Ignored.
            level: The highest that has learned (if None; at first 0, the lowest), or
                the next above it.

        Raises:
            ValueError: For a level that is frozen or not yet within reach, and as
                `fit`.
        """
        if not hasattr(self, "tallies_"):
            self._start(X)
        if level is None:
            level = max(int(np.count_nonzero(self.sample_count_)) - 1, 0)
        return self._learn(X, level, 1)

    @all_or_nothing
    def forget(self, X, *, level: int) -> "RoutedTower":
        """Unlearn pictures exactly at the highest level that has learned.

        Args:
            X: Pictures that this level has learned.
            level: That level, which has no default: levels below it still know the
                pictures. One below it refuses: what is above was learned through it.

        Raises:
            ValueError: For a level that is frozen or has learned nothing, and for
                pictures that cannot have been learned. The tower is then unchanged.
        """
        return self._learn(X, level, -1)

    @all_or_nothing
    def merge(self, other: Any) -> "RoutedTower":
        """Add what the highest level of another tower has learned, on equal ones below.

        Args:
            other: A tower of equal parameters whose levels below the highest that has
                learned know the same as this one's; it is left as it is.

        Raises:
            TypeError: For another kind of object.
            ValueError: If parameters or lower levels differ.
        """
        check_mergeable(self, other)
        for tower in (self, other):
            tower._check_ready()
        top = int(np.count_nonzero(self.sample_count_)) - 1
        same = self._learned_with == other._learned_with
        if not same or top != np.count_nonzero(other.sample_count_) - 1:
            raise ValueError(
                "cannot merge: towers differ in parameters, size of pictures or in how "
                "many levels have learned"
            )
        for level in range(top):
            if not np.array_equal(self.tallies_[level], other.tallies_[level]):
                raise ValueError(
                    f"cannot merge at level {top}: level {level} below it has learned "
                    "other pictures, so that they do not count the same"
                )
        self._change(top, other.tallies_[top], int(other.sample_count_[top]))
        return self

    def reset(self, level: int) -> "RoutedTower":
        """Let a level and all above it know nothing, so that the one below is free.

        Args:
            level: The lowest to be reset; 0 is the lowest of all.
        """
        self._check_ready()
        check_whole(0, level=level)
        self.sample_count_ = self.sample_count_.copy()
        self.sample_count_[level:] = 0
        self.tallies_ = self.tallies_[:level] + tuple(
            np.zeros_like(tally) for tally in self.tallies_[level:]
        )
        return self

    # -- what it does ------------------------------------------------------------------

    @property
    def gains_(self) -> list[Float[np.ndarray, "_ _ _"]]:
        """How much of each place the levels hear, 1 before learning; from 0 to 2."""
        self._check_ready()
        gains = _SAMPLES * np.log1p(self._rule().rates)
        return [
            2
            * expit(
                automatic.mean_evidence(tally[:, None], count[None], gains)
            ).reshape(shape)
            for tally, count, shape in zip(
                self.tallies_, self.sample_count_ * 1.0, self._shapes(), strict=True
            )
        ]

    def transform(self, X) -> Float[np.ndarray, "n d"]:
        """Give the highest level's map of every picture, row by row.

        Args:
            X: Pictures of the size first learned.

        Raises:
            ValueError: For other pictures.
        """
        self._check_ready()
        highest = self._climb(X, len(self.levels))
        return highest.reshape(len(highest), -1)

    # -- inside ------------------------------------------------------------------------

    def _start(self, X: Any) -> None:
        self._rule()
        n_levels = len(check_levels(self.levels))
        read_pictures(self, X, reset=True)
        self._learned_with = self._parameters()
        self.sample_count_ = np.zeros(n_levels, int)
        self.tallies_ = tuple(
            np.zeros((int(np.prod(shape)), 3)) for shape in self._shapes()
        )

    def _learn(self, X: Any, level: int, sign: int) -> "RoutedTower":
        """Add pictures to a level's sums, or take them away."""
        self._check_ready()
        self._check_free(level, learned=sign < 0)
        below = self._climb(X, level)
        below = below.reshape(len(below), -1)
        threshold, tally = float(self.threshold), np.zeros_like(self.tallies_[level])

        def count(where: slice, part: np.ndarray) -> Array:
            members = np.zeros((len(part), 1), np.float32)
            members[: where.stop - where.start] = 1
            return _count(part, members, threshold)

        for _, counts in each_batch(count, below):
            tally += counts[:, 0]
        self._change(level, sign * tally, sign * len(below))
        return self

    def _change(self, level: int, tally: np.ndarray, count: int) -> None:
        tallies, counts = list(self.tallies_), self.sample_count_.copy()
        tallies[level] = tallies[level] + tally
        counts[level] += count
        if counts[level] < 0 or (tallies[level] < 0).any():
            raise ValueError(
                f"X holds pictures that level {level} has never learned: what remains "
                "is no sum of pictures"
            )
        self.tallies_, self.sample_count_ = tuple(tallies), counts

    def _check_free(self, level: int, *, learned: bool) -> None:
        check_whole(0, level=level)
        counts = self.sample_count_
        if level >= len(counts):
            raise ValueError(f"level must be below {len(counts)}, got {level}")
        if (above := np.flatnonzero(counts[level + 1 :]) + level + 1).size:
            raise ValueError(
                f"level {level} is frozen: level {above[0]} has learned through it, "
                f"and would have to learn anew; call reset({above[0]}) first"
            )
        if not counts[:level].all() or (learned and not counts[level]):
            empty = int(np.flatnonzero(counts[: level + 1] == 0)[0])
            raise ValueError(
                f"level {level} comes after level {empty}, which has learned nothing"
                if empty < level
                else f"level {level} has learned nothing that it could forget"
            )

    def _climb(self, X: Any, height: int) -> np.ndarray:
        levels = check_levels(self.levels)[:height]
        gains = tuple(self.gains_[:height])
        pictures = read_pictures(self, X, reset=False)
        return map_batches(lambda part: climb(part, levels, gains), pictures)

    def _shapes(self) -> list[tuple[int, int, int]]:
        """Rows, columns and elements of the map below each level."""
        levels = check_levels(self.levels)
        shapes, elements = [], 1
        for level, (rows, columns) in zip(
            levels, grids(levels, self.image_shape_), strict=False
        ):
            shapes.append((rows, columns, elements))
            window = min(level.window, rows) * min(level.window, columns)
            elements = 1 if level.squash else elements * window
        return shapes

    def _rule(self) -> learning.LearningRule:
        return learning.LearningRule(self.rates, self.threshold)

    def _parameters(self) -> dict[str, Any]:
        return {
            "levels": check_levels(self.levels),
            "rates": tuple(map(float, self.rates)),
            "threshold": float(self.threshold),
            "image_shape": self.image_shape_,
        }

    def _check_ready(self) -> None:
        check_is_fitted(self, "tallies_")
        self._rule()
        for name, value in self._parameters().items():
            if value != self._learned_with[name]:
                raise ValueError(
                    f"{name} is {value}, but the tower learned with "
                    f"{self._learned_with[name]}; set it back, or call fit to start "
                    "anew"
                )

    def _validated(self, X: Any, **how: Any) -> Any:
        return validate_data(self, X, **how)


_count = jax.jit(learning.tally_kinds, static_argnums=2)
