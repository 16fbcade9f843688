"""Layers and networks: the program's training, learned wires, and exported tables."""

import contextlib
import inspect
from pathlib import Path
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pandas as pd
import pytest
from sklearn.datasets import load_digits
from sklearn.exceptions import NotFittedError
from sklearn.utils.estimator_checks import parametrize_with_checks

from helpers.random_models import random_model
from isinglass.systems.lookup import (
    LookupClassifier,
    LookupConfig,
    LookupLayer,
    LookupNetwork,
    LookupNetworkConfig,
    TableNetwork,
    choose,
    fit_thermometer,
    load_tables,
    random_wiring,
    thermometer_bits,
)
from isinglass.systems.lookup.difference import PAPER
from isinglass.systems.lookup.export import network_tables
from isinglass.systems.lookup.wiring import chosen, strongest

ORACLES = Path(__file__).parent / "oracles"


def oracle(name):
    return dict(np.load(ORACLES / f"{name}.npz", allow_pickle=False))


def digits() -> Any:
    return load_digits()


def first_weights(x):
    """W, of multiples of 2⁻²⁴ that are stored as three bytes."""
    high, middle, low = np.moveaxis(x["mapping_weights_bytes"].astype(int), -1, 0)
    return jnp.asarray((high * 2**16 + middle * 2**8 + low) / 2**24, jnp.float32)


@pytest.fixture(scope="module")
def network_of_the_program():
    x = oracle("training_s1")
    config = LookupNetworkConfig(128, 10, (16, 20), 6, "learnable", float(x["tau"]))
    network = random_model(LookupNetwork, config)
    parts = first_weights(x), x["luts1"], x["luts2"], x["mapping2"]
    network = eqx.tree_at(
        lambda n: (
            n.layers[0].weights,
            n.layers[0].tables,
            n.layers[1].tables,
            n.layers[1].wiring,
        ),
        network,
        tuple(jnp.asarray(part) for part in parts),
    )
    pixels = digits().data[x["digits_index"]].astype(np.float32) / 16
    thermometer = fit_thermometer(pixels, int(x["bits"]))
    bits = thermometer(pixels).reshape(len(pixels), -1).astype(np.float32)
    return network, thermometer, pixels, bits


def test_ten_steps_are_those_of_the_program(network_of_the_program):
    network, _, _, bits = network_of_the_program
    x, end = oracle("training_s1"), oracle("layer_s1")
    labels = digits().target[x["digits_index"]]
    rule = optax.adam(0.01)
    trained, rest = eqx.partition(network, eqx.is_inexact_array)

    @jax.jit
    def step(trained, state, bits, labels):
        def loss(trained):
            logits = eqx.combine(trained, rest)(bits)
            terms = optax.softmax_cross_entropy_with_integer_labels(logits, labels)
            return terms.mean(), logits

        trained = eqx.filter(eqx.combine(trained, rest).clipped(), eqx.is_inexact_array)
        (loss, logits), by = jax.value_and_grad(loss, has_aux=True)(trained)
        updates, state = rule.update(by, state)
        return optax.apply_updates(trained, updates), state, loss, logits, by

    state, losses = rule.init(trained), []
    for number, rows in enumerate(x["batches"]):
        parts = trained, state, jnp.asarray(bits[rows]), jnp.asarray(labels[rows])
        trained, state, loss, logits, by = step(*parts)
        losses.append(float(loss))
        if not number:
            np.testing.assert_array_equal(logits, x["step0_logits"])
            for layer, name in zip(by.layers, ("luts1", "luts2"), strict=True):
                expected = end[f"step0_{name}_grad"]
                np.testing.assert_allclose(layer.tables, expected, atol=1e-6)
    np.testing.assert_allclose(losses, x["losses"], atol=2e-6)
    for layer, name in zip(trained.layers, ("luts1_end", "luts2_end"), strict=True):
        np.testing.assert_allclose(layer.tables, end[name], atol=5e-6)
    model = eqx.combine(trained, rest)
    np.testing.assert_array_equal(model.layers[0].wires().ravel(), x["mapping_end"])


