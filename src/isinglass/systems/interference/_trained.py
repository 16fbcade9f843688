"""What trained routes do: energies, predictions, similarities, entropies, times.

The base of the interference estimators knows nothing of how routes are learned. A
subclass says how its input becomes dipoles (`_read`, `_dipoles`), what evidence was
learned (`_evidence`), and how an energy curve becomes a score (`_score_curves`).
"""

from typing import Any, NamedTuple

import jax
import numpy as np
from jaxtyping import Bool, Float
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from isinglass._common.batches import map_batches
from isinglass._common.checks import as_array, is_whole
from isinglass._common.types import ArrayLike
from isinglass.systems.interference import diagnostics
from isinglass.systems.interference.geometry import Geometry
from isinglass.systems.interference.learning import is_similar
from isinglass.systems.interference.routes import arrivals, route_probabilities

_SHORT = 8  # numbers that a repr shows


class _Shape(NamedTuple):
    """Stands for an array where numbers would be too many to read."""

    shape: tuple[int, ...]

    def __repr__(self) -> str:
        return f"<array {self.shape}>"


class TrainedRoutes(BaseEstimator):
    """Base of `RouteClassifier`; not for use on its own."""

    threshold: float
    n_durations: int
    n_signals: float
    classes_: np.ndarray
    prior_: np.ndarray

    def __repr__(self, N_CHAR_MAX: int = 700) -> str:
        # scikit-learn's, with the shape of an array in place of its numbers.
        brief = object.__new__(type(self))
        for name, value in self.get_params(deep=False).items():
            large = isinstance(value, np.ndarray | jax.Array) and value.size > _SHORT
            setattr(brief, name, _Shape(value.shape) if large else value)
        return BaseEstimator.__repr__(brief, N_CHAR_MAX)

    # -- what a subclass provides ------------------------------------------------------

    def _read(self, X, *, reset: bool) -> np.ndarray:
        """Checked input, samples first, still in its own dtype."""
        raise NotImplementedError

    def _dipoles(self, part: np.ndarray) -> jax.Array:
        """One batch as unit dipoles (n, E, D+1), emissions source-major."""
        raise NotImplementedError

    def _evidence(self) -> np.ndarray:
        """Evidence (S, C, 1 or T) of what was learned."""
        raise NotImplementedError

    def _n_emissions(self) -> int:
        return 1

    def _geometry_for(self, n_classes: int) -> Geometry:
        raise NotImplementedError

    def _host(self) -> np.ndarray:
        """The field at the targets (D+1), or all that it takes in time (L, D+1)."""
        raise NotImplementedError

    def _energies(
        self, part: np.ndarray, arriving: np.ndarray, arrived: np.ndarray
    ) -> jax.Array:
        """Energy curves (…, n, C, T) of one batch, per signal sent."""
        raise NotImplementedError

    def _score_curves(self, curves: Any) -> Any:
        """Scores (…, n, C) of energy curves (…, n, C, T)."""
        raise NotImplementedError

    def _scores(
        self, part: np.ndarray, arriving: np.ndarray, arrived: np.ndarray
    ) -> Any:
        """Scores (n, C) of one batch, per signal sent."""
        return self._score_curves(self._energies(part, arriving, arrived))

    def _check_ready(self) -> None:
        """Refuse a model that is untrained, or whose parameters fit no more."""
        raise NotImplementedError

    # -- prediction --------------------------------------------------------------------

    def energy_over_time(self, X) -> Float[np.ndarray, "n C T"]:
        """Energy J_y(t) at every target and time, for `n_signals` a source (Eq. 3).

        Args:
            X: The inputs (see the class).
        """
        arriving, arrived = self._arrivals()
        return self.n_signals * self._map(
            X, lambda part: self._energies(part, arriving, arrived)
        )

    def energies(self, X) -> Float[np.ndarray, "n C"]:
        """Score of every class: peak (or mean) over time of the energy at its target.

        Args:
            X: The inputs (see the class).
        """
        arriving, arrived = self._arrivals()
        return self.n_signals * self._map(
            X, lambda part: self._scores(part, arriving, arrived)
        )

    def decision_function(self, X) -> Float[np.ndarray, "n C"] | Float[np.ndarray, "n"]:
        """Energies J, (n, C); for two classes, as scikit-learn asks, J₁ − J₀, (n,).

        Args:
            X: The inputs (see the class).
        """
        energies = self.energies(X)
        return energies[:, 1] - energies[:, 0] if len(self.classes_) == 2 else energies

    def predict(self, X) -> np.ndarray:
        """The class whose target has the largest energy, shape (n,).

        Args:
            X: The inputs (see the class).
        """
        winner = self.energies(X).argmax(axis=1)
        return self.classes_[winner]

    def predict_without_host(self, X, times: int | ArrayLike | None = None):
        """Return the class at which arriving signals are most alike, with no field.

        The energy of `predict` compares signals with the host, or with its friends.
        Without the host at test there is still the similarity of the signals to each
        other, E S_y(t) of Eq. 5 (`expected_similarity`), and the class of the largest
        one is returned. Nothing that arrives counts as similarity 0.

        Args:
            X: The inputs (see the class).
            times: The time step, or several to average over, at which E S is read. All
                that are later than the longest flight, if there are any, by default:
                then every source has reached every target (19 to 24 in the paper).

        Returns:
            Labels, shape (n,).

        Raises:
            ValueError: For times that are not among 0 … T − 1.
        """
        self._check_ready()
        similarity = np.nan_to_num(self.expected_similarity(X)[..., self._steps(times)])
        return self.classes_[similarity.mean(axis=-1).argmax(axis=1)]

    def _steps(self, times: int | ArrayLike | None) -> list[int]:
        steps = self.n_durations
        if times is None:
            longest = int(np.ceil(self.geometry_.flight_times.max()))
            return list(range(min(longest + 1, steps - 1), steps))
        chosen = np.atleast_1d(np.asarray(as_array("times", times))).tolist()
        if not chosen or not all(is_whole(t) and 0 <= t < steps for t in chosen):
            raise ValueError(
                f"times must be whole numbers from 0 to {steps - 1}, got {times!r}"
            )
        return [int(t) for t in chosen]

    # -- what was learned --------------------------------------------------------------

    @property
    def route_probabilities_(self) -> Float[np.ndarray, "S C T"]:
        """Probability over travel durations of every source and target."""
        self._check_ready()
        return route_probabilities(self.prior_, self._evidence(), self._reachable())

    @property
    def geometry_(self) -> Geometry:
        """Where sources and targets stand."""
        check_is_fitted(self)
        return self._geometry_for(len(self.classes_))

    def expected_similarity(self, X) -> Float[np.ndarray, "n C T"]:
        """Expected similarity of signals that arrive together, without a field (Eq. 5).

        Args:
            X: The inputs (see the class).
        """
        arriving, _ = self._arrivals()
        return self._map(
            X,
            lambda part: diagnostics.expected_similarity(
                np.asarray(self._dipoles(part)), arriving
            ),
        )

    def arrival_entropy(self, X) -> Float[np.ndarray, "n C"]:
        """Entropy in nats of the arrival times of the signals similar to the host (§3).

        Of a host that changes in time, signals that are similar to it at some time.

        Args:
            X: The inputs (see the class).
        """
        arriving, _ = self._arrivals()
        hosts = np.atleast_2d(self._host())

        def entropy(part: np.ndarray) -> np.ndarray:
            similarity = np.asarray(self._dipoles(part)) @ hosts.T
            similar = is_similar(similarity, self.threshold).any(axis=-1)
            return diagnostics.arrival_entropy(similar, arriving)

        return self._map(X, entropy)

    def arrival_times(self) -> Float[np.ndarray, "C C"]:
        """Expected arrival time at each learner (rows) by policy (columns), Table 3."""
        return diagnostics.arrival_times(self.route_probabilities_, self._reachable())

    # -- inside ------------------------------------------------------------------------

    def _reachable(self) -> Bool[np.ndarray, "S C T"]:
        return self.geometry_.reachable(self.n_durations)

    def _arrivals(self) -> tuple[Float[np.ndarray, "E C T"], Bool[np.ndarray, "E C T"]]:
        return arrivals(
            self.route_probabilities_, self._reachable(), self._n_emissions()
        )

    def _map(self, X, function) -> np.ndarray:
        return map_batches(function, self._read(X, reset=False))
