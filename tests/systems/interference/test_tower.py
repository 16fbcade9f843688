"""Towers: what a level does, and the laws of learning on top of one."""

import copy
import inspect

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.utils.estimator_checks import parametrize_with_checks

from isinglass.dynamics import Measure, continuation, hysteresis
from isinglass.systems.interference import (
    Level,
    RoutedTower,
    Tower,
    TowerClassifier,
    aggregate,
    attend,
    mean_field_solutions,
)
from isinglass.systems.interference.tower import climb

law = settings(max_examples=3, deadline=None, derandomize=True, database=None)
seeds = st.integers(0, 10**6)
LEVELS = (Level(window=2, stride=2), Level(window=2, stride=1, neighbour_coupling=1.0))


@pytest.fixture(scope="module")
def pictures():
    return np.random.default_rng(0).normal(size=(5, 8, 8))


# -- a level ---------------------------------------------------------------------------


def test_windows_overlap_by_the_stride(double):
    maps = jnp.arange(25.0).reshape(1, 5, 5, 1)
    compiled = jax.jit(aggregate, static_argnums=(1, 2))
    tensors = np.asarray(compiled(maps, 3, 2))

    assert tensors.shape == (1, 2, 2, 9)
    np.testing.assert_array_equal(
        tensors[0, 1, 0], np.arange(25).reshape(5, 5)[2:5, :3].ravel()
    )
    assert compiled(maps, 9, 2).shape == (1, 1, 1, 25)


def test_tensors_attend_to_their_friends(double):
    rng = np.random.default_rng(1)
    tensors = rng.normal(size=(2, 4, 3, 2))
    tensors[0, 1, 1] = 0
    compiled = jax.jit(attend, static_argnums=(1, 2))
    attended, friends = map(np.asarray, compiled(jnp.asarray(tensors), 0.6, 1))
    for n, i, j in np.ndindex(2, 4, 3):
        own, company = tensors[n, i, j], []
        for k, m in np.ndindex(4, 3):
            other = tensors[n, k, m]
            near = max(abs(k - i), abs(m - j)) == 1
            lengths = np.linalg.norm(own) * np.linalg.norm(other)
            if near and lengths and own @ other / lengths >= 0.6:
                company.append(other)
        assert friends[n, i, j] == len(company)
        np.testing.assert_allclose(
            attended[n, i, j], np.mean([own, *company], axis=0), atol=1e-12
        )
    assert 0 < friends.mean() < 4


def test_a_tensor_answers_by_eq_6_on_the_side_of_its_host(double):
    host, friends = np.array([-0.4, -1e-3, 0.0, 1e-3, 0.4]), np.arange(5.0)
    level = Level(neighbour_coupling=0.5, inverse_temperature=1.5)
    compiled = jax.jit(lambda b, n: level.respond(b, n))
    field = np.asarray(compiled(jnp.asarray(host), jnp.asarray(friends)))

    np.testing.assert_allclose(
        field, np.tanh(1.5 * (0.5 * friends * field + host)), atol=1e-12
    )
    np.testing.assert_array_equal(np.sign(field), np.sign(host))
    # x = 2.25: a host of next to nothing leaves the remanence.
    assert field[3] > mean_field_solutions(2.25, 0.0).upper - 1e-9 > 0.8


def test_without_neighbours_a_level_is_the_mean_of_its_windows(pictures):
    tower = Tower([Level(radius=0, neighbour_coupling=0.0)]).fit(pictures)
    centred = pictures - pictures.mean(axis=(1, 2), keepdims=True)
    centred /= np.abs(centred).max(axis=(1, 2), keepdims=True)
    means = [
        centred[:, i : i + 3, j : j + 3].mean(axis=(1, 2))
        for i in (0, 2, 4)
        for j in (0, 2, 4)
    ]

    np.testing.assert_allclose(
        tower.transform(pictures), np.tanh(2 * np.stack(means, axis=1)), rtol=1e-12
    )


def test_tensors_that_are_not_squashed_are_aggregated_whole(pictures):
    tower = Tower([Level(window=2, squash=False), *LEVELS[1:]]).fit(pictures)
    lower, upper = tower.maps(pictures)[1:]

    assert lower.shape == (5, 4, 4, 4)
    assert upper.shape == (5, 3, 3, 1)
    assert tower.grids() == [(8, 8), (4, 4), (3, 3)]
    model = TowerClassifier([Level(window=2, squash=False)]).fit(pictures, range(5))
    assert model.tally_.shape == (64, 5, 3)
    assert model.geometry_.distances.shape == (64, 5)


