"""Networks as circuits: their text, and what a simulator of Verilog makes of it."""

import re
import shutil
import subprocess
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.datasets import load_digits

from isinglass.systems.lookup import (
    FixedPoint,
    LookupClassifier,
    TableNetwork,
    Thermometer,
    fit_thermometer,
)
from isinglass.systems.lookup.verilog import words

TEXTS = Path(__file__).parent / "oracles"
SEEDS = st.integers(0, 2**32 - 1)


def network(seed, *, features=3, labels=("a", "b\n*/", "µ"), shape=((4, 2), (6, 3))):
    """Any network of layers (tables, arity), with thresholds that are whole or not."""
    rng = np.random.default_rng(seed)
    thresholds = rng.integers(-9, 9, (features, 2)) / rng.choice([1, 2, 7])
    columns = rng.permutation(2 * features)[: rng.integers(1, 2 * features + 1)]
    before, wiring, tables = len(columns), [], []
    for count, arity in shape:
        wiring.append(rng.integers(0, before, (count, arity)))
        tables.append(rng.random((count, 2**arity)) < rng.random())
        before = count
    glass = Thermometer(np.sort(thresholds, axis=1))
    parts = tuple(wiring), tuple(tables), np.array(labels)
    return TableNetwork(glass, columns, *parts)


def every(points, features):
    """All samples that there are."""
    whole = range(points.least, points.most + 1)
    return points.values(np.array(list(product(whole, repeat=features))))


# -- the text --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "features"), [("bits", None), ("features", FixedPoint(4, 2.0, True))]
)
def test_the_text_is_that_on_disk(name, features):
    tables, samples = network(1), np.array([[0.5, -1, 3], [3, 3, 1]])
    text = tables.verilog("net", features)
    text += "\n" + tables.test_bench(samples, "net", features)
    assert text == (TEXTS / f"{name}.v").read_text("utf-8")


def test_words_have_the_lowest_bit_last():
    assert words(np.array([[1, 0], [0, 1]])) == ["1", "2"]
    assert words(np.arange(12)[None] == 9) == ["200"]
    number = sum(1 << place for place in range(0, 64, 3))
    assert words(np.arange(64)[None] % 3 == 0) == [f"{number:016x}"]


def test_the_published_size_is_written_at_once():
    shape = ((2000, 6), (1000, 6))
    text = network(0, labels=range(10), features=600, shape=shape).verilog()
    assert text.count("  wire [63:0] table") == 3000
    assert max(map(len, text.splitlines())) < 120


@pytest.mark.parametrize(
    "name", ["", "3d", "a-b", "module", "logic", "µ", "a b", "$a", "a\n", "x" * 2000]
)
def test_what_names_no_module_is_refused(name):
    with pytest.raises(ValueError, match="module must be a name of Verilog"):
        network(0).verilog(name)


def test_what_a_circuit_cannot_take_is_refused():
    tables, pixels = network(0), FixedPoint(8)
    with pytest.raises(ValueError, match=r"samples must be from 0\.0 to 255\.0"):
        tables.test_bench(np.array([[0, 1, 256]]), features=pixels)
    with pytest.raises(ValueError, match="samples must have the axes"):
        tables.test_bench(np.ones((1, 2)), features=pixels)
    for points in ((0, 1), (33, 1), (8, 0), (8, 1e-300)):
        with pytest.raises(ValueError, match=r"(bits|unit) must be"):
            FixedPoint(*points)


# -- features --------------------------------------------------------------------------


def bits_of(tables, points, samples):
    """What comparators of a text make of samples, by the words that stand there."""
    whole = points.integers(samples) % 2**points.bits
    half = 2 ** (points.bits - 1)
    columns = []
    for line in tables.verilog("net", points).splitlines():
        if not line.startswith("  wire bit"):
            continue
        term = line.split(" = ")[1].rstrip(";")
        if ">=" not in term:
            columns.append(np.full(len(samples), term == "1'b1"))
            continue
        feature = int(term.split(":")[1].split("]")[0]) // points.bits
        least = term.split("'")[1]
        digits = re.sub("^s?[dh]", "", least)  # of which d may be one
        bound, value = int(digits, 10 + 6 * points.signed), whole
        if points.signed:
            bound, value = (bound + half) % (2 * half), (whole + half) % (2 * half)
        columns.append(value[:, feature] >= bound)
    return np.stack(columns, axis=1)


