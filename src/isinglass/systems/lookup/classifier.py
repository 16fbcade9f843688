"""A classifier of tables for scikit-learn: numbers to bits, tables, counts.

Source: Bacellar et al. 2024, arXiv 2410.11112, and its program.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Float, PRNGKeyArray
from scipy.special import softmax
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import (
    check_is_fitted,
    validate_data,
)

from isinglass._common.checks import (
    as_list,
    check_choice,
    check_flag,
    check_kind,
    check_positive,
    check_whole,
)
from isinglass._common.precision import single_precision
from isinglass._common.samples import all_or_nothing, as_random_state
from isinglass.systems.lookup.difference import (
    PROGRAM,
    ExtendedDifference,
    check_arity,
)
from isinglass.systems.lookup.export import TableNetwork, network_tables
from isinglass.systems.lookup.layer import WIRINGS
from isinglass.systems.lookup.network import LookupNetwork, LookupNetworkConfig
from isinglass.systems.lookup.thermometer import KINDS, Thermometer, fit_thermometer
from isinglass.training.lanes import LaneRecipe, LaneTask, train_lanes
from isinglass.training.run import TrainingDivergedError


class LookupClassifier(ClassifierMixin, BaseEstimator):
    """Classify by tables that are read at thermometer bits of the features.

    Bits that are the same for all samples, or the same as another, are left out, or
    wires start as if they were there (`all_bits`).
    Training is by Adam, whose rate falls to 0 along half a cosine, on batches that are
    drawn with replacement. What is learned is a `TableNetwork` of bits (`export`), by
    which samples are predicted: comparisons, look-ups and counts.

    Args:
        tables: Of each layer; the last is rounded up to a multiple of the classes.
        arity: n, bits that a table reads, from 1 to 12.
        bits: z, of each feature.
        thermometer: "distributive", "gaussian" or "uniform".
        wiring: Of the first layer, "random" or "learnable". The latter is slower, and
            better where there are few tables.
        difference: How bits get a gradient; None for `ExtendedDifference()`.
        all_bits: Whether wires are drawn among all bits, as in the program, constant
            and repeated ones too: a bit then has the more wires the more bits equal it.
            They are trained of distinct bits alone all the same, which is no other
            training and costs less (`LookupNetwork.merged`).
        head_temperature: τ of the sums; None for √(spins of a class)/3, which is the
            program's 1/0.3 for 100. It decides much: choose it on validation samples.
        learning_rate: Of Adam.
        epochs: How many samples are drawn, over how many there are.
        batch_size: Samples of a step.
        random_state: None, a whole number or a generator.

    Attributes:
        classes_: Labels, (k,).
        thermometer_: The fitted `Thermometer`.
        columns_: Which of its bits are read.
        network_: The trained `LookupNetwork`.
        tables_: What `export` gives.
        loss_curve_: Mean loss over each tenth of the training, (10,) or fewer.

    Raises:
        ValueError: In `fit`, if a parameter or a sample cannot be used.
        TypeError: In `fit`, if something is of another kind.
    """

    classes_: np.ndarray
    thermometer_: Thermometer
    columns_: np.ndarray
    network_: LookupNetwork
    tables_: TableNetwork
    loss_curve_: np.ndarray

    def __init__(
        self,
        tables: Any = (2000, 1000),
        arity: int = 6,
        bits: int = 3,
        *,
        thermometer: str = "distributive",
        wiring: str = "random",
        difference: Any = None,
        all_bits: bool = False,
        head_temperature: float | None = None,
        learning_rate: float = 0.01,
        epochs: int = 10,
        batch_size: int = 32,
        random_state: Any = None,
    ) -> None:
        self.tables = tables
        self.arity = arity
        self.bits = bits
        self.thermometer = thermometer
        self.wiring = wiring
        self.difference = difference
        self.all_bits = all_bits
        self.head_temperature = head_temperature
        self.learning_rate = learning_rate
        self.epochs = epochs
        self.batch_size = batch_size
        self.random_state = random_state

    @all_or_nothing
    def fit(self, X: Any, y: Any) -> LookupClassifier:
        """Learn from samples.

        Args:
            X: (n, F), two samples at least.
            y: Labels, (n,).

        Returns:
            The classifier itself.

        Raises:
            ValueError: For a parameter or samples that cannot be used, by name.
            TypeError: If something is of another kind.
        """
        self._check_parameters()
        X, y = validate_data(self, X, y, ensure_min_samples=2)
        X = _numbers(X)
        check_classification_targets(y)
        classes, labels = np.unique(y, return_inverse=True)
        thermometer = fit_thermometer(X, self.bits, self.thermometer)
        columns, places = thermometer.useful(X), None
        if not len(columns):
            raise ValueError("X must hold a feature that is not constant, got none")
        if self.all_bits:
            columns, places = thermometer.distinct(X)
        bits = thermometer(X).reshape(len(X), -1)[:, columns]
        seed = as_random_state(self.random_state).randint(2**31)
        drawn = len(columns) if places is None else len(places)
        config = self._config(drawn, len(classes))
        data = Bits(bits.astype(np.uint8), labels.astype(np.int32))
        network, losses = self._trained(config, data, (seed, places))
        self.classes_, self.thermometer_, self.columns_ = classes, thermometer, columns
        self.network_, self.loss_curve_ = network, losses
        self.tables_ = network_tables(
            network, thermometer, columns, np.arange(len(classes))
        )
        return self

    def predict(self, X: Any) -> np.ndarray:
        """Return labels of samples (n, F), (n,).

        Raises:
            ValueError: If samples have other features, or are not finite.
            NotFittedError: Before `fit`.
        """
        places = self.logits(X).argmax(-1)
        return self.classes_[places]

    def predict_proba(self, X: Any) -> Float[np.ndarray, "n k"]:
        """Return the softmax of logits, (n, k).

        Raises:
            ValueError: As `predict`.
            NotFittedError: Before `fit`.
        """
        return softmax(self.logits(X), axis=-1)

    def logits(self, X: Any) -> Float[np.ndarray, "n k"]:
        """Return each class's spins that are up over τ, (n, k).

        Raises:
            ValueError: As `predict`.
            NotFittedError: Before `fit`.
        """
        check_is_fitted(self)
        samples: Any = validate_data(self, X, reset=False)
        return self.tables_.logits(_numbers(samples))

    def export(self) -> TableNetwork:
        """Return the trained tables, with the labels of the classes.

        Raises:
            ValueError: If labels are neither numbers nor words.
            NotFittedError: Before `fit`.
        """
        check_is_fitted(self)
        return network_tables(
            self.network_, self.thermometer_, self.columns_, self.classes_
        )

    def _check_parameters(self) -> None:
        for count in as_list("tables", self.tables):
            check_whole(tables=count)
        check_arity(arity=self.arity)
        check_whole(bits=self.bits, epochs=self.epochs, batch_size=self.batch_size)
        check_choice(KINDS, thermometer=self.thermometer)
        check_choice(WIRINGS, wiring=self.wiring)
        check_flag(all_bits=self.all_bits)
        check_positive(learning_rate=self.learning_rate)
        if self.difference is not None:
            check_kind(ExtendedDifference, difference=self.difference)
        if self.head_temperature is not None:
            check_positive(head_temperature=self.head_temperature)

    def _config(self, inputs: int, classes: int) -> LookupNetworkConfig:
        *first, last = (int(count) for count in self.tables)
        last = -(-last // classes) * classes
        temperature = self.head_temperature
        if temperature is None:
            temperature = (last / classes) ** 0.5 / 3
        return LookupNetworkConfig(
            inputs,
            classes,
            (*first, last),
            int(self.arity),
            self.wiring,
            float(temperature),
            self.difference or PROGRAM,
        )

    @single_precision()
    def _trained(
        self, config: LookupNetworkConfig, data: Bits, start: Any
    ) -> tuple[LookupNetwork, np.ndarray]:
        """From a seed, and which distinct bit each of all bits equals, if they do."""
        seed, places = start
        steps = max(self.epochs * len(data.labels) // self.batch_size, 1)
        recipe = LaneRecipe(
            steps, clip=None, betas=(0.9, 0.999), every=max(steps // 10, 1)
        )
        weights, batches = jax.random.split(jax.random.key(seed))
        networks = new_networks(weights[None], config)
        if places is not None:
            single = jax.tree.map(lambda part: part[0], networks).merged(places)
            networks = jax.tree.map(lambda part: part[None], single)
        learner = Learner(networks, int(self.batch_size))
        try:
            lanes = train_lanes(
                learner,
                LaneTask(loss, data, project=clipped),
                recipe,
                learning_rates=[self.learning_rate],
                keys=batches[None],
            )
        except TrainingDivergedError as error:
            raise ValueError(
                f"learning_rate={self.learning_rate} is too large, or "
                f"head_temperature={config.head_temperature} too small: {error}"
            ) from None
        return lanes.of(0).network, lanes.metrics.loss.values[0]


def _numbers(samples: np.ndarray) -> np.ndarray:
    """Samples as they are; truth values as 0 and 1."""
    return samples.astype(np.uint8) if samples.dtype == bool else samples


class Bits(NamedTuple):
    """Samples to learn from.

    Attributes:
        bits: (n, inputs), 0 or 1.
        labels: (n,), from 0.
    """

    bits: Any
    labels: Any


class Learner(eqx.Module):
    """A network, and how many samples it takes at a time."""

    network: LookupNetwork
    batch: int = eqx.field(static=True)


@eqx.filter_jit
def new_networks(keys: Any, config: LookupNetworkConfig) -> LookupNetwork:
    """Networks as they are before training, stacked along a leading axis."""
    return eqx.filter_vmap(lambda key: LookupNetwork(config, key=key))(keys)


def clipped(model: Any) -> Any:
    """A learner with the tables of its network cut to [−1, 1]."""
    return eqx.tree_at(lambda m: m.network, model, model.network.clipped())


def loss(model: Learner, data: Bits, key: PRNGKeyArray) -> Float[Array, ""]:
    """Cross-entropy of a batch."""
    places = jax.random.randint(key, (model.batch,), 0, len(data.labels))
    bits = data.bits[places].astype(jnp.float32)
    logits = model.network.logits(bits)
    return optax.softmax_cross_entropy_with_integer_labels(
        logits, data.labels[places]
    ).mean()
