"""`SASQuaTChClassifier`: the circuit as a classifier of scikit-learn.

Of two classes one circuit, whose spin points up for the second; of more one circuit a
class against the rest, and the highest ⟨Z⟩ decides. They are trained side by side by
Adam on (⟨Z⟩ − y)², y = ±1.
"""

from __future__ import annotations

from typing import Any, cast

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, PRNGKeyArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.validation import check_is_fitted, validate_data

from isinglass._common.batches import map_batches
from isinglass._common.checks import check_positive, check_whole
from isinglass._common.pictures import read_pictures
from isinglass._common.samples import (
    all_or_nothing,
    as_random_state,
    picture_tags,
    read_labels,
)
from isinglass.systems.quantum.circuit import SASQuaTCh, SASQuaTChConfig
from isinglass.systems.quantum.registers import MOST_QUBITS
from isinglass.systems.quantum.states import check_fields, unit_states
from isinglass.training.lanes import LaneRecipe, LaneTask, train_lanes
from isinglass.training.run import even_diverged

BETAS = (0.9, 0.999)  # of Adam
FEWEST_ROWS = 256  # of samples, filled up


class SASQuaTChClassifier(ClassifierMixin, BaseEstimator):
    """Classify pictures by the sign of one spin behind a Fourier-space kernel.

    A picture becomes amplitudes row by row; its sides are filled up with zeros to
    powers of two, 28 × 28 pixels to 32 × 32 in 5 + 5 qubits. `area_averages` makes 16 ×
    16 of them beforehand, in 4 + 4. Contrast is invisible: X and 2X are the same.

    Args:
        layers: L.
        kernel: "circuit", "rotations", "diagonal" or "none"; see `SASQuaTChConfig`.
        basis: "fourier", "hadamard", "haar" or "none".
        registers: Qubits of each register, for as many places as the filled picture
            has; None for one register of each side that is longer than 1.
        steps: Of Adam.
        batch_size: Pictures of a step, drawn with replacement.
        learning_rate: Of Adam, the same at all steps.
        random_state: Of the first angles, the batches and "haar".

    Attributes:
        classes_: Labels in sorted order, (C,).
        circuits_: Trained circuits stacked along a leading axis: one of two classes, C
            of more.
        image_shape_: Height and width of a picture.
        n_features_in_: Pixels of a picture.

    Source: Evans et al. 2024, arXiv 2403.14753; more than two classes are ours.

    Example:
        >>> model = SASQuaTChClassifier(layers=3).fit(images, labels)
        >>> model.decision_function(more_images)
    """

    classes_: np.ndarray
    circuits_: Any
    image_shape_: tuple[int, int]
    n_features_in_: int

    def __init__(
        self,
        layers: int = 3,
        *,
        kernel: str = "circuit",
        basis: str = "fourier",
        registers: tuple[int, ...] | None = None,
        steps: int = 500,
        batch_size: int = 50,
        learning_rate: float = 0.02,
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.layers = layers
        self.kernel = kernel
        self.basis = basis
        self.registers = registers
        self.steps = steps
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.random_state = random_state

    def __sklearn_tags__(self) -> Any:
        return picture_tags(super().__sklearn_tags__())

    @all_or_nothing
    def fit(self, X: Any, y: Any) -> SASQuaTChClassifier:
        """Train circuits on pictures.

        Args:
            X: Pictures (n, H, W), or flat (n, H·W), none of them 0 everywhere.
            y: Labels (n,) of two classes or more.

        Raises:
            ValueError: If a parameter is out of range, X or y cannot be used, or
                training did not stay finite.
        """
        check_whole(steps=self.steps, batch_size=self.batch_size)
        check_positive(learning_rate=self.learning_rate)
        pictures = read_pictures(self, X, reset=True)
        labels = read_labels(self, y, len(pictures))
        classes, numbers = np.unique(labels, return_inverse=True)
        if len(classes) < 2:
            raise ValueError(
                f"y must hold two classes or more, got one class: {classes.tolist()}"
            )
        rng = as_random_state(self.random_state)
        seed, haar = (int(rng.randint(2**31 - 1)) for _ in range(2))
        states = self._states(pictures)
        config = self._config(haar)
        self.classes_ = classes
        positive = np.arange(len(classes)) if len(classes) > 2 else np.array([1])
        self.circuits_ = self._trained(config, states, numbers, positive, seed)
        return self

    def decision_function(self, X: Any) -> Float[np.ndarray, "..."]:
        """Return ⟨Z⟩ of each picture: (n,) of two classes, else (n, C).

        Raises:
            ValueError: If X cannot be used.
        """
        check_is_fitted(self)
        states = self._states(read_pictures(self, X, reset=False))
        circuits = self.circuits_
        values = map_batches(lambda part: _expectations(circuits, part), states)
        return values[:, 0] if len(self.classes_) == 2 else values

    def predict(self, X: Any) -> np.ndarray:
        """Return the label of each picture, (n,).

        Raises:
            ValueError: If X cannot be used.
        """
        values = self.decision_function(X)
        if values.ndim == 1:
            return self.classes_[(values > 0).astype(int)]
        return self.classes_[values.argmax(-1)]

    def _validated(self, X: Any, **how: Any) -> np.ndarray:
        return cast(np.ndarray, validate_data(self, X, **how))

    def _states(self, pictures: np.ndarray) -> Float[np.ndarray, "n places"]:
        """Amplitudes of pictures, their sides filled up with zeros."""
        rows, columns = self._sides()
        height, width = self.image_shape_
        fill = [(0, rows - height), (0, columns - width)]
        flat = np.pad(np.asarray(pictures, float), [(0, 0), *fill])
        flat = flat.reshape(len(flat), -1)
        check_fields("X", flat)
        return unit_states(flat)

    def _sides(self) -> tuple[int, int]:
        """Powers of two that hold a picture; two places at least."""
        height, width = self.image_shape_
        rows, columns = (1 << (side - 1).bit_length() for side in (height, width))
        return rows, max(columns, 2) if rows == 1 else columns

    def _config(self, haar: int) -> SASQuaTChConfig:
        qubits = [side.bit_length() - 1 for side in self._sides()]
        if sum(qubits) > MOST_QUBITS:
            raise ValueError(
                f"X must have pictures of at most {2**MOST_QUBITS} pixels with sides "
                f"filled up to powers of two, got {self.image_shape_}"
            )
        registers = self.registers
        if registers is None:
            registers = tuple(count for count in qubits if count)
        config = SASQuaTChConfig(registers, self.layers, self.kernel, self.basis, haar)
        if config.qubits != sum(qubits):
            raise ValueError(
                f"registers must hold {sum(qubits)} qubits for pictures of "
                f"{self.image_shape_}, got {config.registers}"
            )
        return config

    def _trained(
        self,
        config: SASQuaTChConfig,
        states: np.ndarray,
        numbers: np.ndarray,
        positive: np.ndarray,
        seed: int,
    ) -> SASQuaTCh:
        """Circuits of the classes, from a seed."""
        weights, draws = jax.random.split(jax.random.key(seed))
        learners = _learners(
            config,
            jax.random.split(weights, len(positive)),
            jnp.asarray(positive, jnp.int32),
            int(self.batch_size),
        )
        task = LaneTask(_loss, _filled(states, numbers))
        recipe = LaneRecipe(
            int(self.steps), clip=None, betas=BETAS, decay=False, every=int(self.steps)
        )
        lanes = even_diverged(
            train_lanes,
            learners,
            task,
            recipe,
            learning_rates=np.full(len(positive), float(self.learning_rate)),
            keys=jax.random.split(draws, len(positive)),
        )
        if lanes.diverged.any():
            raise ValueError(
                f"learning_rate={self.learning_rate} is too large: training of "
                f"{int(lanes.diverged.sum())} circuits did not stay finite"
            )
        return lanes.models.circuit


class _Learner(eqx.Module):
    """A circuit and the class for which its spin points up."""

    circuit: SASQuaTCh
    positive: Int[Array, "*lanes"]
    batch: int = eqx.field(static=True)


class _Samples(eqx.Module):
    """States and the numbers of their classes, filled up to a power of two rows.

    Programs are compiled for sizes: so those of few samples are the same.
    """

    states: Float[Array, "rows places"]
    numbers: Int[Array, "rows"]
    count: Int[Array, ""]


def _filled(states: np.ndarray, numbers: np.ndarray) -> _Samples:
    rows = max(1 << (len(states) - 1).bit_length(), FEWEST_ROWS)
    more = rows - len(states)
    return _Samples(
        jnp.asarray(np.pad(states, [(0, more), (0, 0)]), jnp.float32),
        jnp.asarray(np.pad(numbers, (0, more)), jnp.int32),
        jnp.asarray(len(states), jnp.int32),
    )


@eqx.filter_jit
def _learners(
    config: SASQuaTChConfig, keys: Array, positive: Array, batch: int
) -> _Learner:
    return eqx.filter_vmap(
        lambda key, number: _Learner(SASQuaTCh(config, key=key), number, batch)
    )(keys, positive)


def _loss(learner: _Learner, samples: _Samples, key: PRNGKeyArray) -> Float[Array, ""]:
    """(⟨Z⟩ − y)² of a batch."""
    rows = jax.random.randint(key, (learner.batch,), 0, samples.count)
    targets = jnp.where(samples.numbers[rows] == learner.positive, 1.0, -1.0)
    values = learner.circuit.expectation(samples.states[rows])
    return ((values - targets) ** 2).mean()


@eqx.filter_jit
def _expectations(circuits: SASQuaTCh, states: Any) -> Array:
    """⟨Z⟩ (n, circuits) in the type of the states."""
    states = jnp.asarray(states)
    values = eqx.filter_vmap(lambda own: own.expectation(_safe(states)))(
        jax.tree.map(lambda x: x.astype(states.dtype), circuits)
    )
    return values.T


def _safe(states: Array) -> Array:
    """States as they are; rows of zeros, which fill a batch up, as some state."""
    empty = (states == 0).all(-1, keepdims=True)
    return unit_states(jnp.where(empty, 1.0, states))
