"""Towers whose routes are learned: exact level by level, and frozen below the top."""

import copy

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from isinglass.systems.interference import Level, RoutedTower, Tower

law = settings(max_examples=5, deadline=None, derandomize=True, database=None)
LEVELS = (Level(window=2, stride=2), Level(window=2, stride=1, neighbour_coupling=1.0))


@pytest.fixture(scope="module")
def pictures():
    rng = np.random.default_rng(0)
    return rng.normal(size=(12, 8, 8)) + np.linspace(0, 3, 8)


def new(**parameters) -> RoutedTower:
    return RoutedTower(LEVELS, threshold=0.2).set_params(**parameters)


def assert_same(tower, other, X):
    np.testing.assert_array_equal(tower.sample_count_, other.sample_count_)
    for mine, theirs in zip(tower.tallies_, other.tallies_, strict=True):
        np.testing.assert_array_equal(mine, theirs)
    np.testing.assert_array_equal(tower.transform(X), other.transform(X))


def test_without_rates_it_is_a_fixed_tower(pictures):
    fixed = Tower(LEVELS).fit_transform(pictures)

    np.testing.assert_array_equal(new(rates=(0, 0, 0)).fit_transform(pictures), fixed)
    learned = new().fit_transform(pictures)
    assert np.abs(learned - fixed).max() > 0.1


def test_a_level_hears_a_place_by_its_evidence(pictures):
    tower = new().fit(pictures)
    centred = pictures - pictures.mean(axis=(1, 2), keepdims=True)
    centred /= np.abs(centred).max(axis=(1, 2), keepdims=True)
    gain = np.where(centred >= 0.2, 2, np.where(centred <= -0.2, 0.2, 0.5))
    weight = np.exp(5 * np.log(gain).mean(axis=0))

    np.testing.assert_allclose(tower.gains_[0][..., 0], 2 * weight / (1 + weight))
    heard = Tower(LEVELS[:1]).fit(pictures)
    assert tower.gains_[1].shape == (*heard.grids()[1], 1)


@law
@given(order=st.permutations(range(12)), cut=st.integers(1, 11))
def test_the_top_is_a_sum_over_pictures(pictures, order, cut):
    base = new().partial_fit(pictures, level=0)
    first, rest = (pictures[list(part)] for part in (order[:cut], order[cut:]))
    whole = new().fit(pictures)
    part = copy.deepcopy(base).partial_fit(first, level=1)

    both = copy.deepcopy(part).partial_fit(rest, level=1)
    assert_same(both, whole, pictures)
    assert_same(copy.deepcopy(part).partial_fit(rest), whole, pictures)
    other = copy.deepcopy(base).partial_fit(rest, level=1)
    assert_same(copy.deepcopy(part).merge(other), whole, pictures)
    assert_same(both.forget(rest, level=1), part, pictures)


def test_below_a_level_that_has_learned_nothing_is_forgotten(pictures):
    tower = new().fit(pictures)
    before = copy.deepcopy(tower)
    for act in (tower.forget, tower.partial_fit):
        with pytest.raises(ValueError, match=r"level 0 is frozen: .* call reset\(1\)"):
            act(pictures[:2], level=0)
        assert_same(tower, before, pictures)

    tower.reset(1).forget(pictures[:2], level=0).partial_fit(pictures[2:], level=1)
    assert_same(tower, new().fit(pictures[2:]), pictures)
    # What the refusal prevents: sums at the top that no pictures give.
    assert not np.array_equal(
        tower.tallies_[1], before.forget(pictures[:2], level=1).tallies_[1]
    )


def test_what_cannot_be_learned_or_forgotten_is_refused(pictures):
    tower = new()
    for act, level, message in (
        (tower.forget, 0, "not fitted"),
        (tower.partial_fit, 1, "level 1 comes after level 0, which has learned"),
        (tower.partial_fit, 2, "level must be below 2, got 2"),
        (tower.partial_fit, -1, "level must be at least 0, got -1"),
        (new().partial_fit(pictures).forget, 1, "level 1 has learned nothing"),
        (new().partial_fit(pictures[:2]).forget, 0, "level 0 has never learned"),
    ):
        with pytest.raises(ValueError, match=message):
            act(pictures, level=level)
    with pytest.raises(ValueError, match=r"threshold is 0\.3, but the tower learned"):
        new().fit(pictures).set_params(threshold=0.3).transform(pictures)
    with pytest.raises(ValueError, match=r"learning rate|rates must"):
        new(rates=(1, -1, 0)).fit(pictures)


def test_towers_on_other_levels_do_not_merge(pictures):
    tower = new().fit(pictures)
    for other, message in (
        (new().fit(pictures[:6]), "cannot merge at level 1: level 0 below it"),
        (new().partial_fit(pictures), "how many levels have learned"),
        (new(rates=(0, 0, 0)).fit(pictures), "differ in parameters"),
    ):
        with pytest.raises(ValueError, match=message):
            tower.merge(other)
    with pytest.raises(TypeError, match="can merge only with another RoutedTower"):
        tower.merge(Tower(LEVELS))
