"""What is learned from features of pictures: the two rules of `TowerClassifier`.

On features that were computed once, since all draws share their pictures; that they
give what `TowerClassifier` and `InterferenceClassifier` give is tested.
"""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, Shaped

from isinglass.experiments.interference.setting import saturating
from isinglass.systems.interference import (
    InterferenceClassifier,
    LearningRule,
    arrivals,
    corners,
    energy_over_time,
    jitter_prior,
    paper_settings,
    route_probabilities,
)
from isinglass.systems.interference.encoding import image_similarity
from isinglass.systems.interference.learning import is_similar

GAINS = 5 * np.log1p(LearningRule().rates)  # a class weighs as five samples do
LATER = 7  # time steps from the longest flight on, as in the paper: T = 25 of 9 × 9
PART = 500  # pictures at a time


def flat(images: Shaped[np.ndarray, "n 28 28"]) -> Float[np.ndarray, "n S"]:
    """Similarity of the 3 × 3 patches to the host: what the flat model counts."""
    return np.asarray(jax.jit(image_similarity, static_argnums=1)(images, (3, 3)))


def counts(
    field: Float[np.ndarray, "C K S"], threshold: float
) -> Float[np.ndarray, "S C 3"]:
    """How often each source was similar, neutral and opposite, per class."""
    return kinds(field, threshold).sum(axis=1).swapaxes(0, 1)


def kinds(field: Float[np.ndarray, "*n"], threshold: float) -> np.ndarray:
    """Similar, neutral, opposite as ones and zeros, along a new last axis."""
    similar, opposite = (is_similar(sign * field, threshold) for sign in (1, -1))
    return np.stack([similar, ~(similar | opposite), opposite], axis=-1).astype(float)


def by_tally(
    learn: Float[np.ndarray, "C K S"],
    tested: Float[np.ndarray, "n S"],
    threshold: float,
) -> Float[np.ndarray, "n C"]:
    """Log-likelihoods of the kinds of sources, independent within a class."""
    shares = (counts(learn, threshold) + 0.5) / (learn.shape[1] + 1.5)
    logs = np.log(shares).swapaxes(0, 1).reshape(len(learn), -1)
    return kinds(tested, threshold).reshape(len(tested), -1) @ logs.T


def by_energy(
    learn: Float[np.ndarray, "C K S"],
    tested: Float[np.ndarray, "n S"],
    threshold: float,
    seed: int,
) -> Float[np.ndarray, "n C"]:
    """Peaks of energy of mean fields on a square grid, Eq. 3."""
    n_classes, n_samples, n_sources = learn.shape
    side = round(n_sources**0.5)
    stage, n_steps = corners((side, side), n_classes), 2 * side + LATER
    reachable = stage.reachable(n_steps)
    prior = [
        jitter_prior(seed, label, n_sources, n_steps) for label in range(n_classes)
    ]
    evidence = (counts(learn, threshold) @ GAINS / n_samples)[..., None]
    routes = route_probabilities(np.stack(prior, axis=1), evidence, reachable)
    arriving, arrived = arrivals(routes, reachable)
    peaks = [
        _peaks(tested[i : i + PART], arriving, arrived, threshold)
        for i in range(0, len(tested), PART)
    ]
    return np.concatenate(peaks)


def _peaks(
    field: np.ndarray, arriving: np.ndarray, arrived: np.ndarray, threshold: float
) -> np.ndarray:
    curves = _energy(
        jnp.asarray(field[..., None], jnp.float32),
        jnp.asarray(arriving, jnp.float32),
        jnp.asarray(arrived),
        jnp.ones(1, jnp.float32),
        threshold,
    )
    return np.asarray(curves).max(axis=-1)


_energy = jax.jit(energy_over_time, static_argnums=4)


def flat_by_energy(
    learn: Shaped[np.ndarray, "C K 28 28"],
    tested: Shaped[np.ndarray, "n 28 28"],
    seed: int,
) -> Float[np.ndarray, "n C"]:
    """Peaks of energy of the flat model, with the paper's rates for five samples."""
    n_classes, n_samples = learn.shape[:2]
    rates = tuple(np.expm1(GAINS / n_samples))
    model = InterferenceClassifier(**paper_settings(), random_state=seed)
    model.set_params(rates=rates)
    labels = np.repeat(np.arange(n_classes), n_samples)
    with saturating():
        model.fit(learn.reshape(-1, *learn.shape[2:]), labels)
    return model.energies(tested)
