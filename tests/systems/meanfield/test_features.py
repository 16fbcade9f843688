import dataclasses
import pickle
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from isinglass.systems.meanfield import Features, semantic_overlaps
from isinglass.systems.meanfield.features import KINDS

UNKNOWN: Any = "w"


def random_weights(seed: int, m: int, n: int, bits: int) -> np.ndarray:
    return np.random.default_rng(seed).choice([-1, 1], size=(4, m, n + bits))


def alike(correlations: np.ndarray, positional: np.ndarray) -> Features:
    return Features.from_correlations(
        correlations, correlations, correlations, positional
    )


def from_two_columns(columns: np.ndarray, spins: np.ndarray) -> Features:
    return Features.from_columns(columns, spins, np.ones((4, 3, 1)))


sizes = {
    "seed": st.integers(0, 2**32 - 1),
    "m": st.integers(1, 6),
    "n": st.integers(1, 40),
    "bits": st.integers(0, 3),
}


@given(**sizes)
@settings(max_examples=30, deadline=None)
def test_groups_are_the_columns_of_the_output_weights_up_to_sign(seed, m, n, bits):
    weights = random_weights(seed, m, n, bits)
    features = Features.from_weights(weights, bits)
    o = weights[0, :, :n].T
    assert {tuple(row) for row in features.signs} == {
        tuple(row) for row in o * o[:, :1]
    }
    assert features.n_groups <= min(n, 2 ** (m - 1))
    # C^o gathers Σ_b σ_{g,b} C^o_{b,g} / M = share of the spins in group g.
    shares = np.einsum("gm,mg->g", features.signs, features.semantic[0]) / m
    np.testing.assert_allclose(shares.sum(), 1, rtol=1e-12)
    for signs, share in zip(features.signs, shares, strict=True):
        assert share * n == pytest.approx(np.sum((o * o[:, :1] == signs).all(axis=1)))


@given(**sizes)
@settings(max_examples=30, deadline=None)
def test_order_of_the_spins_changes_nothing(seed, m, n, bits):
    weights = random_weights(seed, m, n, bits)
    order = np.random.default_rng(seed + 1).permutation(n)
    shuffled = np.concatenate(
        [weights[:, :, :n][:, :, order], weights[:, :, n:]], axis=2
    )
    assert Features.from_weights(shuffled, bits) == Features.from_weights(weights, bits)


@given(**sizes)
@settings(max_examples=30, deadline=None)
def test_sign_of_a_spin_is_a_gauge(seed, m, n, bits):
    weights = random_weights(seed, m, n, bits)
    flips = np.random.default_rng(seed + 1).choice([-1, 1], size=n + bits)
    flips[n:] = 1
    features = Features.from_weights(weights, bits)
    flipped = Features.from_weights(weights * flips, bits)
    np.testing.assert_array_equal(flipped.signs, features.signs)
    np.testing.assert_allclose(flipped.semantic, features.semantic, atol=1e-15)
    np.testing.assert_allclose(flipped.correlations, features.correlations, atol=1e-15)


@given(**sizes)
@settings(max_examples=20, deadline=None)
def test_weights_come_back_up_to_the_order_of_spins(seed, m, n, bits):
    weights = random_weights(seed, m, n, bits)
    features = Features.from_weights(weights, bits)
    back = features.draw_weights(n)
    assert sorted(map(tuple, back.reshape(4 * m, -1)[:, :n].T)) == sorted(
        map(tuple, weights.reshape(4 * m, -1)[:, :n].T)
    )
    assert Features.from_weights(back, bits) == features


def test_overlaps_of_a_pattern_are_its_correlations():
    weights = random_weights(0, 3, 17, 2)
    features = Features.from_weights(weights, 2)
    for index, kind in enumerate(KINDS):
        expected = semantic_overlaps(weights, weights[index, 1, :17])
        np.testing.assert_allclose(
            features.overlaps_of_pattern(1, kind), expected, atol=1e-15
        )


def test_equal_features_are_one_to_a_cache():
    features = Features.paper()
    copy = pickle.loads(pickle.dumps(features))
    assert copy == features
    assert hash(copy) == hash(features)
    assert copy != Features.random_segments(random_state=0)
    assert features != "features"


def test_numbers_cannot_be_changed_under_the_cache():
    with pytest.raises(ValueError, match="read-only"):
        Features.paper().semantic[0, 0, 0] = 2.0


def test_the_paper_has_the_weights_of_its_program(oracle_at):
    assert Features.paper() == oracle_at("1.255").mean_field.features


@pytest.mark.parametrize("n", [99, 100, 3, 12345])
def test_segments_grow_with_the_network(n):
    features = Features.random_segments(4, 2, segments=3, random_state=1)
    grown = Features.from_weights(features.draw_weights(n), 2)
    columns = grown.draw_weights(n)[:, :, :n].reshape(16, n)
    counts = np.unique(columns, axis=1, return_counts=True)[1]
    assert counts.max() - counts.min() <= 1
    assert counts.sum() == n
    if n % 3 == 0:
        np.testing.assert_allclose(grown.semantic, features.semantic, atol=1e-15)


def test_segments_are_reproducible_and_differ_between_seeds():
    assert Features.random_segments(random_state=3) == Features.random_segments(
        random_state=3
    )
    assert Features.random_segments(random_state=3) != Features.random_segments(
        random_state=4
    )


def test_correlations_say_what_a_spin_is_on_average():
    random = np.random.default_rng(0)
    v, q, k = random.normal(size=(3, 4, 4))
    features = Features.from_correlations(v, q, k, np.ones((4, 4, 2)))
    assert features.signs.shape == (8, 4)
    for kind, c in enumerate((np.eye(4), v, q, k)):
        np.testing.assert_allclose(
            features.semantic[kind] * 8, c @ features.signs.T, atol=1e-15
        )
        np.testing.assert_allclose(features.correlations[kind, :, 0, :], c, atol=1e-15)


