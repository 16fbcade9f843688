"""`TowerClassifier`: interference learning of what an attention tower gives."""

from collections.abc import Sequence
from functools import partial
from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from isinglass._common.checks import check_choice
from isinglass._common.pictures import read_pictures
from isinglass._common.samples import picture_tags
from isinglass._common.types import ArrayLike
from isinglass.systems.interference import automatic, energy, learning
from isinglass.systems.interference._estimator import RouteClassifier
from isinglass.systems.interference.geometry import Geometry, corners
from isinglass.systems.interference.tower import Level, check_levels, climb, grids

# Samples of a class that the paper's rates are made for.
_SAMPLES = 5


class TowerClassifier(RouteClassifier):
    """Few-shot learning of pictures by the mean fields on top of a tower.

    The sources are the places of the highest level's map. A mean field μ ≥ θ is
    similar to the host, μ ≤ −θ opposite, and per source and class the three kinds are
    counted, as `InterferenceClassifier` counts patches. A tower is fixed, so learning
    is a sum over samples: exact `partial_fit`, `forget` and `merge`, in any order, and
    classes that do not interact.

    Args:
        levels: The tower, from the lowest level to the highest; fixed once learned.
        rule: How the counts are read. `"tally"` for the log-likelihood Σ_s log (n_k +
            ½)/(n + 3/2) of the kinds k of a picture's sources, independent of each
            other within a class, of which n samples were learned. `"energy"` for the
            paper's: routes by Eq. 4 and the peak over time of the energy, Eq. 3, with
            evidence scaled by 5/n, so that it does not saturate.
        threshold: Mean field θ in (0, 1] from which a source is similar (or, negated,
            opposite).
        rates: Learning rates (η₊, η₋, η₋₋) of the energy rule; each greater than −1.
        n_durations: Travel durations 0 … T−1 of the energy rule; at least rows +
            columns + 1 of the highest map.
        epochs: How often each sample counts.
        n_signals: Signals N per source; scales the energies, not the prediction.
        route_prior: As for `InterferenceClassifier`.
        random_state: An integer for a prior that repeats. The tally rule does not look
            at it, and merges models of any.

    Attributes:
        classes_: Labels in sorted order, (C,).
        class_count_: Weight of the samples learned per class, times epochs, (C,).
        tally_: Counts of similar, neutral and opposite sources, (S, C, 3).
        prior_: Route probabilities before learning, (S, C, T).
        route_probabilities_: Route probabilities now, (S, C, T).
        geometry_: Where sources and targets stand.
        image_shape_: Height and width of a picture.
        n_features_in_: Pixels of a picture.

    Source: Tang 2020, §5.1; the two rules and all sizes are ours.

    Example:
        >>> model = TowerClassifier([Level(), Level()]).fit(images, labels)
        >>> model.predict(more_images)
    """

    image_shape_: tuple[int, int]
    _kind_parameters = ("threshold", "n_durations")
    _shape_attribute = "image_shape_"

    def __init__(
        self,
        levels: Sequence[Level] = (Level(),),
        *,
        rule: Literal["tally", "energy"] = "tally",
        threshold: float = 0.5,
        rates: tuple[float, float, float] = (1.0, -0.5, -0.8),
        n_durations: int = 33,
        epochs: int = 1,
        n_signals: float = 1000,
        route_prior: Literal["jitter"] | ArrayLike = "jitter",
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.levels = levels
        self.rule = rule
        self.threshold = threshold
        self.rates = rates
        self.n_durations = n_durations
        self.epochs = epochs
        self.n_signals = n_signals
        self.route_prior = route_prior
        self.random_state = random_state

    def __sklearn_tags__(self):
        return picture_tags(super().__sklearn_tags__())

    def energies(self, X) -> Float[np.ndarray, "n C"]:
        """Score of every class: log-likelihood, or the peak of energy, by the rule.

        Args:
            X: The inputs (see the class).
        """
        if self.rule == "energy":
            return super().energies(X)
        self._check_ready()
        log_shares = np.log((self.tally_ + 0.5) / (self.class_count_[:, None] + 1.5))
        return self._map(X, lambda part: self._log_likelihood(part, log_shares))

    # -- input -------------------------------------------------------------------------

    def _read(self, X, *, reset: bool) -> np.ndarray:
        return read_pictures(self, X, reset=reset)

    def _check_parameters(self) -> None:
        super()._check_parameters()
        check_levels(self.levels)
        check_choice(("tally", "energy"), rule=self.rule)

    def _rule(self) -> dict[str, Any]:
        return super()._rule() | {"levels": list(check_levels(self.levels))}

    def _reads_routes(self) -> bool:
        return self.rule == "energy"

    # -- the stage ---------------------------------------------------------------------

    def _grid(self) -> tuple[int, int]:
        return grids(check_levels(self.levels), self.image_shape_)[-1]

    def _n_sources(self) -> int:
        rows, columns = self._grid()
        levels = check_levels(self.levels)
        elements = 1
        for level, (height, width) in zip(
            levels, grids(levels, self.image_shape_), strict=False
        ):
            sides = min(level.window, height), min(level.window, width)
            elements = 1 if level.squash else elements * sides[0] * sides[1]
        return rows * columns * elements

    def _geometry_for(self, n_classes: int) -> Geometry:
        stage = corners(self._grid(), n_classes)
        repeats = self._n_sources() // len(stage.distances)
        return Geometry(np.repeat(stage.sources, repeats, axis=0), stage.targets)

    # -- the physics -------------------------------------------------------------------

    def _mean_fields(self, part: np.ndarray) -> Array:
        return _climb(part, check_levels(self.levels))

    def _host(self) -> np.ndarray:
        return np.array([0.0, 1.0])

    def _dipoles(self, part: np.ndarray) -> Float[Array, "n S 2"]:
        # A mean field is the overlap of a unit dipole with the host.
        field = self._mean_fields(part)
        rest = jnp.sqrt(jnp.maximum(1 - field**2, 0))
        return jnp.stack([rest, field], axis=-1)

    def _tally_width(self) -> int:
        return 3

    def _tally(self, part: np.ndarray, members: np.ndarray) -> Float[Array, "S C 3"]:
        field = self._mean_fields(part)
        return _count(field, members, float(self.threshold))

    def _tally_bounds(self) -> tuple[float, float]:
        return 0.0, 1.0

    def _evidence(self) -> Float[np.ndarray, "S C 1"]:
        gains = _SAMPLES * np.log1p(self._learning_rule().rates)
        return automatic.mean_evidence(self.tally_, self.class_count_, gains)

    def _energies(
        self, part: np.ndarray, arriving: np.ndarray, arrived: np.ndarray
    ) -> Float[Array, "..."]:
        field = self._mean_fields(part)
        return _energies(field, arriving, arrived, float(self.threshold))

    def _score_curves(self, curves: Any) -> Any:
        return curves.max(axis=-1)

    def _log_likelihood(
        self, part: np.ndarray, log_shares: Float[np.ndarray, "S C 3"]
    ) -> Float[Array, "n C"]:
        field = self._mean_fields(part)
        return _score(field, log_shares, float(self.threshold))


@partial(jax.jit, static_argnums=1)
def _climb(pictures: Array, levels: tuple[Level, ...]) -> Array:
    return climb(pictures, levels).reshape(len(pictures), -1)


_count = jax.jit(learning.tally_kinds, static_argnums=2)


@partial(jax.jit, static_argnums=2)
def _score(
    field: Float[Array, "n S"], log_shares: Float[Array, "S C 3"], threshold: float
) -> Float[Array, "n C"]:
    kinds = jax.nn.one_hot(learning.kinds(field, threshold), 3, dtype=field.dtype)
    return jnp.einsum("nsk,sck->nc", kinds, log_shares)


@partial(jax.jit, static_argnums=3)
def _energies(field: Array, arriving: Array, arrived: Array, threshold: float) -> Array:
    # The host has no rest component, and of a mean field nothing else is known.
    host = jnp.ones(1, field.dtype)
    return energy.energy_over_time(field[..., None], arriving, arrived, host, threshold)