PLACES = np.array([0, 1, 0, 2, 3, 1, 4, 2, 5, 6, 4, 4, 7, 8, 6, 0])  # 16 bits of 9


def steps_of(network, bits, labels, number=12):
    """Losses of steps of Adam, and the network after them."""
    rule = optax.adam(0.1)
    trained, rest = eqx.partition(network, eqx.is_inexact_array)

    @jax.jit
    def step(carry, _):
        def loss(trained):
            logits = eqx.combine(trained, rest).logits(bits)
            return optax.softmax_cross_entropy_with_integer_labels(
                logits, labels
            ).mean()

        value, by = jax.value_and_grad(loss)(carry[0])
        updates, state = rule.update(by, carry[1])
        return (optax.apply_updates(carry[0], updates), state), value

    begun = trained, rule.init(trained)
    (trained, _), losses = jax.lax.scan(step, begun, length=number)
    return losses, eqx.combine(trained, rest)


def test_a_training_of_distinct_bits_is_one_of_all():
    """Of copies only the largest weight matters, and they move alike."""
    rng = np.random.default_rng(0)
    config = LookupNetworkConfig(16, 5, (12, 10), 3, "learnable", 1.0)
    whole = LookupNetwork(config, key=jax.random.key(1))
    bits = jnp.asarray(rng.random((20, 9)) < 0.5, jnp.float32)
    bits = bits.at[:, 3].set(0).at[:, 8].set(1)  # constant, of one and of more copies
    labels = jnp.asarray(rng.integers(0, 5, 20))
    few = whole.merged(PLACES)
    assert few.config.inputs == 9
    losses, after = steps_of(whole, bits[:, PLACES], labels)
    own, small = steps_of(few, bits, labels)
    np.testing.assert_allclose(own, losses, rtol=1e-6)
    again = after.merged(PLACES).layers[0]
    np.testing.assert_allclose(small.layers[0].weights, again.weights, atol=1e-6)
    np.testing.assert_allclose(small.layers[0].tables, again.tables, atol=1e-6)
    wires = after.layers[0].wires()
    np.testing.assert_array_equal(small.layers[0].wires(), PLACES[wires])
    assert (wires != whole.layers[0].wires()).mean() > 0.1
    # Copies keep their order even in rounded numbers.
    pair = whole.layers[0].weights, after.layers[0].weights
    first, last = (np.asarray(weights)[PLACES == 0] for weights in pair)
    np.testing.assert_array_equal(last.argsort(0), first.argsort(0))


def test_random_wires_are_merged_too():
    whole = LookupNetwork(
        LookupNetworkConfig(16, 5, (12, 10), 3), key=jax.random.key(0)
    )
    bits = jnp.asarray(np.random.default_rng(0).random((6, 9)) < 0.5)
    few = whole.merged(PLACES)
    np.testing.assert_array_equal(few(bits), whole(bits[:, PLACES]))
    for places in (PLACES[:-1], PLACES + 1):
        with pytest.raises(ValueError, match="places must"):
            whole.merged(places)


@pytest.mark.parametrize("bits", [1, 9, 73])
def test_the_strongest_is_the_first_of_the_largest(bits):
    """Also where weights are equal, or bits fill no whole number of groups."""
    weights = np.random.default_rng(bits).integers(0, 4, (bits, 40)).astype(np.float32)
    np.testing.assert_array_equal(strongest(jnp.asarray(weights)), weights.argmax(0))


def test_bits_that_nobody_trains_cost_no_softmax():
    """It is of all weights, and may not be computed for bits that are data."""

    def loss(weights, numbers):
        bits = thermometer_bits(numbers, jnp.array([-1.0, 0.0])).reshape(3, -1)
        return chosen(bits, weights, 1e-3).sum()

    parts = jnp.ones((8, 6)), jnp.ones((3, 4))
    used = [
        jax.jit(jax.grad(loss, number)).lower(*parts).compile().as_text()
        for number in (0, (0, 1))
    ]
    assert ["exponential" in str(text) for text in used] == [False, True]


