"""The authors' own numbers (oracles/README.md)."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from isinglass.data import mnist
from isinglass.systems.interference import InterferenceClassifier, paper_settings

ORACLES = Path(__file__).parent / "oracles"


@dataclass
class Case:
    oracle: dict[str, np.ndarray]
    model: InterferenceClassifier
    test: np.ndarray


@pytest.fixture(scope="module", params=["s0", "s1"])
def case(request) -> Case:
    with np.load(
        ORACLES / f"interference_{request.param}.npz", allow_pickle=False
    ) as file:
        oracle = dict(file)
    with np.load(ORACLES / "test_images.npz", allow_pickle=False) as file:
        test = file[request.param]
    images = mnist.load(source="subset").train.images
    model = InterferenceClassifier(
        **paper_settings(), route_prior=oracle["p0"], epochs=int(oracle["epochs"])
    )
    model.fit(images[oracle["train_idx"]], oracle["train_y"])
    return Case(oracle, model, test)


def test_training(case: Case):
    assert np.abs(case.oracle["p1"] - case.oracle["p0"]).max() > 0.01
    routes = case.model.route_probabilities_
    np.testing.assert_allclose(routes, case.oracle["p1"], rtol=0, atol=1e-12)


def test_peak_energies(case: Case):
    expected = case.oracle["J"][: len(case.test)]
    # rtol alone: where the program says 0, so do we.
    np.testing.assert_allclose(
        case.model.decision_function(case.test), expected, rtol=1e-9, atol=0
    )


def test_energy_over_time(case: Case):
    running = case.model.energy_over_time(case.test[:10]).cumsum(axis=-1)
    np.testing.assert_allclose(running, case.oracle["E"], rtol=1e-9, atol=0)


def arriving(case: Case) -> np.ndarray:
    """Signals (S, C, T) that arrive, of 1000 sent by every source to every target."""
    reachable = case.model.geometry_.reachable(25)
    return 1000 * case.model.route_probabilities_ * reachable


def test_expected_similarity(case: Case):
    total = arriving(case).sum(axis=0)
    ours = case.model.expected_similarity(case.test[:3])
    assert np.isnan(ours).any(axis=0).tolist() == (total == 0).tolist()
    # The program divides by total + 0.0081, the similarity is quadratic in that.
    as_published = np.nan_to_num(ours) * (total / (total + 81e-4)) ** 2
    np.testing.assert_allclose(as_published, case.oracle["sim"], rtol=1e-9, atol=0)


def test_arrival_times_as_published(case: Case):
    routes, reachable = (
        1000 * case.model.route_probabilities_,
        case.model.geometry_.reachable(25),
    )
    counts = 0.1 + np.einsum("spt,slt->lpt", routes[:25], reachable[:25])
    expected = (counts * np.arange(25)).sum(axis=-1) / counts.sum(axis=-1)
    np.testing.assert_allclose(expected, case.oracle["arrival"], rtol=1e-12)


def test_arrival_times_of_all_sources(case: Case):
    routes, reachable = (
        case.model.route_probabilities_,
        case.model.geometry_.reachable(25),
    )
    ours = case.model.arrival_times()
    for learner in range(4):
        for policy in range(4):
            sent = [
                (t, routes[s, policy, t])
                for s in range(81)
                for t in range(25)
                if reachable[s, learner, t]
            ]
            expected = sum(t * p for t, p in sent) / sum(p for _, p in sent)
            assert ours[learner, policy] == pytest.approx(expected, rel=1e-12)
