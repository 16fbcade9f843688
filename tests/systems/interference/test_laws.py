"""The exact laws: what is learned is a sum over samples."""

import copy

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from isinglass.systems.interference import (
    Geometry,
    InterferenceClassifier,
    corners,
    ensemble_energies,
)

law = settings(max_examples=12, deadline=None, derandomize=True, database=None)
seeds = st.integers(0, 10**6)
CLASSES = [0, 1, 2]


def new(**parameters) -> InterferenceClassifier:
    return InterferenceClassifier(n_durations=8, random_state=0).set_params(
        **parameters
    )


def learned(X, y, **parameters) -> InterferenceClassifier:
    return new(**parameters).partial_fit(X, y, classes=CLASSES)


def assert_same(model, other):
    """Equal to the last bit."""
    np.testing.assert_array_equal(model.classes_, other.classes_)
    for name in ("class_count_", "tally_", "route_probabilities_"):
        np.testing.assert_array_equal(getattr(model, name), getattr(other, name))


@law
@given(seed=seeds, order=st.permutations(range(11)))
def test_order_does_not_matter(draw, seed, order):
    X, y = draw(seed, 11)
    assert_same(learned(X[order], y[order]), learned(X, y))


@law
@given(
    seed=seeds, cuts=st.lists(st.integers(1, 10), max_size=3, unique=True).map(sorted)
)
def test_any_split_is_one_fit(draw, seed, cuts):
    X, y = draw(seed, 11)
    model = new()
    for part in np.split(np.arange(11), cuts):
        model.partial_fit(X[part], y[part], classes=CLASSES)
    assert_same(model, learned(X, y))


@law
@given(seed=seeds)
def test_fit_starts_anew(draw, seed):
    X, y = draw(seed, 12)
    y[:3] = CLASSES
    model = new().fit(*draw(seed + 1, 12)).fit(X, y)
    assert_same(model, learned(X, y))


@law
@given(seed=seeds, cut=st.integers(1, 10), epochs=st.integers(1, 3))
def test_merge_is_the_fit_of_all(draw, seed, cut, epochs):
    X, y = draw(seed, 11)
    model, other = (
        new(epochs=epochs).fit(X[part], y[part])
        for part in (slice(cut), slice(cut, None))
    )
    before = copy.deepcopy(other)
    assert_same(model.merge(other), new(epochs=epochs).fit(X, y))
    assert_same(other, before)


@law
@given(seed=seeds, cut=st.integers(1, 10), epochs=st.integers(1, 3))
def test_forget_restores_the_model_before(draw, seed, cut, epochs):
    X, y = draw(seed, 11)
    before = learned(X[:cut], y[:cut], epochs=epochs)
    after = copy.deepcopy(before).partial_fit(X[cut:], y[cut:]).forget(X[cut:], y[cut:])
    assert_same(after, before)
    after.forget(X[:cut][::-1], y[:cut][::-1])
    np.testing.assert_array_equal(after.tally_, 0)
    np.testing.assert_allclose(after.route_probabilities_, after.prior_, rtol=1e-14)


@law
@given(seed=seeds, epochs=st.integers(2, 5))
def test_epochs_are_multiples(draw, seed, epochs):
    X, y = draw(seed, 3)
    repeated = learned(np.tile(X, (epochs, 1, 1)), np.tile(y, epochs))
    assert_same(learned(X, y, epochs=epochs), repeated)
    np.testing.assert_array_equal(repeated.tally_, epochs * learned(X, y).tally_)


@law
@given(
    seed=seeds,
    weight=st.lists(st.integers(0, 4), min_size=11, max_size=11).filter(any),
    epochs=st.integers(1, 3),
)
def test_whole_weights_are_repetitions(draw, seed, weight, epochs):
    X, y = draw(seed, 11)
    weighted = new(epochs=epochs).fit(X, y, sample_weight=weight)
    repeated = X.repeat(weight, axis=0), y.repeat(weight)
    model = new(epochs=epochs).fit(*repeated)
    assert_same(weighted, model)
    np.testing.assert_array_equal(weighted.energies(X), model.energies(X))
    # Taking the weights away is taking the repetitions away.
    for forgetful in (
        weighted.partial_fit(X, y, sample_weight=weight).forget(*repeated),
        model.partial_fit(*repeated).forget(X, y, sample_weight=weight),
    ):
        assert_same(forgetful, new(epochs=epochs).fit(*repeated))