def test_learned_wires_have_the_gradients_of_the_program():
    x = oracle("wiring_s1")
    weights = first_weights(oracle("training_s1"))
    bits = jnp.asarray(x["map_input"].astype(np.float32))
    chosen, pull = jax.vjp(choose, bits, weights)
    by_bits, by_weights = pull(jnp.asarray(x["map_cotangent"]))
    np.testing.assert_array_equal(chosen, bits[:, weights.argmax(0)])
    # Sums of 96 terms in float32, in another order.
    np.testing.assert_allclose(by_bits, x["map_input_grad"], atol=1e-4)
    signs = 2 * np.asarray(bits) - 1
    np.testing.assert_allclose(by_weights, signs.T @ x["map_cotangent"], atol=1e-5)


def test_of_equal_weights_the_first_counts():
    bits = jnp.array([[0.0, 1.0, 1.0]])
    assert choose(bits, jnp.array([[2.0], [2.0], [1.0]]))[0, 0] == 0


def test_many_wires_to_few_bits_are_drawn_by_one_program():
    """The defaults on a table of four columns: 1,000 permutations of 12 bits."""
    draw = jax.jit(lambda key: random_wiring(12, 2_000, 6, key=key))
    counts = np.bincount(np.asarray(draw(jax.random.key(0))).ravel())
    np.testing.assert_array_equal(counts, np.full(12, 1000))


def test_random_wires_use_all_bits_equally_often():
    wiring = np.asarray(random_wiring(10, 13, 4, key=jax.random.key(0)))
    counts = np.bincount(wiring.ravel(), minlength=10)
    assert wiring.shape == (13, 4)
    assert set(counts.tolist()) == {5, 6}
    assert sorted(wiring.ravel()[:10].tolist()) == list(range(10))


def test_any_axes_before_the_last_are_a_batch():
    layer = random_model(LookupLayer, LookupConfig(6, 5, 3, "learnable"))
    bits = jnp.asarray(np.random.default_rng(0).random((2, 3, 6)) < 0.5)
    outputs = layer(bits)
    assert outputs.shape == (2, 3, 5)
    np.testing.assert_array_equal(outputs[1], layer(bits[1]))
    np.testing.assert_array_equal(layer(bits[1].astype(int)), outputs[1])


def test_temperatures_are_numbers_of_python():
    """A config is hashed where code is compiled, which no array is."""
    warm = np.float64(3)
    network = LookupNetworkConfig(4, 2, head_temperature=warm)
    layer = LookupConfig(4, 2, wiring_temperature=warm)
    assert type(network.head_temperature) is type(layer.wiring_temperature) is float


def test_tables_are_cut_to_1():
    layer = random_model(LookupLayer, LookupConfig(6, 5, 3), spread=4.0)
    inside = np.asarray(layer.clipped().tables)
    assert np.abs(layer.tables).max() > 1
    np.testing.assert_array_equal(inside, np.clip(layer.tables, -1, 1))


def test_exported_tables_answer_as_the_network(network_of_the_program, tmp_path):
    network, thermometer, pixels, bits = network_of_the_program
    tables = network_tables(network, thermometer, np.arange(128), np.arange(10))
    logits = np.asarray(network(jnp.asarray(bits)))
    np.testing.assert_allclose(tables.logits(pixels), logits, rtol=1e-6)
    tables.save(tmp_path / "net.npz")
    again = load_tables(tmp_path / "net.npz")
    np.testing.assert_array_equal(again.counts(pixels), tables.counts(pixels))
    np.testing.assert_array_equal(again.predict(pixels), logits.argmax(-1))
    assert repr(again) == (
        "TableNetwork(128 bits, 16 + 20 tables of 2,304 bits in all, 10 classes)"
    )


def a_table(**changes):
    parts = {
        "thermometer": fit_thermometer(np.arange(6.0).reshape(3, 2), 1),
        "columns": np.array([0, 1]),
        "wiring": (np.array([[0, 1], [1, 0]]),),
        "tables": (np.array([[True, False, False, True]] * 2),),
        "labels": np.array(["a", "b"]),
    }
    return TableNetwork(**parts | changes)


