"""`InterferenceClassifier`: few-shot learning of pictures with no backpropagation."""

from collections.abc import Sequence
from functools import partial
from typing import Any, Literal

import jax
import numpy as np
from jaxtyping import Array, Float
from sklearn.utils.validation import check_is_fitted

from isinglass._common.batches import BATCH, map_batches
from isinglass._common.checks import as_list, as_real_array
from isinglass._common.pictures import read_pictures
from isinglass._common.precision import double_precision
from isinglass._common.samples import picture_tags
from isinglass._common.types import ArrayLike
from isinglass.systems.interference import (
    _fitness,
    automatic,
    calibration,
    energy,
    learning,
)
from isinglass.systems.interference._bytes import fits, tally_bytes
from isinglass.systems.interference._estimator import RouteClassifier
from isinglass.systems.interference.encoding import (
    encode_images,
    image_similarity,
    uniform_host,
)
from isinglass.systems.interference.geometry import Geometry, corners
from isinglass.systems.interference.hosts import (
    Host,
    Levels,
    energy_in_time,
    levels,
    tally_levels,
)


class InterferenceClassifier(RouteClassifier):
    """Feed-forward interference training (Tang 2020) as a scikit-learn classifier.

    Each picture is cut into patches; each patch is a unit dipole sent to one target per
    class along routes of different travel durations. Learning moves probability between
    durations so that patches similar to the target's field arrive together. Learning is
    a sum over samples, hence exact `partial_fit`, `forget` and `merge`, in any order.

    X is (n, H, W), or (n, H·W) with a square picture; a flat row whose length is no
    square number counts as a picture of one line. Whole numbers or floats, any
    brightness scale.

    Args:
        rates: Learning rates (η₊, η₋, η₋₋) for patches similar, neutral and opposite to
            the field; each greater than −1. The paper's, (1, −0.5, −0.8), are made for
            about five samples per class: evidence adds up until nothing is open. By
            `"auto"` the samples of a class weigh the same together, however many they
            are (`automatic.log_gains`): epochs, and the scale of sample weights, then
            change nothing.
        threshold: Similarity θ in (0, 1] from which a patch is similar (or, negated,
            opposite).
        n_durations: Travel durations 0 … T−1; must let every source reach every target.
        epochs: How often each sample counts.
        n_signals: Signals N per source; scales the energies, not the prediction.
        patch_size: Patch height and width in pixels, an integer or a pair. Rows and
            columns beyond the last whole patch are cropped. `"auto"` takes the smallest
            of which all signals arrive within T (`automatic.fitting_patch`): the
            paper's 3 for pictures of 28 × 28, 1 for 8 × 8; or, given a `Geometry` or an
            array of priors, one that makes as many sources.
        route_prior: `"jitter"`, nearly uniform with (9 + u)/Σ(9 + u), u ~ U[0, 1) drawn
            per class from `random_state`; or an array (S, C, T), classes in sorted
            order.
        geometry: `"corners"` (targets on a frame around the picture, see `corners`) or
            a `Geometry` with one source per patch and one target per class in sorted
            order.
        random_state: An integer for a result that repeats.
        host: `"constant"`, the field (1, …, 1)/√D that looks for ink at all times, or a
            `Host` that changes in time: a patch is then judged by the field that stands
            at the target when it arrives, in learning and in the energies.

    Attributes:
        classes_: Labels in sorted order, (C,).
        class_count_: Weight of the samples learned per class, times epochs, (C,).
        tally_: Counts of similar, neutral and opposite patches, (S, C, 3); three for
            each different field of a `Host`.
        prior_: Route probabilities before learning, (S, C, T).
        route_probabilities_: Route probabilities now, (S, C, T).
        geometry_: Where sources and targets stand.
        image_shape_: Height and width of a picture.
        patch_size_: Height and width of a patch.
        temperature_: Temperature of the energies per signal in `predict_proba`.
        rates_: Learning rates of one more sample like those learned, (C, 3).
        n_features_in_: Pixels of a picture.

    `InterferenceClassifier(**paper_settings())` is the classifier of the paper.

    Warns (`FitnessWarning`) where little can be learned: pictures of one brightness, a
    crop that loses much of them, evidence so large that no source is open any more.

    It passes scikit-learn's `check_estimator`. Blobs in a table are no pictures; the
    estimator is tagged `poor_score`, which excuses it from classifying them well.

    Example:
        >>> model = InterferenceClassifier(random_state=0).fit(images, labels)
        >>> model.predict(more_images)
    """

    image_shape_: tuple[int, int]
    _kind_parameters = ("rates", "threshold", "n_durations", "patch_size")
    _shape_attribute = "image_shape_"

    def __init__(
        self,
        *,
        rates: Literal["auto"] | tuple[float, float, float] = "auto",
        threshold: float = 0.7,
        n_durations: int = 25,
        epochs: int = 1,
        n_signals: float = 1000,
        patch_size: Literal["auto"] | int | tuple[int, int] = "auto",
        route_prior: Literal["jitter"] | ArrayLike = "jitter",
        geometry: Literal["corners"] | Geometry = "corners",
        random_state: int | np.random.RandomState | None = None,
        host: Literal["constant"] | Host = "constant",
    ) -> None:
        self.rates = rates
        self.threshold = threshold
        self.n_durations = n_durations
        self.epochs = epochs
        self.n_signals = n_signals
        self.patch_size = patch_size
        self.route_prior = route_prior
        self.geometry = geometry
        self.random_state = random_state
        self.host = host

    def __sklearn_tags__(self):
        return picture_tags(super().__sklearn_tags__())

    # -- input -------------------------------------------------------------------------

    def _read(self, X, *, reset: bool) -> np.ndarray:
        pictures = read_pictures(self, X, reset=reset)
        if reset:
            self._check_patch(self.image_shape_)
        return pictures

    def _check_patch(self, image_shape: tuple[int, int]) -> None:
        patch = self._patch()
        if patch[0] > image_shape[0] or patch[1] > image_shape[1]:
            raise ValueError(
                f"patch_size {patch} is larger than the picture, {image_shape}; it "
                "must fit at least once"
            )
        if isinstance(self.host, Host):
            self.host.field(patch[0] * patch[1], self.n_durations)

    def _patch(self) -> tuple[int, int]:
        if not _is_auto(self.patch_size):
            return self._explicit_patch()
        n_sources = None
        if isinstance(self.geometry, Geometry):
            n_sources = len(self.geometry.distances)
        elif not isinstance(self.route_prior, str):
            prior = as_real_array("route_prior", self.route_prior)
            n_sources = len(prior) if prior.ndim else None
        return automatic.fitting_patch(self.image_shape_, self.n_durations, n_sources)

    def _explicit_patch(self) -> tuple[int, int]:
        size = self.patch_size
        pair = (
            tuple(size) if isinstance(size, tuple | list | np.ndarray) else (size, size)
        )
        if len(pair) != 2 or not all(
            isinstance(s, int | np.integer) and s >= 1 for s in pair
        ):
            raise ValueError(
                "patch_size must be 'auto', a positive integer or a pair of them, got "
                f"{size!r}"
            )
        return int(pair[0]), int(pair[1])

    def _check_parameters(self) -> None:
        super()._check_parameters()
        if not _is_auto(self.patch_size):
            self._explicit_patch()
        geometry = self.geometry
        if not isinstance(geometry, Geometry) and not (
            isinstance(geometry, str) and geometry == "corners"
        ):
            raise ValueError(
                f"geometry must be 'corners' or a Geometry, got {geometry!r}"
            )
        host = self.host
        if not isinstance(host, Host) and not (
            isinstance(host, str) and host == "constant"
        ):
            raise ValueError(f"host must be 'constant' or a Host, got {host!r}")

    def _learning_rule(self) -> learning.LearningRule:
        if _is_auto(self.rates):
            return learning.LearningRule(threshold=self.threshold)
        if isinstance(self.rates, str):
            raise ValueError(
                "rates must be 'auto' or three finite numbers greater than -1, got "
                f"{self.rates!r}"
            )
        return super()._learning_rule()

    def _rule(self) -> dict[str, Any]:
        return super()._rule() | {"patch_size": self._patch(), "host": self.host}

    # -- what fits the pictures --------------------------------------------------------

    @property
    def patch_size_(self) -> tuple[int, int]:
        """Height and width of a patch, `"auto"` resolved."""
        check_is_fitted(self)
        return self._patch()

    @property
    def rates_(self) -> Float[np.ndarray, "C 3"]:
        """Learning rates (η₊, η₋, η₋₋) that a sample of each class was learned with.

        With `rates="auto"` they depend on how many there are: expm1(log-gain / K).
        """
        self._check_ready()
        if not _is_auto(self.rates):
            return np.tile(self._learning_rule().rates, (len(self.classes_), 1))
        samples = np.where(self.class_count_ > 0, self.class_count_, 1.0)
        with np.errstate(over="ignore"):  # of a class that weighs next to nothing
            return np.expm1(self._log_gains() / samples[:, None])

    def _log_gains(self) -> Float[np.ndarray, "3"]:
        h, w = self._patch()
        return automatic.log_gains(h * w, float(self.threshold))

    def _look_at(self, X: np.ndarray) -> None:
        level = 6  # from here, by _add, _learn, fit and its wrapper, to who called fit
        _fitness.look_at_pictures(X, self._patch(), level)
        if not _is_auto(self.rates):
            routes, learned = self.route_probabilities_, self.class_count_ > 0
            _fitness.look_at_evidence(routes, self._reachable(), learned, level)

    # -- probabilities -----------------------------------------------------------------

    def predict_proba(self, X) -> Float[np.ndarray, "n C"]:
        """Probability of every class, softmax(J / (N τ)) of the energies.

        The temperature τ (`temperature_`) follows from what was learned, by one rule
        for all data that was chosen without test pictures (`calibration.temperature`).
        docs/interference.md, §9, has the reliability on held-out digits, and its
        limits: with one picture a class the probabilities are rough, and what is no
        such picture at all gets a class with confidence, too. The class frequencies do
        not enter.

        Rows sum to 1, and the largest is what `predict` says. A function of sums over
        samples, hence exact under `forget` and `merge`.

        Args:
            X: The inputs (see the class).
        """
        probabilities = np.exp(self.predict_log_proba(X))
        return probabilities / probabilities.sum(axis=1, keepdims=True)

    def predict_log_proba(self, X) -> Float[np.ndarray, "n C"]:
        """Logarithm of `predict_proba`, also where that is too small to be told from 0.

        Args:
            X: The inputs (see the class).
        """
        energies = self.energies(X)
        return calibration.log_probabilities(
            energies, float(self.n_signals) * self.temperature_
        )

    @property
    def temperature_(self) -> float:
        """Temperature τ of the energies per signal, J/N, in `predict_proba`."""
        in_time = (self.route_probabilities_ * self._reachable()).sum(axis=-1)
        return calibration.temperature(in_time, self.class_count_)

    # -- the stage ---------------------------------------------------------------------

    def _grid(self) -> tuple[int, int]:
        (height, width), (h, w) = self.image_shape_, self._patch()
        return height // h, width // w

    def _n_sources(self) -> int:
        rows, columns = self._grid()
        return rows * columns

    def _geometry_for(self, n_classes: int) -> Geometry:
        if not isinstance(self.geometry, Geometry):
            return corners(self._grid(), n_classes)
        n_sources, n_targets = self.geometry.distances.shape
        if (n_sources, n_targets) != (self._n_sources(), n_classes):
            raise ValueError(
                f"geometry has {n_sources} sources and {n_targets} targets; these "
                f"pictures have {self._n_sources()} patches and there are {n_classes} "
                "classes"
            )
        return self.geometry

    # -- the physics -------------------------------------------------------------------

    def _host(self) -> np.ndarray:
        if isinstance(self.host, Host):
            return self._levels().fields
        with double_precision():
            h, w = self._patch()
            return np.asarray(uniform_host(h * w))

    def _field(self) -> Float[np.ndarray, "T D"]:
        assert isinstance(self.host, Host)
        h, w = self._patch()
        return self.host.field(h * w, self.n_durations)

    def _levels(self) -> Levels:
        return levels(self._field())

    def _dipoles(self, part: np.ndarray) -> Float[Array, "n S D"]:
        return _encode(part, self._patch())

    def _tally_width(self) -> int:
        # Three counts, for each field that a host takes.
        return 3 * len(self._levels().fields) if isinstance(self.host, Host) else 3

    def _tally_batch(self, X: np.ndarray) -> int:
        is_fast = not isinstance(self.host, Host) and self._is_in_bytes(X)
        return 8 * BATCH if is_fast else super()._tally_batch(X)

    def _is_in_bytes(self, X: np.ndarray) -> bool:
        return fits(X, self._patch(), float(self.threshold))

    def _tally(self, part: np.ndarray, members: np.ndarray) -> Float[Array, "S C K"]:
        patch, threshold = self._patch(), float(self.threshold)
        if isinstance(self.host, Host):
            fields = self._levels().fields
            return _tally_in_time(part, members, fields, patch, threshold)
        tally = _tally_bytes if self._is_in_bytes(part) else _tally_images
        return tally(part, members, patch, threshold)

    def _tally_bounds(self) -> tuple[float, float]:
        return 0.0, 1.0

    def _evidence(self) -> Float[np.ndarray, "S C K"]:
        if not isinstance(self.host, Host):
            return self._evidence_of(self.tally_)
        # Of a signal under the field that stands at the target when it arrives.
        tallies = np.split(self.tally_, self.tally_.shape[-1] // 3, axis=-1)
        evidence = [self._evidence_of(tally) for tally in tallies]
        return np.concatenate(evidence, axis=-1)[..., self._levels().at]

    def _evidence_of(self, tally: Float[np.ndarray, "S C 3"]) -> np.ndarray:
        if _is_auto(self.rates):
            return automatic.mean_evidence(tally, self.class_count_, self._log_gains())
        return learning.evidence_from_kinds(tally, self._learning_rule().rates)

    def _energies(
        self, part: np.ndarray, arriving: np.ndarray, arrived: np.ndarray
    ) -> Float[Array, "..."]:
        patch, threshold = self._patch(), float(self.threshold)
        if isinstance(self.host, Host):
            field = self._field()
            return _energies_in_time(part, arriving, arrived, field, patch, threshold)
        return _image_energies(part, arriving, arrived, patch, threshold)

    def _scores(
        self, part: np.ndarray, arriving: np.ndarray, arrived: np.ndarray
    ) -> Any:
        if isinstance(self.host, Host):
            return super()._scores(part, arriving, arrived)
        return _image_peaks(
            part, arriving, arrived, self._patch(), float(self.threshold)
        )

    def _score_curves(self, curves: Any) -> Any:
        return np.asarray(curves).max(axis=-1)  # JAX would compile a program


def ensemble_energies(
    models: Sequence[InterferenceClassifier], X
) -> Float[np.ndarray, "m n C"]:
    """Compute peak energies of many models on the same pictures, their hosts once.

    Seeds, folds, ensembles: several times faster than asking each model, because the
    energy is linear in the route probabilities and all else depends on the pictures
    alone.

    Args:
        models: Trained on pictures of one shape with equal `threshold`, `patch_size`,
            `n_durations`, geometry and number of classes.
        X: The inputs, as for `InterferenceClassifier`.

    Returns:
        Shape (models, n, C), as `energies` of each model.

    Raises:
        TypeError: For something that is no such model.
        ValueError: For no models, models that do not share a stage, or hosts that
            change in time.
    """
    models = as_list("models", models)
    for model in models:
        if not isinstance(model, InterferenceClassifier):
            name = type(model).__name__
            raise TypeError(f"models must all be InterferenceClassifier, one is {name}")
        if isinstance(model.host, Host):
            raise ValueError(f"models must have host='constant', one has {model.host}")
    first = models[0]
    _, stage = first._arrivals()
    arriving = []
    for model in models:
        routes, arrived = model._arrivals()
        same = model.threshold == first.threshold and model._patch() == first._patch()
        if not (
            same
            and model.image_shape_ == first.image_shape_
            and np.array_equal(arrived, stage)
        ):
            raise ValueError(
                "models must share picture shape, patch_size, threshold, geometry, "
                "n_durations and the number of classes"
            )
        arriving.append(routes)
    scale = np.array([model.n_signals for model in models], dtype=np.float64)
    routes = np.stack(arriving)
    peaks = map_batches(
        lambda part: _ensemble_peaks(
            part, routes, stage, first._patch(), float(first.threshold)
        ),
        first._read(X, reset=False),
        axis=1,
        size=128,
    )
    return scale[:, None, None] * peaks


def _is_auto(parameter: Any) -> bool:
    return isinstance(parameter, str) and parameter == "auto"


@partial(jax.jit, static_argnums=1)
def _encode(images: Array, patch: tuple[int, int]) -> Array:
    return encode_images(images, patch)


@partial(jax.jit, static_argnums=(2, 3))
def _tally_images(
    images: Array, members: Array, patch: tuple[int, int], threshold: float
) -> Array:
    return learning.tally_kinds(image_similarity(images, patch), members, threshold)


_tally_bytes = jax.jit(tally_bytes, static_argnums=(2, 3))


@partial(jax.jit, static_argnums=(3, 4))
def _tally_in_time(
    images: Array,
    members: Array,
    fields: Array,
    patch: tuple[int, int],
    threshold: float,
) -> Array:
    dipoles = encode_images(images, patch)
    return tally_levels(dipoles, members, fields, threshold)


@partial(jax.jit, static_argnums=(4, 5))
def _energies_in_time(
    images: Array,
    arriving: Array,
    arrived: Array,
    field: Array,
    patch: tuple[int, int],
    threshold: float,
) -> Array:
    dipoles = encode_images(images, patch)[..., 1:]
    return energy_in_time(dipoles, arriving, arrived, field, threshold)


@partial(jax.jit, static_argnums=(3, 4))
def _image_energies(
    images: Array,
    arriving: Array,
    arrived: Array,
    patch: tuple[int, int],
    threshold: float,
) -> Array:
    dipoles, host = _without_rest(images, patch)
    return energy.energy_over_time(dipoles, arriving, arrived, host, threshold)


@partial(jax.jit, static_argnums=(3, 4))
def _image_peaks(
    images: Array,
    arriving: Array,
    arrived: Array,
    patch: tuple[int, int],
    threshold: float,
) -> Array:
    curves = _image_energies(images, arriving, arrived, patch, threshold)
    return curves.max(axis=-1)


@partial(jax.jit, static_argnums=(3, 4))
def _ensemble_peaks(
    images: Array,
    arriving: Array,
    arrived: Array,
    patch: tuple[int, int],
    threshold: float,
) -> Array:
    dipoles, host = _without_rest(images, patch)
    coupling = energy.couplings(dipoles, arrived, host, threshold)
    return energy.energies_of_many(arriving, coupling).max(axis=-1)


def _without_rest(images: Array, patch: tuple[int, int]) -> tuple[Array, Array]:
    """Dipoles and host without their rest component, which the host has none of."""
    return encode_images(images, patch)[..., 1:], uniform_host(patch[0] * patch[1])[1:]
