"""The coupled classifier: exact sums, an exact predictive, and what it refuses."""

import copy

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from sklearn.preprocessing import FunctionTransformer

from isinglass._common import arrays
from isinglass.systems.interference import (
    CoupledClassifier,
    DipoleEncoder,
    GaussianPrior,
    StrokePrior,
)
from isinglass.systems.interference._storage import FORMAT
from isinglass.systems.interference.coupled import student
from isinglass.systems.interference.coupled.gaussian_prior import full_moments
from isinglass.systems.interference.coupled.pair_sums import MOST, PairSums

law = settings(max_examples=20, deadline=None, derandomize=True, database=None)
seeds = st.integers(0, 10**6)
PLAIN = FunctionTransformer()
D = 6


def prior(seed: int = 0) -> GaussianPrior:
    rng = np.random.default_rng(seed)
    root = rng.normal(size=(D, D)) + 2 * np.eye(D)
    return GaussianPrior(5 * rng.normal(size=D), 100 * root @ root.T)


def new(**options) -> CoupledClassifier:
    return CoupledClassifier(encoder=PLAIN, prior=prior()).set_params(**options)


def draw(seed: int, n: int, n_classes: int = 3) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    y = rng.integers(n_classes, size=n)
    return np.rint(30 * rng.normal(size=(n, D)) + 20 * y[:, None]), y


def assert_same(model, other):
    """Equal to the last bit, and so is what is said of anything."""
    for name in ("classes_", "class_count_", "feature_sums_", "pair_sums_"):
        np.testing.assert_array_equal(getattr(model, name), getattr(other, name))
    X, _ = draw(99, 5)
    np.testing.assert_array_equal(model.log_evidence(X), other.log_evidence(X))


# -- laws ------------------------------------------------------------------------------


@law
@given(seed=seeds, order=st.permutations(range(12)), cut=st.integers(1, 11))
def test_order_and_division_do_not_matter(seed, order, cut):
    X, y = draw(seed, 12)
    whole = new().fit(X, y)
    assert_same(new().fit(X[order], y[order]), whole)
    parts = order[:cut], order[cut:]
    model = new()
    for part in parts:
        model.partial_fit(X[part], y[part])
    assert_same(model, whole)
    first, second = (new().fit(X[part], y[part]) for part in parts)
    before = copy.deepcopy(second)
    assert_same(first.merge(second), whole)
    assert_same(second, before)


@law
@given(seed=seeds, cut=st.integers(1, 11))
def test_forget_is_never_having_met(seed, cut):
    X, y = draw(seed, 12)
    before = new().fit(X[:cut], y[:cut])
    after = copy.deepcopy(before).partial_fit(X[cut:], y[cut:])
    after.forget(X[cut:][::-1], y[cut:][::-1])
    learned = np.isin(after.classes_, before.classes_)
    for name in ("class_count_", "feature_sums_", "pair_sums_"):
        state = getattr(after, name)
        np.testing.assert_array_equal(state[learned], getattr(before, name))
        assert not state[~learned].any()
    tests, _ = draw(seed + 1, 20)
    np.testing.assert_array_equal(after.predict(tests), before.predict(tests))
    np.testing.assert_array_equal(
        after.predict_proba(tests)[:, learned], before.predict_proba(tests)
    )


@law
@given(seed=seeds, weight=st.lists(st.integers(0, 4), min_size=9, max_size=9))
def test_whole_weights_are_repetitions(seed, weight):
    weight[0] = 1
    X, y = draw(seed, 9)
    weighted = new().fit(X, y, sample_weight=weight)
    repeated = X.repeat(weight, axis=0), y.repeat(weight)
    assert_same(weighted, new().fit(*repeated))
    weighted.partial_fit(X, y, sample_weight=weight).forget(*repeated)
    assert_same(weighted, new().fit(*repeated))