@pytest.mark.parametrize(
    ("message", "changes"),
    [
        ("columns must be in", {"columns": np.array([0, 2])}),
        ("wiring must be from 0 to 1", {"wiring": (np.array([[0, 2], [1, 0]]),)}),
        ("wiring must have the axes", {"wiring": (np.array([[0], [1]]),)}),
        ("wiring must be of 1 layers", {"wiring": (np.eye(2, dtype=int),) * 2}),
        ("tables must be True or False", {"tables": (np.ones((2, 4)),)}),
        ("labels must divide", {"labels": np.array([1, 2, 3])}),
        ("labels must be numbers", {"labels": np.array([None, 1])}),
    ],
)
def test_parts_that_do_not_fit_are_refused(message, changes):
    with pytest.raises(ValueError, match=message):
        a_table(**changes)


def resave(path, arrays: Any):
    np.savez(path, **arrays)


def test_a_file_that_is_none_of_tables_is_refused(tmp_path):
    path = tmp_path / "net.npz"
    with pytest.raises(FileNotFoundError, match="no file of tables"):
        load_tables(path)
    path.write_bytes(b"PK nonsense")
    with pytest.raises(ValueError, match="is no file of tables"):
        load_tables(path)
    np.savez(path, thresholds=np.ones((1, 1)))
    with pytest.raises(ValueError, match="lacks version"):
        load_tables(path)
    a_table().save(path)
    arrays = dict(np.load(path))
    resave(path, arrays | {"columns": np.array([7])})
    with pytest.raises(ValueError, match="is damaged: columns must be"):
        load_tables(path)
    for version in ([1, 2], "x"):
        resave(path, arrays | {"version": np.array(version)})
        with pytest.raises(ValueError, match="is of another version"):
            load_tables(path)
    with path.open("wb") as file:
        np.save(file, np.ones(3))
    with pytest.raises(ValueError, match="is no file of tables"):
        load_tables(path)
    a_table().save(path)
    whole = path.read_bytes()
    for place in range(0, len(whole), 7):
        path.write_bytes(
            whole[:place] + bytes([whole[place] ^ 255]) + whole[place + 1 :]
        )
        with contextlib.suppress(ValueError):  # or no byte that matters
            load_tables(path)
    resave(path, arrays | {"labels": np.array([object()])})
    with pytest.raises(ValueError, match="is no file of tables"):
        load_tables(path)


@pytest.fixture(scope="module")
def blobs():
    rng = np.random.default_rng(0)
    y = np.arange(90) % 3
    X = rng.normal(size=(90, 4)) + 3 * np.eye(3, 4)[y]
    return X, np.array(["x", "y", "z"])[y]


def small(**options):
    settings: dict[str, Any] = {
        "arity": 3,
        "bits": 4,
        "epochs": 60,
        "random_state": 0,
    } | options
    return LookupClassifier((30, 20), **settings)


def test_a_classifier_learns_and_is_repeatable(blobs, tmp_path):
    X, y = blobs
    model = small().fit(X, y)
    assert model.score(X, y) > 0.9
    assert model.loss_curve_[-1] < model.loss_curve_[0]
    np.testing.assert_array_equal(
        small().fit(X, y).predict_proba(X), model.predict_proba(X)
    )
    # 20 tables are rounded up to 21; the temperature is √7/3.
    assert len(model.network_.layers[1].tables) == 21
    counts = model.export().counts(X)
    np.testing.assert_allclose(model.logits(X), counts / (7**0.5 / 3))
    model.export().save(tmp_path / "net.npz")
    again = load_tables(tmp_path / "net.npz").predict(X)
    np.testing.assert_array_equal(again, model.predict(X))
    assert np.abs(model.network_.layers[0].tables).max() <= 1