@law
@given(seed=seeds, scale=st.sampled_from([1e-300, 0.1, 1e300]), shift=st.booleans())
def test_brightness_and_contrast_do_not_matter(pictures, seed, scale, shift):
    tower = Tower(LEVELS).fit(pictures)
    X = np.random.default_rng(seed).normal(size=(3, 8, 8))

    np.testing.assert_allclose(
        tower.transform(X * scale + shift * scale), tower.transform(X), atol=1e-9
    )
    np.testing.assert_array_equal(tower.transform(-X), -tower.transform(X))


@pytest.mark.parametrize("value", [7, 0.1, -1 / 3, 1e300])
def test_blank_pictures_are_silent(pictures, value, double):
    """Also where the mean of equal numbers is not quite that number."""
    tower = Tower(LEVELS).fit(pictures)
    odd = climb(jnp.full((1, 7, 7), value), LEVELS[:1])

    np.testing.assert_array_equal(tower.transform(np.full((2, 8, 8), value)), 0)
    np.testing.assert_array_equal(odd, 0)


# -- a level as a map ------------------------------------------------------------------


def test_a_level_that_feeds_itself_remembers(double):
    # Four tensors of one element, friends of each other while they agree: x = 1.5 from
    # friends. What a tensor was is part of its host, so that a uniform grid obeys μ =
    # tanh(1.5 μ + 2 (μ + h)); it turns round where μ + h = 0, that is at h = ∓μ₀ with
    # μ₀ = tanh(1.5 μ₀).
    level = Level(window=1, stride=1)

    def step(state, parameters):
        attended, friends = attend(state.reshape(1, 2, 2, 1), 0.7, 1)
        host = attended[..., 0] + parameters["field"]
        return level.respond(host, friends).ravel()

    fields = np.linspace(-1.2, 1.2, 25)
    measure = Measure(transient=20, steps=10, extensions=0, exponents=0)
    both = continuation(step, np.full(4, -0.9), {}, {"field": fields}, measure)
    (interval,) = hysteresis(both)
    remanence = mean_field_solutions(1.5, 0.0).upper

    assert interval.high == pytest.approx(remanence, abs=0.1)
    assert interval.low == pytest.approx(-remanence, abs=0.1)


# -- learning --------------------------------------------------------------------------


def new(**parameters) -> TowerClassifier:
    parameters = {"levels": LEVELS, "n_durations": 8, "random_state": 0} | parameters
    return TowerClassifier(**parameters)


def assert_same(model, other):
    for name in ("classes_", "class_count_", "tally_", "route_probabilities_"):
        np.testing.assert_array_equal(getattr(model, name), getattr(other, name))


@law
@given(seed=seeds, order=st.permutations(range(11)), cut=st.sampled_from([3, 8]))
def test_learning_on_a_fixed_tower_is_a_sum(draw, seed, order, cut):
    X, y = draw(seed, 11)
    y[:3] = range(3)
    whole = new().fit(X, y)
    first, rest = order[:cut], order[cut:]
    parts = [
        new().partial_fit(X[part], y[part], classes=range(3)) for part in (first, rest)
    ]

    assert_same(new().fit(X[order], y[order]), whole)
    assert_same(copy.deepcopy(parts[0]).merge(parts[1]), whole)
    assert_same(whole.forget(X[rest], y[rest]), parts[0])


def test_the_tally_rule_merges_whatever_the_routes_would_be(draw):
    X, y = draw(3, 12)
    y[:6], y[6:] = 0, [0, 1, 2, 0, 1, 2]
    models = [
        new(random_state=seed).fit(X[part], y[part])
        for seed, part in ((None, slice(6)), (7, slice(6, None)))
    ]
    merged = models[0].merge(models[1])
    np.testing.assert_array_equal(merged.energies(X), new().fit(X, y).energies(X))

    with pytest.raises(ValueError, match="route priors differ"):
        merged.set_params(rule="energy").merge(models[1])


