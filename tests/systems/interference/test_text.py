"""Documents: the exact laws, what the rules are, and what is refused."""

import copy

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from isinglass._common import arrays
from isinglass.systems.interference import TextInterference
from isinglass.systems.interference._storage import FORMAT

law = settings(max_examples=15, deadline=None, derandomize=True, database=None)
TEXTS = [
    "the fox runs, and runs home",
    "a quick fox",
    "the lazy dog sleeps",
    "dogs sleep; the dog dreams of a fox",
    "",
    "rain, rain and rain",
    "the rain in Spain",
]
LABELS = np.array(["fox", "fox", "dog", "dog", "dog", "rain", "rain"])


def new(**parameters) -> TextInterference:
    return TextInterference(n_buckets=2**10).set_params(**parameters)


def learned(rows, **parameters) -> TextInterference:
    model = new(**parameters)
    return model.partial_fit(
        [TEXTS[i] for i in rows], LABELS[list(rows)], classes=["dog", "fox", "rain"]
    )


def assert_same(model, other):
    for name in ("classes_", "class_count_", "tally_", "document_frequency_"):
        np.testing.assert_array_equal(getattr(model, name), getattr(other, name))
    np.testing.assert_array_equal(model.scores(TEXTS), other.scores(TEXTS))


@law
@given(
    order=st.permutations(range(7)),
    cut=st.integers(1, 6),
    rule=st.sampled_from(["dipole", "ratio"]),
)
def test_learning_is_a_sum_over_documents(order, cut, rule):
    whole = learned(range(7), rule=rule)
    parts = [learned(part, rule=rule) for part in (order[:cut], order[cut:])]

    assert_same(learned(order, rule=rule), whole)
    assert_same(copy.deepcopy(parts[0]).merge(parts[1]), whole)
    rest = [TEXTS[i] for i in order[cut:]]
    assert_same(whole.forget(rest, LABELS[order[cut:]]), parts[0])


@law
@given(
    weight=st.lists(st.integers(0, 3), min_size=7, max_size=7).filter(any),
    taken=st.lists(st.integers(0, 3), min_size=7, max_size=7).filter(any),
)
def test_a_document_of_weight_w_is_w_documents(weight, taken):
    everywhere = ["dog", "fox", "rain"]
    model = new().partial_fit(TEXTS, LABELS, everywhere, sample_weight=weight)

    assert_same(model, learned(np.repeat(range(7), weight)))
    taken = np.minimum(weight, taken)
    if taken.any():
        model.forget(TEXTS, LABELS, sample_weight=taken)
    if (weight > taken).any():
        assert_same(model, learned(np.repeat(range(7), weight - taken)))
    else:
        assert not model.tally_.any()
        assert not model.document_frequency_.any()


@pytest.mark.parametrize(
    ("weight", "message"),
    [
        ([1, 0.5], r"whole numbers from 0, got 0\.5"),
        ([2**42, 1], "must sum to at most 4,398,046,511,104 in a class"),
        ([2**42, 0], "class 0 is full: .* 4,398,046,511,104 .* hold 4,398,046,511,105"),
    ],
)
def test_weights_that_do_not_add_up_exactly_are_refused(weight, message):
    model = new().fit(["a"], [0])
    before = copy.deepcopy(model)
    with pytest.raises(ValueError, match=message):
        model.partial_fit(["a", "b"], [0, 0], sample_weight=weight)
    assert_same(model, before)


@pytest.mark.parametrize("rule", ["dipole", "ratio"])
def test_a_saved_model_is_the_same_and_learns_on(tmp_path, rule):
    model = learned(range(5), rule=rule, ngrams=(1, 2), idf=rule == "ratio")
    model.save(tmp_path / "model")
    again = TextInterference.load(tmp_path / "model")

    assert again.get_params() == model.get_params()
    assert_same(again, model)
    for twin in (model, again):
        twin.partial_fit(TEXTS[5:], LABELS[5:]).forget(TEXTS[:1], LABELS[:1])
    assert_same(again.merge(model), model.merge(copy.deepcopy(model)))


def test_a_file_that_fits_no_model_is_refused(tmp_path):
    path = tmp_path / "model"
    learned(range(7)).save(path)
    file = arrays.open_file(path, FORMAT)
    contents = file.read()
    for header, parts in (
        ({"parameters": {"n_buckets": 0, "ngrams": [1, 1]}}, {}),
        ({"classes": {"dtype": "<U4", "values": ["dog", "fox"]}}, {}),
        ({}, {"buckets": contents["buckets"] + 2**10}),
        ({}, {"tally": contents["tally"][:, :2]}),
    ):
        arrays.write(
            path, FORMAT, {**file.header, **header}, (contents | parts).items()
        )
        with pytest.raises(ValueError, match="is damaged"):
            TextInterference.load(path)


def test_a_class_can_come_later():
    late = np.array([2, 3, 4])
    early = [0, 1, 5, 6]
    model = new().fit([TEXTS[i] for i in early], LABELS[early])
    model.partial_fit([TEXTS[i] for i in late], LABELS[late])

    assert_same(model, new().fit(TEXTS, LABELS))