def test_drawn_weights_have_the_correlations():
    random = np.random.default_rng(0)
    v, q, k = random.uniform(-0.3, 0.3, size=(3, 3, 3))
    features = Features.from_correlations(v, q, k, np.ones((4, 3, 1)))
    n = 40_000
    weights = features.draw_weights(n, random_state=1)
    assert weights.shape == (4, 3, n + 1)
    drawn = Features.from_weights(weights, 1)
    # Five standard errors of a mean of n signs.
    np.testing.assert_allclose(
        drawn.correlations, features.correlations, atol=5 * n**-0.5
    )
    np.testing.assert_allclose(drawn.semantic, features.semantic, atol=5 * n**-0.5)


def test_correlations_beyond_any_weights_are_refused():
    features = alike(0.6 * np.ones((2, 2)), np.ones((4, 2, 0)))
    with pytest.raises(ValueError, match=r"at most 1 for every pattern, got 1\.2"):
        features.draw_weights(10, random_state=0)


def test_a_cycle_moves_every_pattern_to_the_next():
    features = Features.shifted_cycle(4, 2, shift=1, random_state=0)
    for b in range(4):
        overlaps = features.overlaps_of_pattern(b)
        np.testing.assert_array_equal(overlaps[1], np.eye(4)[(b + 1) % 4])
        np.testing.assert_array_equal(overlaps[2], np.eye(4)[b])
    weights = features.draw_weights(50, random_state=0)
    np.testing.assert_array_equal(weights[1, 1:, :50], weights[0, :-1, :50])


def test_gaussian_correlations_have_the_width_asked_for():
    features = Features.gaussian_correlations(
        12, 1, standard_deviation=0.5, random_state=0
    )
    linear = features.correlations[1:, :, 0, :]
    assert linear.std() == pytest.approx(0.5, rel=0.1)
    assert Features.gaussian_correlations(random_state=1).n_patterns == 3


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: Features.from_weights(np.ones((3, 2, 9)), 2),
            r"weights must be of shape \(4",
        ),
        (lambda: Features.from_weights(np.zeros((4, 2, 9)), 2), r"\+1 and -1"),
        (lambda: Features.from_weights(np.full((4, 2, 9), np.nan), 2), r"\+1 and -1"),
        (
            lambda: Features.from_weights(np.ones((4, 2, 2)), 2),
            "at least one pattern and one spin",
        ),
        (
            lambda: Features.from_weights(np.ones((4, 0, 9)), 2),
            "at least one pattern and one spin",
        ),
        (lambda: Features.from_weights(np.ones((4, 2, 9)), -1), "positional_bits"),
        (
            lambda: from_two_columns(np.zeros((2, 4, 3), int), np.ones(2)),
            "columns must hold",
        ),
        (
            lambda: from_two_columns(np.ones((2, 4, 3), int), np.array([1, -1])),
            "above 0",
        ),
        (lambda: Features.random_segments(0), "n_patterns"),
        (lambda: Features.random_segments(segments=0), "segments"),
        (lambda: Features.random_segments(n_spins=2), "n_spins must be at least 3"),
        (lambda: Features.random_segments(positional_bits=-1), "positional_bits"),
        (lambda: Features.shifted_cycle(strength=1.5), "strength"),
        (
            lambda: Features.gaussian_correlations(standard_deviation=np.nan),
            "standard_deviation",
        ),
        (lambda: Features.gaussian_correlations(13), "at most 12 patterns"),
        (
            lambda: Features.from_correlations(
                np.eye(2), np.eye(3), np.eye(2), np.ones((4, 2, 1))
            ),
            "one size",
        ),
        (
            lambda: alike(np.ones((2, 3)), np.ones((4, 2, 1))),
            "v must be a square",
        ),
        (
            lambda: Features.from_correlations(
                np.eye(2), np.full((2, 2), np.inf), np.eye(2), np.ones((4, 2, 1))
            ),
            "q must be finite",
        ),
        (
            lambda: alike(np.eye(2), np.ones((4, 3, 1))),
            "positional must be of shape",
        ),
        (lambda: Features.paper().draw_weights(0), "n_spins"),
        (lambda: Features.paper().overlaps_of_pattern(3), "pattern must be 0 to 2"),
        (
            lambda: Features.paper().overlaps_of_pattern(0, UNKNOWN),
            "kind must be one of",
        ),
        (lambda: semantic_overlaps(np.ones((4, 2, 3)), [0.5, 2.0]), "means"),
        (lambda: semantic_overlaps(np.ones((4, 2, 3)), np.ones(4)), "at most 3 spins"),
    ],
)
def test_bad_input_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_own_numbers_must_fit_together():
    paper = Features.paper()
    with pytest.raises(ValueError, match="finite"):
        Features(
            paper.signs, paper.semantic * np.nan, paper.positional, paper.correlations
        )
    with pytest.raises(ValueError, match="both or neither"):
        Features(
            paper.signs,
            paper.semantic,
            paper.positional,
            paper.correlations,
            paper.columns,
            None,
        )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"shares": -1.0}, "shares must be 0 at least and sum to 1"),
        ({"shares": 1e30}, "shares must be 0 at least and sum to 1"),
        ({"positional": 0.5}, r"positional must hold \+1 and -1 only"),
    ],
)
def test_features_that_no_network_has_are_refused(change, message):
    ((name, factor),) = change.items()
    features = Features.paper()
    with pytest.raises(ValueError, match=message):
        dataclasses.replace(features, **{name: getattr(features, name) * factor})