@law
@given(seed=seeds)
def test_classes_do_not_touch_each_other(seed):
    X, y = draw(seed, 15)
    y[0] = 1
    together = new().fit(X, y)
    alone = new().fit(X[y == 1], y[y == 1])
    place = together.classes_.tolist().index(1)
    np.testing.assert_array_equal(
        together.log_evidence(X)[:, place], alone.log_evidence(X)[:, 0]
    )
    untouched = together._sums
    together.forget(X[:1], y[:1])
    same = [now is then for now, then in zip(together._sums, untouched, strict=True)]
    assert same == [label != y[0] for label in together.classes_]


# -- the predictive --------------------------------------------------------------------


@law
@given(
    seed=seeds, n=st.integers(0, 12), nu=st.floats(0.5, 1e3), kappa=st.floats(0.01, 9)
)
def test_the_chain_rule(seed, n, nu, kappa):
    """p(a) p(b | a) = p(b) p(a | b): the next two samples are exchangeable."""
    X, _ = draw(seed, n + 2, 1)
    a, b, rest = X[:1], X[1:2], X[2:]
    start = new(strength=nu, mean_strength=kappa)
    start.partial_fit(X, np.zeros(n + 2)).forget(X[:2], np.zeros(2))

    def both(first: np.ndarray, second: np.ndarray) -> float:
        model = copy.deepcopy(start)
        alone = model.log_evidence(first)[0, 0]
        return alone + model.partial_fit(first, [0]).log_evidence(second)[0, 0]

    assert rest.shape == (n, D)
    np.testing.assert_allclose(both(a, b), both(b, a), rtol=1e-12, atol=1e-11)


@law
@given(
    seed=seeds,
    n=st.integers(1, 20),
    nu=st.floats(0.5, 300),
    kappa=st.floats(0.01, 5),
    variance=st.floats(0.1, 1e4),
)
def test_one_feature_is_students_t(seed, n, nu, kappa, variance):
    rng = np.random.default_rng(seed)
    f = np.rint(40 * rng.normal(size=(n, 1)) + 7)
    tests = np.rint(60 * rng.normal(size=(9, 1)))
    model = CoupledClassifier(
        encoder=PLAIN,
        prior=GaussianPrior(3.0, variance),
        strength=nu,
        mean_strength=kappa,
    ).fit(f, np.zeros(n))
    x, at = ((values[:, 0] - 3) / np.sqrt(variance) for values in (f, tests))
    kappa_n = kappa + n
    mean = x.sum() / kappa_n
    spread = nu + (x**2).sum() - kappa_n * mean**2
    freedom = nu + n + 2
    scale = np.sqrt(spread * (kappa_n + 1) / kappa_n / freedom)
    expected = stats.t.logpdf(at, freedom, mean, scale)
    # The constant that all classes share is left out.
    ours = model.log_evidence(tests)[:, 0] - np.log(np.pi * nu) / 2
    np.testing.assert_allclose(ours, expected, rtol=1e-10, atol=1e-10)


@law
@given(seed=seeds, n=st.integers(0, 5))
def test_the_gram_form_is_the_direct_form(seed, n):
    X, _ = draw(seed, n + 7)
    moments = full_moments(*prior(seed).moments(PLAIN, (D,)), D)
    sums = PairSums.empty(D) if n == 0 else PairSums.of(X[:n])
    direct, gram = (
        student.log_evidence(
            X[n:],
            [student.Predictive.of(sums, moments, student.Strengths(9.0, 0.3), form)],
            moments,
            9.0,
        )
        for form in ("direct", "gram")
    )
    np.testing.assert_allclose(gram, direct, rtol=1e-12, atol=1e-11)


def test_it_learns_what_covariances_tell_apart():
    """Two classes of one mean, which no linear learner can tell apart."""
    rng = np.random.default_rng(0)
    y = np.arange(400) % 2
    spread = np.where(y[:, None] == np.arange(D) % 2, 30.0, 5.0)
    X = np.rint(spread * rng.normal(size=(400, D)))
    model = new(prior=GaussianPrior(0.0, 100.0)).fit(X[:200], y[:200])
    assert model.score(X[200:], y[200:]) > 0.97
    proba = model.predict_proba(X[200:])
    np.testing.assert_allclose(proba.sum(axis=1), 1)
    np.testing.assert_array_equal(
        model.classes_[proba.argmax(1)], model.predict(X[200:])
    )