@pytest.mark.parametrize("rule", ["tally", "energy"])
def test_classes_are_independent(draw, rule):
    X, y = draw(3, 12)
    together = new(rule=rule).partial_fit(X, y, classes=range(3))
    alone = new(rule=rule).partial_fit(X[y == 1], y[y == 1], classes=range(3))

    np.testing.assert_allclose(
        together.energies(X)[:, 1], alone.energies(X)[:, 1], rtol=1e-12
    )


def test_the_tally_rule_is_a_likelihood_of_kinds(draw):
    X, y = draw(4, 30)
    model = new().fit(X, y)
    field = Tower(LEVELS).fit(X).transform(X)
    kinds = np.where(field >= 0.5, 0, np.where(field <= -0.5, 2, 1))
    expected = np.zeros((30, 3))
    for label in range(3):
        own = kinds[y == label]
        for s, k in np.ndindex(kinds.shape[1], 3):
            share = ((own[:, s] == k).sum() + 0.5) / (len(own) + 1.5)
            expected[kinds[:, s] == k, label] += np.log(share)

    np.testing.assert_allclose(model.energies(X), expected, rtol=1e-12)
    np.testing.assert_array_equal(
        model.predict(X), model.classes_[expected.argmax(axis=1)]
    )


def test_energies_weigh_a_class_as_five_samples(draw):
    X, y = draw(5, 12)
    model = new(rule="energy").fit(X, y)

    np.testing.assert_allclose(
        new(rule="energy", epochs=3).fit(X, y).energies(X), model.energies(X)
    )
    assert (model.energies(X) > 0).any()


@pytest.mark.parametrize("rule", ["tally", "energy"])
def test_a_tower_is_saved_with_its_model(draw, tmp_path, rule):
    X, y = draw(6, 12)
    model = new(rule=rule).fit(X, y)
    model.save(tmp_path / "model")
    again = TowerClassifier.load(tmp_path / "model")

    assert again.levels == LEVELS
    np.testing.assert_array_equal(again.energies(X), model.energies(X))
    assert_same(again.merge(model).forget(X, y), model)


def test_towers_are_transformers(pictures):
    chain = make_pipeline(FunctionTransformer(np.abs), Tower(LEVELS))

    np.testing.assert_array_equal(
        chain.fit_transform(pictures), Tower(LEVELS).fit_transform(np.abs(pictures))
    )


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.SkipTestWarning")
@parametrize_with_checks([Tower(), RoutedTower(), TowerClassifier()])
def test_contract(estimator, check, monkeypatch):
    for kind in (Tower, RoutedTower, TowerClassifier):
        monkeypatch.setattr(kind, "__init__", inspect.unwrap(kind.__init__))
    check(estimator)


# -- what is refused -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"window": 0}, "window must be a whole number from 1, got 0"),
        ({"stride": 1.5}, "stride must be a whole number from 1, got 1.5"),
        ({"radius": -1}, "radius must be a whole number from 0, got -1"),
        ({"threshold": 1.1}, r"threshold must lie in \(0, 1\], got 1.1"),
        ({"neighbour_coupling": -0.1}, "must not be negative .* got -0.1"),
        ({"inverse_temperature": 0.0}, "inverse_temperature"),
    ],
)
def test_what_is_no_level_is_refused(parameters, message):
    unchecked = inspect.unwrap(Level.__init__)
    with pytest.raises(ValueError, match=message):
        unchecked(object.__new__(Level), **parameters)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"levels": ()}, "levels must be a sequence of Level"),
        ({"rule": "vote"}, "rule must be one of tally, energy, got 'vote'"),
        ({"threshold": 0}, "threshold must lie in"),
        ({"n_durations": 3}, "n_durations=3 is too short"),
    ],
)
def test_what_a_classifier_cannot_use_is_refused(draw, parameters, message):
    with pytest.raises(ValueError, match=message):
        new().set_params(**parameters).fit(*draw(7, 9))


def test_a_tower_is_fixed_once_learned(draw):
    X, y = draw(8, 9)
    model, other = new().fit(X, y), new(levels=LEVELS[:1]).fit(X, y)

    with pytest.raises(ValueError, match="cannot merge: levels differs"):
        model.merge(other)
    with pytest.raises(ValueError, match=r"levels is .* but the model learned with"):
        model.set_params(levels=LEVELS[:1]).forget(X, y)