@pytest.mark.parametrize("options", [{"wiring": "learnable"}, {"difference": PAPER}])
def test_a_classifier_learns_by_other_wires_and_differences(blobs, options):
    X, y = blobs
    assert small(**options).fit(X, y).score(X, y) > 0.9


def test_a_refused_fit_leaves_a_classifier_as_it_was(blobs):
    X, y = blobs
    model = small(epochs=1).fit(X, y)
    before = model.predict(X)
    with pytest.raises(ValueError, match="not constant"):
        model.fit(np.ones((6, 3)), [0, 1] * 3)
    np.testing.assert_array_equal(model.predict(X), before)


def test_a_training_that_diverges_names_what_to_change(blobs):
    with pytest.raises(ValueError, match="head_temperature=1e-42 too small"):
        small(epochs=1, head_temperature=1e-42).fit(*blobs)


def test_truth_values_are_features(blobs):
    model = small(epochs=1).fit(*blobs)
    X = blobs[0] > 0
    np.testing.assert_array_equal(model.logits(X), model.logits(X.astype(int)))


def test_words_in_an_array_of_objects_are_exported(blobs):
    X, y = blobs
    tables = small(epochs=1).fit(X, y.astype(object)).export()
    assert tables.labels.dtype.kind == "U"


def test_bits_that_say_nothing_are_left_out(blobs):
    X, y = blobs
    more = np.column_stack([X, np.ones(90), X[:, 0]])
    model = small(epochs=1).fit(more, y)
    assert len(model.columns_) == 16
    model = small(epochs=1, wiring="learnable", all_bits=True).fit(more, y)
    assert (len(model.columns_), model.network_.config.inputs) == (17, 17)
    bits = model.thermometer_(more).reshape(90, -1)[:, model.columns_]
    logits = model.network_(jnp.asarray(bits))
    np.testing.assert_allclose(logits, model.logits(more), rtol=1e-6)


@pytest.mark.parametrize(
    ("message", "options"),
    [
        ("arity must be in", {"arity": 13}),
        ("bits must be at least 1", {"bits": 0}),
        ("thermometer must be one of", {"thermometer": "mercury"}),
        ("wiring must be one of", {"wiring": "tangled"}),
        ("difference must be of", {"difference": 0.5}),
        ("head_temperature must be positive", {"head_temperature": 0.0}),
        ("random_state must be None, a whole", {"random_state": "x"}),
        ("learning_rate must be positive", {"learning_rate": float("nan")}),
    ],
)
def test_bad_parameters_are_refused(blobs, message, options):
    with pytest.raises((ValueError, TypeError), match=message):
        small(**options).fit(*blobs)


def test_samples_that_are_all_alike_are_refused():
    with pytest.raises(ValueError, match="X must hold a feature that is not constant"):
        small().fit(np.ones((6, 2)), [0, 1, 2] * 2)


def test_names_of_columns_are_those_of_the_table(blobs):
    X = pd.DataFrame(blobs[0], columns=list("abcd"))
    model = small(epochs=1).fit(X, blobs[1])
    assert vars(model)["feature_names_in_"].tolist() == list("abcd")
    with pytest.raises(ValueError, match="feature names should match"):
        model.predict(X[list("bacd")])
    np.testing.assert_array_equal(model.predict(X), model.export().predict(blobs[0]))


def test_a_classifier_that_has_not_learned_says_so(blobs):
    for method in ("predict", "predict_proba", "logits"):
        with pytest.raises(NotFittedError):
            getattr(small(), method)(blobs[0])


@pytest.fixture
def bare_constructor(monkeypatch):
    """Without the tests' check of annotations: scikit-learn's constructors take all."""
    bare = inspect.unwrap(LookupClassifier.__init__)
    monkeypatch.setattr(LookupClassifier, "__init__", bare)


@pytest.mark.slow
@pytest.mark.usefixtures("bare_constructor")
@parametrize_with_checks([LookupClassifier((12, 12), 2, 2, epochs=20, batch_size=16)])
def test_it_is_an_estimator_of_scikit_learn(estimator, check):
    check(estimator)