def test_predict_is_the_class_of_the_largest_evidence():
    X, y = draw(3, 300, 5)
    model = new().fit(X[:100], y[:100])
    np.testing.assert_array_equal(
        model.predict(X), model.classes_[model.log_evidence(X).argmax(axis=1)]
    )
    # Of two classes that are the same, float32 cannot tell either: the first wins.
    twins = new().fit(np.vstack([X, X]), np.repeat(["a", "b"], 300))
    assert set(twins.predict(X)) == {"a"}


@pytest.mark.parametrize("kind", [np.int16, np.float32, float])
def test_predict_leaves_out_no_class_that_could_win(kind):
    """Where classes overlap much, at every width to which distances are summed."""
    rng = np.random.default_rng(1)
    sizes, width = [40, 60, 3, 80], 45  # the third is few: by the Gram form
    shapes = 10 * rng.normal(size=(4, width, width)) + 40 * np.eye(width)
    y = np.repeat(np.arange(4), 500)
    X = np.einsum("nd,nde->ne", rng.normal(size=(2000, width)), shapes[y])
    X = np.rint(X + y[:, None] * np.arange(width)).astype(kind)
    train = np.concatenate([500 * c + np.arange(n) for c, n in enumerate(sizes)])
    model = new(prior=GaussianPrior(0.0, 2000.0)).fit(X[train], y[train])
    for class_prior in ("equal", "counts"):
        model.set_params(class_prior=class_prior)
        joint = model.predict_log_proba(X)
        np.testing.assert_array_equal(model.predict(X), joint.argmax(axis=1))
        assert len(np.unique(joint.argmax(axis=1))) == 4


def test_one_sample_beside_many():
    """Unequal sizes need no correction: the evidence knows how sure it is."""
    X, y = draw(5, 900)
    X = X + 200 * (y[:, None] == np.arange(D))
    sizes = [1, 4, 80]
    train = np.concatenate([np.flatnonzero(y == c)[:n] for c, n in enumerate(sizes)])
    rest = np.setdiff1d(np.arange(900), train)
    model = new(prior=GaussianPrior(0.0, 900.0)).fit(X[train], y[train])
    for label in range(3):
        members = rest[y[rest] == label]
        assert model.score(X[members], y[members]) > 0.95


def test_class_prior():
    X, y = draw(0, 60, 2)
    equal = new().fit(X, y).predict_log_proba(X)
    for weights, class_prior in (
        (new().fit(X, y).class_count_, "counts"),
        ([1, 9], [1, 9]),
    ):
        other = new(class_prior=class_prior).fit(X, y).predict_log_proba(X)
        shift = (other - equal) @ [-1, 1]
        np.testing.assert_allclose(shift, np.log(weights[1] / weights[0]), atol=1e-9)


def test_a_class_without_samples_is_never_predicted():
    X, y = draw(0, 30)
    model = new().partial_fit(X, y, classes=range(5))
    np.testing.assert_array_equal(model.class_count_[3:], 0)
    assert (model.predict_proba(X)[:, 3:] == 0).all()
    assert np.isfinite(model.log_evidence(X)).all()
    model.forget(X, y)
    with pytest.raises(ValueError, match="nothing is left"):
        model.predict(X)


def test_pictures_and_strokes():
    """The defaults, small: rings and bars from one picture each."""
    y, x = np.mgrid[:20, :20] - 9.5
    ring = 255 * (abs(np.hypot(x, y) - 6) < 1.5)
    bar = 255 * (abs(x) < 1.5) * (abs(y) < 8)
    shifts = [(a, b) for a in range(-2, 3) for b in range(-2, 3)]
    X = np.stack([np.roll(z, shift, (0, 1)) for z in (ring, bar) for shift in shifts])
    labels = np.repeat(["ring", "bar"], 25)
    model = CoupledClassifier(
        encoder=DipoleEncoder(hosts=4, places=3), prior=StrokePrior(n=50, copies=3)
    ).fit(X[[12, 37]], labels[[12, 37]])
    assert model.score(X, labels) == 1