def test_without_idf_classes_are_independent():
    joint, alone = learned(range(7), idf=False), learned([0, 1], idf=False)

    np.testing.assert_array_equal(joint.scores(TEXTS)[:, 1], alone.scores(TEXTS)[:, 1])
    coupled = learned(range(7)).scores(TEXTS)
    assert not np.allclose(coupled[:, 1], learned([0, 1]).scores(TEXTS)[:, 1])


def table_of(documents):
    """Words as columns, and documents as unit rows of log(1 + number)."""
    words = sorted({word for document in documents for word in document})
    counts = [[document.count(word) for word in words] for document in documents]
    table = np.log1p(counts)
    return table / np.linalg.norm(table, axis=1, keepdims=True)


def test_the_rules_are_what_they_say():
    documents = [list("aab"), list("bcc"), list("abd"), list("ddb"), list("bbb")]
    y = np.array([0, 0, 1, 1, 1])
    table = table_of(documents)
    rarity = np.log(6 / (1 + (table > 0).sum(axis=0))) + 1
    sums = np.stack([table[y == label].sum(axis=0) for label in (0, 1)], axis=1)

    weighted, classes = table * rarity, sums * rarity[:, None]
    lengths = np.linalg.norm(weighted, axis=1)[:, None], np.linalg.norm(classes, axis=0)
    cosines = weighted @ classes / lengths[0] / lengths[1]
    dipole, ratio = (new(rule=rule).fit(documents, y) for rule in ("dipole", "ratio"))
    np.testing.assert_allclose(dipole.scores(documents), cosines, atol=1e-5)
    shares = np.log((sums + 1) / (sums.sum(axis=0) + 4))
    expected = weighted @ (shares - shares[:, ::-1])
    np.testing.assert_allclose(ratio.scores(documents), expected, atol=1e-5)
    np.testing.assert_allclose(
        ratio.decision_function(documents), np.diff(expected)[:, 0], atol=1e-5
    )


def test_words_of_a_text_and_a_sequence_are_the_same():
    texts = ["The fox, it RUNS!", "don't"]
    words = [["the", "fox", ",", "it", "runs", "!"], ["don", "'", "t"]]
    for ngrams in ((1, 1), (1, 2), (2, 3)):
        model = new(ngrams=ngrams).fit(texts, ["a", "b"])
        assert_same(model, new(ngrams=ngrams).fit(words, ["a", "b"]))


def test_word_order_is_seen_by_pairs_alone():
    texts, y = ["dog bites man", "man bites dog"], [0, 1]
    single, double = new().fit(texts, y), new(ngrams=(2, 2)).fit(texts, y)

    np.testing.assert_array_equal(single.decision_function(texts), 0)
    np.testing.assert_array_equal(double.predict(texts), y)


@pytest.mark.parametrize("rule", ["dipole", "ratio"])
def test_documents_without_words_are_silent(rule):
    model = learned(range(7), rule=rule)

    np.testing.assert_array_equal(model.class_count_, [3, 2, 2])
    np.testing.assert_array_equal(model.scores(["", " \n"]), 0)
    assert model.predict([""]).tolist() == ["dog"]  # which has most documents
    assert new(rule=rule).fit([""], [3]).predict(["word"]).tolist() == [3]


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"n_buckets": 1}, r"n_buckets must be a whole number from 2 .* got 1"),
        ({"ngrams": (2, 1)}, r"ngrams must be the fewest and .* got \(2, 1\)"),
        ({"ngrams": 2}, "ngrams must be"),
        ({"rule": "vote"}, "rule must be one of dipole, ratio, got 'vote'"),
    ],
)
def test_parameters_that_cannot_be_are_refused(parameters, message):
    with pytest.raises(ValueError, match=message):
        new().set_params(**parameters).fit(TEXTS, LABELS)


@pytest.mark.parametrize(
    ("texts", "labels", "message"),
    [
        ("one text", ["a"], "X must be a sequence of documents, got a single str"),
        ([], [], "X must hold one at least"),
        (["a", 3], [0, 1], "document 1 is 3"),
        (["a", ["b", 3]], [0, 1], r"document 1 is \['b', 3\]"),
        (["a", b"b"], [0, 1], "document 1 is b'b'"),
        (["a", "b"], [0], "X holds 2 samples and y 1 labels"),
    ],
)
def test_what_is_no_document_is_refused(texts, labels, message):
    with pytest.raises(ValueError, match=message):
        new().fit(texts, labels)


def test_what_was_not_learned_is_not_forgotten():
    model = learned(range(7))
    before = copy.deepcopy(model)
    for texts, labels, message in (
        (["a fox"], ["cat"], r"never learned: \['cat'\]"),
        (["a quick fox"] * 3, ["fox"] * 3, r"too many documents of classes \['fox'\]"),
        (["a cat"], ["fox"], "documents that were never learned"),
        (["a quick fox"], ["dog"], "documents that were never learned"),
    ):
        with pytest.raises(ValueError, match=message):
            model.forget(texts, labels)
        assert_same(model, before)


def test_models_that_read_otherwise_do_not_merge():
    model, other = learned(range(7)), learned(range(7), ngrams=(1, 2))

    with pytest.raises(ValueError, match="cannot merge: ngrams differs"):
        model.merge(other)
    with pytest.raises(ValueError, match="n_buckets is 64, but the model learned"):
        model.set_params(n_buckets=64).predict(TEXTS)