@settings(max_examples=60)
@given(
    SEEDS,
    st.builds(
        FixedPoint, st.integers(1, 6), st.sampled_from([1, 2, 3, 0.3]), st.booleans()
    ),
)
def test_comparators_are_the_thermometer(seed, points):
    tables = network(seed, features=2)
    samples = every(points, 2)
    bits = tables.thermometer(samples).reshape(len(samples), -1)[:, tables.columns]
    np.testing.assert_array_equal(bits_of(tables, points, samples), bits)


def test_pixels_that_were_learned_between_0_and_1_are_bytes():
    """Thresholds are such pixels, in either type: q / 255 is above none of itself."""
    pixels = np.arange(256).reshape(-1, 1) / 255
    points = FixedPoint(8, 255)
    np.testing.assert_array_equal(points.integers(pixels), pixels * 255)
    for dtype in (np.float32, np.float64):
        glass = fit_thermometer(pixels.astype(dtype), 7)
        layer = (np.zeros((1, 1), int),), (np.array([[False, True]]),)
        tables = TableNetwork(glass, np.arange(7), *layer, np.array([0]))
        bits = glass(pixels.astype(dtype))[:, 0]
        np.testing.assert_array_equal(bits_of(tables, points, pixels), bits)


# -- a simulator -----------------------------------------------------------------------


def run(text, folder, *options):
    """What Icarus prints of a text, without warnings on the way."""
    if shutil.which("iverilog") is None:
        pytest.skip("there is no iverilog")
    source, program = folder / "net.v", folder / "net"
    source.write_text(text)
    outputs = [
        subprocess.run(command, capture_output=True, text=True, check=True)
        for command in (
            ["iverilog", "-g2001", "-Wall", "-o", program, source],
            ["vvp", "-n", program],
        )
    ]
    assert not any(output.stderr for output in outputs)
    return outputs[-1].stdout


def assert_same(tables, samples, features, folder):
    text = tables.verilog("net", features)
    text += tables.test_bench(samples, "net", features)
    assert run(text, folder) == f"{len(samples)} samples, 0 wrong\n"


SHAPES = st.lists(
    st.tuples(st.integers(1, 5), st.integers(1, 7)), min_size=1, max_size=3
)


@pytest.mark.verilog
@settings(max_examples=40)
@given(SEEDS, SHAPES, st.integers(1, 5), st.booleans())
def test_all_inputs_come_out_as_in_python(tmp_path_factory, seed, shape, k, signed):
    shape[-1] = shape[-1][0] * k, shape[-1][1]
    points = FixedPoint(4, 0.5, True) if signed else FixedPoint(3)
    tables = network(seed, features=2, labels=range(k), shape=shape)
    for features in (points, None):
        folder = tmp_path_factory.mktemp("circuit")
        assert_same(tables, every(points, 2), features, folder)


@pytest.mark.verilog
def test_ties_go_to_the_first(tmp_path):
    points = FixedPoint(4, signed=True)
    tables, samples = network(1, labels=range(5), shape=((20, 3),)), every(points, 3)
    most = np.sort(tables.counts(samples), axis=1)
    assert (most[:, -1] == most[:, -2]).mean() > 0.1
    assert_same(tables, samples, points, tmp_path)


@pytest.mark.verilog
def test_a_wrong_table_is_noticed(tmp_path):
    tables, samples = network(1), every(FixedPoint(2), 3)
    turned = tuple(~layer for layer in tables.tables)
    other = TableNetwork(
        tables.thermometer, tables.columns, tables.wiring, turned, tables.labels
    )
    bench = other.test_bench(samples, "net")
    wrong = (other.counts(samples) != tables.counts(samples)).any(1).sum()
    said = run(tables.verilog("net") + bench, tmp_path)
    assert said.endswith(f"64 samples, {wrong} wrong\n")
    assert wrong


@pytest.mark.verilog
@pytest.mark.parametrize("name", ["bits", "index", "table0_0", "net_test", "a$b"])
def test_a_module_may_be_called_as_its_wires(tmp_path, name):
    tables = network(1)
    text = tables.verilog(name) + tables.test_bench(np.ones((2, 3)), name)
    assert run(text, tmp_path) == "2 samples, 0 wrong\n"


@pytest.mark.verilog
def test_digits_are_read_as_by_the_classifier(tmp_path):
    data: Any = load_digits()
    X, y = data.data, data.target
    model = LookupClassifier((100, 50), arity=4, epochs=20, random_state=0)
    tables = model.fit(X[:600], y[:600]).export()
    assert (tables.predict(X[600:800]) == y[600:800]).mean() > 0.5
    for features in (FixedPoint(5), None):
        assert_same(tables, X[600:800], features, tmp_path)