@law
@given(
    seed=seeds,
    weight=st.lists(st.floats(1e-9, 1e3), min_size=11, max_size=11),
    order=st.permutations(range(11)),
    cut=st.integers(1, 10),
)
def test_any_weights_add_up_exactly(draw, seed, weight, order, cut):
    (X, y), weight = draw(seed, 11), np.asarray(weight)
    whole = new().fit(X, y, weight)
    assert_same(new().fit(X[order], y[order], weight[order]), whole)
    first, rest = order[:cut], order[cut:]
    parts = [new().fit(X[i], y[i], weight[i]) for i in (first, rest)]
    assert_same(copy.deepcopy(parts[0]).merge(parts[1]), whole)
    counts = np.bincount(np.searchsorted(whole.classes_, y), weight)
    np.testing.assert_allclose(whole.class_count_, counts, rtol=1e-9, atol=1e-8)
    np.testing.assert_array_equal(
        whole.tally_.sum(axis=-1), np.tile(whole.class_count_, (9, 1))
    )
    whole.forget(X[rest], y[rest], weight[rest])
    left = np.isin(whole.classes_, parts[0].classes_)
    np.testing.assert_array_equal(whole.tally_[:, left], parts[0].tally_)
    np.testing.assert_array_equal(whole.tally_[:, ~left], 0)


@law
@given(seed=seeds)
def test_classes_are_independent(draw, seed):
    X, y = draw(seed, 12)
    y[0] = 1
    together, alone = learned(X, y), learned(X[y == 1], y[y == 1])
    np.testing.assert_array_equal(
        together.route_probabilities_[:, 1], alone.route_probabilities_[:, 1]
    )
    np.testing.assert_allclose(
        together.energies(X)[:, 1], alone.energies(X)[:, 1], rtol=1e-13
    )


@law
@given(seed=seeds)
def test_a_class_added_later_is_as_if_always_there(draw, seed):
    X, y = draw(seed, 12)
    y[:3] = CLASSES
    later = y == 1  # In the middle, so that targets and columns move.
    model = new().fit(X[~later], y[~later]).partial_fit(X[later], y[later])
    assert_same(model, new().fit(X, y))
    np.testing.assert_array_equal(model.energies(X), new().fit(X, y).energies(X))


@law
@given(seed=seeds, epochs=st.sampled_from([1, 7, 10**6]))
def test_probabilities_sum_to_one(draw, seed, epochs):
    routes = learned(*draw(seed, 8), epochs=epochs).route_probabilities_
    np.testing.assert_allclose(routes.sum(axis=-1), 1, rtol=1e-14)
    assert (routes >= 0).all()


@law
@given(seed=seeds, order=st.permutations(range(9)))
def test_energy_does_not_depend_on_the_names_of_the_sources(draw, seed, order):
    X, y = draw(seed, 8, patches=3)
    y[:2] = 0, 1
    y %= 2
    stage = corners((3, 3), 2)
    prior = np.random.default_rng(seed).random((9, 2, 8))
    model = new(geometry=stage, route_prior=prior).fit(X, y)
    # The same patches in another order, their sources' places and priors with them.
    patches = X.reshape(8, 3, 3, 3, 3).swapaxes(2, 3).reshape(8, 9, 3, 3)[:, order]
    moved = patches.reshape(8, 3, 3, 3, 3).swapaxes(2, 3).reshape(8, 9, 9)
    renamed = new(
        geometry=Geometry(np.asarray(stage.sources)[order], stage.targets),
        route_prior=prior[order],
    ).fit(moved, y)
    expected = model.energy_over_time(X)
    np.testing.assert_allclose(
        renamed.energy_over_time(moved), expected, rtol=1e-9, atol=1e-9
    )
    assert np.abs(expected).max() > 1


@law
@given(seed=seeds, scale=st.floats(1e-100, 1e100))
def test_brightness_does_not_matter(draw, seed, scale):
    X, y = draw(seed, 8)
    model, dimmed = learned(X, y), learned(X * scale, y)
    np.testing.assert_array_equal(model.tally_, dimmed.tally_)
    np.testing.assert_allclose(dimmed.energies(X * scale), model.energies(X), atol=1e-9)


@law
@given(seed=seeds, n_models=st.integers(1, 3))
def test_an_ensemble_is_its_models(draw, seed, n_models):
    X, _ = draw(seed, 8)
    models = [
        learned(*draw(seed + m, 8), random_state=m, n_signals=10.0**m)
        for m in range(n_models)
    ]
    expected = [model.energies(X) for model in models]
    np.testing.assert_allclose(
        ensemble_energies(models, X), expected, rtol=1e-12, atol=1e-12
    )


@settings(max_examples=25, deadline=None)
@given(
    st.integers(0, 2**32 - 1),
    st.sampled_from([1, 3, 255]),
    st.sampled_from([0.6, 1.0]),
    st.booleans(),
)
def test_bytes_are_learned_bit_for_bit_as_other_numbers(seed, most, threshold, weigh):
    """Small numbers put many patches right at the threshold: s = 3/5, or s = 1."""
    rng = np.random.default_rng(seed)
    X = rng.integers(0, most, (40, 6, 8), np.uint8, endpoint=True)
    X[:5, :2] = X[:5, :1]
    y = rng.integers(0, 3, 40)
    weight = rng.random(40) if weigh else None
    in_bytes, in_others = (
        InterferenceClassifier(patch_size=2, threshold=threshold, random_state=0)
        .fit(X.astype(dtype), y, weight)
        .tally_
        for dtype in (np.uint8, np.int32)
    )
    np.testing.assert_array_equal(in_bytes, in_others)