# -- storage ---------------------------------------------------------------------------


MODELS = {
    "stated prior": {"encoder": DipoleEncoder(hosts=2, places=2), "prior": (0.5, 9.0)},
    "strokes": {
        "encoder": DipoleEncoder(hosts=2, places=2),
        "prior": StrokePrior(n=9, copies=2),
        "class_prior": [1, 2, 3],
    },
}


@pytest.mark.parametrize("kind", MODELS)
def test_a_saved_model_goes_on(kind, tmp_path):
    options = dict(MODELS[kind])
    if kind == "stated prior":
        options["prior"] = GaussianPrior(*options["prior"])
    rng = np.random.default_rng(0)
    X, y = rng.integers(0, 9, (12, 5, 5)), np.array(["a", "b", "c"]).repeat(4)
    model = CoupledClassifier(**options).fit(X, y)
    model.save(tmp_path / "model")
    again = CoupledClassifier.load(tmp_path / "model")
    for twin in (model, again):
        twin.partial_fit(X[::-1], y).forget(X[:1], y[:1])
    for name in ("classes_", "class_count_", "feature_sums_", "pair_sums_"):
        np.testing.assert_array_equal(getattr(again, name), getattr(model, name))
    np.testing.assert_array_equal(again.predict_proba(X), model.predict_proba(X))
    again.merge(model)
    np.testing.assert_array_equal(again.class_count_, [14, 16, 16])


def test_an_encoder_of_ones_own_is_handed_to_load(tmp_path):
    X, y = draw(0, 12)
    model = new().fit(X, y)
    model.save(tmp_path / "model")
    again = CoupledClassifier.load(tmp_path / "model", encoder=PLAIN)
    np.testing.assert_array_equal(again.log_evidence(X), model.log_evidence(X))
    for encoder in (None, FunctionTransformer(np.abs), DipoleEncoder()):
        with pytest.raises(ValueError, match="learned with another encoder, a Funct"):
            CoupledClassifier.load(tmp_path / "model", encoder=encoder)
    with pytest.raises(FileNotFoundError, match="no model file at"):
        CoupledClassifier.load(tmp_path / "other")


def test_a_damaged_file_is_refused(tmp_path):
    path = tmp_path / "model"
    new().fit(*draw(0, 12)).save(path)
    whole = path.read_bytes()
    for place in (5, len(whole) // 2, len(whole) - 1):
        damaged = bytearray(whole)
        damaged[place] ^= 1
        path.write_bytes(damaged)
        with pytest.raises(ValueError, match="model"):
            CoupledClassifier.load(path, encoder=PLAIN)
    path.write_bytes(whole)
    file = arrays.open_file(path, FORMAT)
    contents = file.read()
    weak = dict(file.header["parameters"]) | {"strength": -1}
    for change in ({"classes": {}}, {"parameters": weak}, {"input_shape": None}):
        arrays.write(path, FORMAT, dict(file.header) | change, contents.items())
        with pytest.raises(ValueError, match="damaged"):
            CoupledClassifier.load(path, encoder=PLAIN)


# -- bad input -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"strength": 0}, "strength must be positive"),
        ({"mean_strength": np.nan}, "mean_strength must be positive"),
        ({"class_prior": "x"}, "class_prior must be 'equal', 'counts' or positive"),
        ({"class_prior": [1, 0]}, "class_prior must be"),
        ({"prior": 3}, "prior must have a method moments"),
        ({"encoder": 3}, r"encoder must have a method transform\(X\)"),
        (
            {"encoder": FunctionTransformer(np.sqrt)},
            r"encoder must give whole numbers, got 1\.41",
        ),
        (
            {"encoder": FunctionTransformer(lambda X: X[:, 0])},
            r"encoder must give features of shape \(n, D\)",
        ),
        (
            {"encoder": FunctionTransformer(lambda X: 1e9 * X)},
            "features of at most 67,108,864",
        ),
    ],
)
def test_bad_parameters(options, words):
    with pytest.raises((ValueError, TypeError), match=words):
        new(**options).fit(np.full((4, D), 2.0), [0, 1, 0, 1])


