"""Route probabilities, priors and arrivals."""

import numpy as np
import pytest

from isinglass.systems.interference import arrivals, jitter_prior, route_probabilities
from isinglass.systems.interference.routes import check_prior


def test_jitter_is_the_papers():
    u = jitter_prior(3, "a", 2000, 25)
    np.testing.assert_allclose(u.sum(axis=-1), 1)
    # (9 + u)/Σ(9 + u): the ratio of two durations lies between 9/10 and 10/9.
    assert 0.999 > (u.min(axis=-1) / u.max(axis=-1)).min() > 0.9
    assert np.std(u[:, 0]) * 9.5 * 25 == pytest.approx(np.sqrt(1 / 12), rel=0.05)


def test_jitter_depends_on_the_seed_and_the_label():
    assert (jitter_prior(0, 1, 3, 4) != jitter_prior(1, 1, 3, 4)).all()
    assert (jitter_prior(0, 1, 3, 4) != jitter_prior(0, 2, 3, 4)).all()


@pytest.mark.parametrize("label", [1, 1.0, True, np.int8(1), np.float32(1), np.True_])
def test_jitter_is_the_same_for_one_label_in_any_type(label):
    np.testing.assert_array_equal(
        jitter_prior(0, label, 3, 4), jitter_prior(0, 1, 3, 4)
    )


def test_prior_is_normalised_in_any_scale():
    expected = np.array([[[0.25, 0.75]], [[1.0, 0.0]]])
    for scale in (1e-300, 1, 1e300):
        prior = check_prior(scale * np.array([[[1.0, 3.0]], [[5.0, 0.0]]]), (2, 1, 2))
        np.testing.assert_allclose(prior, expected)


@pytest.mark.parametrize(
    ("prior", "message"),
    [
        (np.ones((2, 1, 3)), r"shape .* = \(2, 1, 2\), got \(2, 1, 3\)"),
        (3.0, r"got \(\)"),
        (-np.ones((2, 1, 2)), "route_prior must not be negative"),
        (np.full((2, 1, 2), np.nan), "route_prior must be finite"),
        (np.full((2, 1, 2), np.inf), "route_prior must be finite"),
        (np.array([[[1.0, 0.0]], [[0.0, 0.0]]]), "positive sum"),
        (np.full((2, 1, 2), 1j), "route_prior must hold real numbers"),
        (np.full((2, 1, 2), "a"), "route_prior must hold real numbers"),
    ],
)
def test_prior_refused(prior, message):
    with pytest.raises(ValueError, match=message):
        check_prior(prior, (2, 1, 2))


def test_evidence_moves_mass_between_reachable_and_unreachable_durations():
    prior = np.array([[[0.1, 0.2, 0.3, 0.4]]])
    reachable = np.array([[[False, False, True, True]]])
    # logit of the reachable mass R = 0.7 grows by the evidence.
    grown = 0.7 * 5 / (0.3 + 0.7 * 5)
    p = route_probabilities(prior, np.full((1, 1, 1), np.log(5)), reachable)[0, 0]
    np.testing.assert_allclose(
        p, [0.1 / 3.8, 0.2 / 3.8, 0.3 * grown / 0.7, 0.4 * grown / 0.7]
    )


@pytest.mark.parametrize("evidence", [-1e6, 1e6])
def test_evidence_of_any_size(evidence):
    prior, reachable = np.full((1, 1, 4), 0.25), np.arange(4) >= np.full((1, 1, 1), 2)
    p = route_probabilities(prior, np.full((1, 1, 1), evidence), reachable)
    np.testing.assert_array_equal(p > 0, reachable if evidence > 0 else ~reachable)
    np.testing.assert_allclose(p.sum(axis=-1), 1)


def test_a_route_of_probability_zero_stays_shut():
    prior, everywhere = np.array([[[0.0, 1.0]]]), np.ones((1, 1, 2), dtype=bool)
    p = route_probabilities(prior, np.array([[[9.0, -9.0]]]), everywhere)
    np.testing.assert_array_equal(p, prior)


def test_arrivals_are_delayed_by_the_time_of_emission():
    p = np.array([[[0.1, 0.2, 0.3, 0.4]]])
    arriving, arrived = arrivals(
        p, np.array([[[False, True, True, True]]]), n_emissions=6
    )
    expected = np.zeros((6, 1, 4))
    expected[0, 0, 1:], expected[1, 0, 2:], expected[2, 0, 3:] = (
        [0.2, 0.3, 0.4],
        [0.2, 0.3],
        0.2,
    )
    np.testing.assert_array_equal(arriving, expected)
    np.testing.assert_array_equal(arrived, expected > 0)
