"""`WaveClassifier`: the same learning where sources keep emitting (Tang 2020, §4.2)."""

from functools import partial
from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from isinglass._common.checks import as_array, as_real_array, check_choice
from isinglass._common.precision import double_precision
from isinglass._common.types import ArrayLike
from isinglass.systems.interference import energy, learning
from isinglass.systems.interference._estimator import RouteClassifier
from isinglass.systems.interference.encoding import to_dipoles, uniform_host
from isinglass.systems.interference.geometry import Geometry


class WaveClassifier(RouteClassifier):
    """Interference learning of time-varying signals, such as the double slit.

    Every source emits a vector at each of L time steps; a signal emitted at τ with
    travel duration δ arrives at τ + δ. What arrives together interferes.

    X is (n, sources, time, D) of any lengths; every vector is scaled to unit length, a
    zero vector is the rest dipole. Within one sample the changes of a route add up over
    the emissions before the rule divides; where they would add up to −1 or less the
    route keeps a share of 10⁻⁶ (`learning.SMALLEST_GAIN`).

    Args:
        geometry: One source per source of X and one target per class in sorted order.
            Required.
        rates: Learning rates (η₊, η₋, η₋₋) of emissions similar, neutral and opposite
            to the field; each greater than −1.
        threshold: As for `InterferenceClassifier`.
        n_durations: As for `InterferenceClassifier`; a signal emitted at τ arrives by T
            − 1 only if its travel duration is at most T − 1 − τ.
        epochs: As for `InterferenceClassifier`.
        n_signals: As for `InterferenceClassifier`.
        host: The field g at the targets, D components; `None` for (1, …, 1)/√D.
        readout: `"mean"` (energy averaged over time, as in the paper's double slit) or
            `"peak"`.
        route_prior: As for `InterferenceClassifier`.
        random_state: As for `InterferenceClassifier`.

    Attributes:
        classes_: Labels in sorted order, (C,).
        class_count_: Weight of the samples learned per class, times epochs, (C,).
        tally_: Summed log-gains, (S, C, T).
        prior_: Route probabilities before learning, (S, C, T).
        route_probabilities_: Route probabilities now, (S, C, T).
        geometry_: Where sources and targets stand.
        wave_shape_: Shape of one input, (sources, time, D).
    """

    _shape_attribute = "wave_shape_"
    _kind_parameters = ("rates", "threshold", "n_durations", "host")

    def __init__(
        self,
        *,
        geometry: Geometry | None = None,
        rates: tuple[float, float, float] = (0.1, -0.01, -0.1),
        threshold: float = 0.8,
        n_durations: int = 60,
        epochs: int = 1,
        n_signals: float = 1000,
        host: ArrayLike | None = None,
        readout: Literal["mean", "peak"] = "mean",
        route_prior: Literal["jitter"] | ArrayLike = "jitter",
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.geometry = geometry
        self.rates = rates
        self.threshold = threshold
        self.n_durations = n_durations
        self.epochs = epochs
        self.n_signals = n_signals
        self.host = host
        self.readout = readout
        self.route_prior = route_prior
        self.random_state = random_state

    # -- input -------------------------------------------------------------------------

    def _read(self, X, *, reset: bool) -> np.ndarray:
        X = as_array("X", X)
        X = self._validated(
            X, reset=reset, dtype=np.float64, allow_nd=True, ensure_2d=False
        )
        if X.ndim != 4 or 0 in X.shape[1:]:
            raise ValueError(
                f"X must be waves of shape (n, sources, time, D), got shape {X.shape}"
            )
        if reset:
            self.wave_shape_ = X.shape[1:]
        elif X.shape[1:] != self.wave_shape_:
            raise ValueError(
                f"X holds waves of {X.shape[1:]} (sources, time, D), but the model "
                f"learned {self.wave_shape_}"
            )
        return X

    def _check_parameters(self) -> None:
        super()._check_parameters()
        if not isinstance(self.geometry, Geometry):
            raise ValueError(f"geometry must be a Geometry, got {self.geometry!r}")
        check_choice(("mean", "peak"), readout=self.readout)

    # -- the stage ---------------------------------------------------------------------

    def _n_sources(self) -> int:
        return self.wave_shape_[0]

    def _n_emissions(self) -> int:
        return self.wave_shape_[1]

    def _geometry_for(self, n_classes: int) -> Geometry:
        assert self.geometry is not None
        n_sources, n_targets = self.geometry.distances.shape
        if (n_sources, n_targets) != (self._n_sources(), n_classes):
            raise ValueError(
                f"geometry has {n_sources} sources and {n_targets} targets; X has "
                f"{self._n_sources()} sources and there are {n_classes} classes"
            )
        return self.geometry

    # -- the physics -------------------------------------------------------------------

    def _host(self) -> np.ndarray:
        n_components = self.wave_shape_[2]
        with double_precision():
            if self.host is None:
                return np.asarray(uniform_host(n_components))
            host = as_real_array("host", self.host)
            if host.shape != (n_components,) or not host.any():
                raise ValueError(
                    f"host must be a non-zero vector of {n_components} components, got "
                    f"{host}"
                )
            return np.asarray(to_dipoles(jnp.asarray(host)))

    def _dipoles(self, part: np.ndarray) -> Float[Array, "n E D"]:
        dipoles = to_dipoles(jnp.asarray(part))
        return dipoles.reshape(len(part), -1, dipoles.shape[-1])

    def _tally_width(self) -> int:
        return self.n_durations

    def _tally(self, part: np.ndarray, members: np.ndarray) -> Float[Array, "S C T"]:
        rates = np.asarray(self.rates, dtype=np.float64)
        return _tally_waves(
            part, members, self._host(), float(self.threshold), rates, self.n_durations
        )

    def _tally_bounds(self) -> tuple[float, float]:
        change = self._n_emissions() * np.array(
            [min(*self.rates, 0.0), max(*self.rates, 0.0)]
        )
        low, high = np.log(np.maximum(1 + change, learning.SMALLEST_GAIN))
        return float(low), float(high)

    def _evidence(self) -> Float[np.ndarray, "S C T"]:
        return self.tally_

    def _energies(
        self, part: np.ndarray, arriving: np.ndarray, arrived: np.ndarray
    ) -> Float[Array, "..."]:
        dipoles = self._dipoles(part)
        return _wave_energies(
            dipoles, arriving, arrived, self._host(), float(self.threshold)
        )

    def _score_curves(self, curves: Any) -> Any:
        return curves.mean(axis=-1) if self.readout == "mean" else curves.max(axis=-1)


@partial(jax.jit, static_argnums=(3, 5))
def _tally_waves(
    waves: Array,
    members: Array,
    host: Array,
    threshold: float,
    rates: Array,
    n_durations: int,
) -> Array:
    return learning.tally_waves(
        to_dipoles(waves), members, host, threshold, rates, n_durations
    )


_wave_energies = jax.jit(energy.energy_over_time, static_argnums=4)