@pytest.mark.parametrize(
    ("weight", "words"),
    [
        ([1, 0.5, 1, 1], r"whole numbers from 0, got 0\.5"),
        ([1, -1, 1, 1], "whole numbers from 0, got -1"),
        ([0, 0, 0, 0], "all are zero"),
        ([1, 1], "sample_weight holds 2 weights, X 4 samples"),
    ],
)
def test_bad_weights(weight, words):
    with pytest.raises(ValueError, match=words):
        new().fit(np.ones((4, D)), [0, 1, 0, 1], sample_weight=weight)


def test_sums_are_refused_before_they_overflow():
    large = 1 << 20
    model = CoupledClassifier(encoder=PLAIN, prior=GaussianPrior())
    weight = [1 << 12]
    X = np.full((1, 2), float(large))
    refusal = "holds 8,388,607 at most, but would hold 8,388,608"
    with pytest.raises(ValueError, match=refusal):
        model.fit(X, [0], sample_weight=[1 << 23])
    model.fit(X, [0], sample_weight=[(1 << 23) - 1])
    assert (model.pair_sums_ == ((1 << 23) - 1) << 40).all()
    with pytest.raises(ValueError, match=f"class 0.* {refusal}"):
        model.partial_fit(X, [0])
    model.fit(X, [0], sample_weight=weight)
    for _ in range(10):
        model.merge(copy.deepcopy(model))
    with pytest.raises(ValueError, match=r"class 0.* holds 8,388,607 at most"):
        model.merge(copy.deepcopy(model))
    assert model.class_count_ == [1 << 22]
    assert int(model.pair_sums_.max()) == 1 << 62 < MOST
    assert np.isfinite(model.log_evidence(X)).all()
    model.partial_fit(-X, [0], sample_weight=weight).forget(-X, [0], weight)
    with pytest.raises(ValueError, match="at most 2\\^53"):
        model.partial_fit(X, [0], sample_weight=[1e17])


def test_what_cannot_be_forgotten():
    X, y = draw(0, 12)
    model = new().fit(X, y)
    before = copy.deepcopy(model)
    twice = np.vstack([X, X]), np.concatenate([y, y])
    with pytest.raises(ValueError, match=r"class 0.*only \d+ were learned"):
        model.forget(*twice)
    with pytest.raises(ValueError, match=r"labels never learned: \[7\]"):
        model.forget(X[:1], [7])
    alone = new().fit(X[:1], [0])
    with pytest.raises(ValueError, match="some were never learned"):
        alone.forget(X[1:2], [0])
    with pytest.raises(ValueError, match="some were never learned"):
        model.forget(X[:1] + 1e6, y[:1])
    assert_same(model, before)


def test_what_cannot_be_merged_or_goes_on():
    X, y = draw(0, 12)
    model = new().fit(X, y)
    others = {
        "encoder differs": new(encoder=FunctionTransformer(np.abs)).fit(X, y),
        "prior differs": new(prior=prior(1)).fit(X, y),
        "input shape differs": new(prior=GaussianPrior()).fit(X[:, :3], y),
    }
    for words, other in others.items():
        mine = new(prior=other.prior).fit(X, y) if "shape" in words else model
        with pytest.raises(ValueError, match=f"cannot merge: {words}"):
            mine.merge(other)
    with pytest.raises(ValueError, match="inputs of"):
        model.predict(X.reshape(12, 2, 3))
    with pytest.raises(ValueError, match="all text or all numbers"):
        model.partial_fit(X, y.astype(str))
    with pytest.raises(ValueError, match="labels that are not in classes"):
        model.partial_fit(X, y, classes=[0])
    with pytest.raises(
        ValueError, match=r"the model learned with FunctionTransformer\(\)"
    ):
        model.set_params(encoder=FunctionTransformer(np.abs)).predict(X)
