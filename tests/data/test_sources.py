import inspect

import numpy as np
import pytest

from isinglass.data.question import COUNTED, TOKENS, TRAINING, decode, line_of
from isinglass.data.sources import (
    ExampleSource,
    TextSource,
    question_source,
    split_text,
)
from isinglass.systems.memory import Recipe, TransformerConfig, train

TEXT = np.arange(50, dtype=np.uint8)
EXAMPLES = TRAINING.sample(300, seed=0)


def test_a_window_is_what_is_given_and_what_follows():
    source = TextSource(TEXT, 4, 256)
    tokens, targets, weights = source.take(np.array([0, 45]))
    assert tokens.tolist() == [[0, 1, 2, 3], [45, 46, 47, 48]]
    np.testing.assert_array_equal(targets, tokens + 1)
    assert (weights == 1).all()


def test_every_window_may_be_chosen_and_none_beyond_the_end():
    source = TextSource(TEXT, 4, 256)
    chosen = source.choose(np.random.default_rng(0), 5_000)
    assert set(chosen) == set(range(46))
    again = source.choose(np.random.default_rng(0), 5_000)
    np.testing.assert_array_equal(chosen, again)


@pytest.mark.parametrize("length", [5, 8, 9, 50])
def test_places_hold_each_token_once(length):
    source = TextSource(TEXT[:length], 4, 256)
    targets = source.take(source.every()).targets.ravel()
    assert targets.tolist() == list(range(1, 1 + 4 * ((length - 1) // 4)))


def test_a_text_shorter_than_a_context_is_refused():
    with pytest.raises(
        ValueError, match="tokens must hold 5 at least, a context of 4 and what "
    ):
        TextSource(TEXT[:4], 4, 256)
    with pytest.raises(ValueError, match=r"tokens must be in \[0, 48\], got 49"):
        TextSource(TEXT, 4, 49)
    with pytest.raises(ValueError, match="context must be at least 1, got 0"):
        TextSource(TEXT, 0, 256)


@pytest.mark.parametrize(
    ("text", "error", "message"),
    [
        (list(TEXT), TypeError, "tokens must be an array of NumPy or JAX, got list"),
        (
            TEXT.reshape(2, 25),
            ValueError,
            r"tokens must be a 1-D array .* shape \(2, 25\)",
        ),
        (
            TEXT * 0.5,
            ValueError,
            "tokens must be a 1-D array of whole numbers, got float64",
        ),
    ],
)
def test_what_is_no_text_is_refused(text, error, message):
    init = inspect.unwrap(
        TextSource.__init__
    )  # without the run-time checker of the tests
    with pytest.raises(error, match=message):
        init(object.__new__(TextSource), text, 4, 256)


def test_digests_tell_contents_apart():
    other = TEXT.copy()
    other[-1] = 0
    texts = [TEXT, other, TEXT[:-1], TEXT.astype(np.int32)]
    assert len({TextSource(text, 4, 256).digest() for text in texts}) == 4
    rows = [question_source(EXAMPLES[:5], counted).digest() for counted in COUNTED]
    assert len(set(rows)) == len(COUNTED)


def test_a_split_is_the_whole_text_in_order():
    first, last = split_text(TEXT, 0.1)
    assert len(last) == 5
    np.testing.assert_array_equal(np.concatenate([first, last]), TEXT)
    assert np.shares_memory(first, TEXT)
    with pytest.raises(
        ValueError, match=r"must leave a token in each part, got 0.001 of 50"
    ):
        split_text(TEXT, 0.001)
    with pytest.raises(ValueError, match=r"validation must be in \(0, 1\), got 1"):
        split_text(TEXT, 1.0)


@pytest.mark.parametrize("packed", [False, True])
def test_examples_are_all_there_once(packed):
    source = question_source(
        EXAMPLES, "words, tab and line end", context=64, packed=packed
    )
    batch = source.take(source.every())
    lines = [
        line
        for row, w in zip(batch.targets, batch.weights, strict=True)
        for line in decode(row[w > 0].tolist()).splitlines(keepends=True)
    ]
    assert sorted(lines) == sorted(map(line_of, EXAMPLES))
    # What is given is what came before, from a line end on.
    assert (batch.tokens[:, 0] == TOKENS.index("\n")).all()
    counts = batch.weights[:, 1:] > 0
    np.testing.assert_array_equal(
        batch.tokens[:, 1:][counts], batch.targets[:, :-1][counts]
    )
    assert (len(batch.tokens) < len(EXAMPLES) / 2) == packed


@pytest.mark.parametrize("counted", COUNTED)
@pytest.mark.parametrize("packed", [False, True])
def test_what_counts_is_what_the_floor_is_of(counted, packed):
    source = question_source(EXAMPLES, counted, context=60, packed=packed)
    weight = source.take(source.every()).weights.sum()
    words = sum(len(example.source.split()) for example in EXAMPLES)
    targets = sum(len(example.target.split()) for example in EXAMPLES)
    expected = {
        "source": words,
        "words": words + targets,
        "words and tab": words + targets + 300,
        "words, tab and line end": words + targets + 600,
        "target": targets,
    }
    assert counted in TRAINING.figures().least_losses()
    assert weight == expected[counted]


def test_examples_without_padding_are_as_long_as_the_longest():
    source = ExampleSource(
        [([1, 2], [1, 0]), ([3, 4, 5], [1, 1, 2])], start=0, vocabulary=6
    )
    batch = source.take(source.every())
    assert source.context == 3
    assert batch.tokens.tolist() == [[0, 1, 0], [0, 3, 4]]
    assert batch.weights.tolist() == [[1, 0, 0], [1, 1, 2]]


@pytest.mark.parametrize(
    ("examples", "options", "message"),
    [
        ([], {}, "examples must hold one at least, got none"),
        ([([1], [1, 1])], {}, r"examples\[0\] must have as many weights as tokens"),
        (
            [([], [])],
            {"context": 3},
            r"examples\[0\] must have as many weights as tokens",
        ),
        (
            [([1, 2, 3], [1, 1, 1])],
            {"context": 2},
            r"examples\[0\] has 3 tokens; context is 2",
        ),
        (
            [([1], [1]), ([1], [-1])],
            {},
            r"examples\[1\] must have weights of at least 0",
        ),
        ([([1], [0]), ([2, 3], [0, 0])], {}, "examples must hold a token that counts"),
        ([([6], [1])], {}, r"tokens of examples\[0\] must be in \[0, 5\], got 6"),
        ([([1], [1])], {"start": 7}, r"start must be in \[0, 5\], got 7"),
    ],
)
def test_examples_that_do_not_fit_are_refused(examples, options, message):
    with pytest.raises(ValueError, match=message):
        ExampleSource(examples, **{"start": 0, "vocabulary": 6} | options)


def test_an_unknown_count_is_refused():
    with pytest.raises(ValueError, match="counted must be one of"):
        question_source(EXAMPLES, "all")  # pyright: ignore[reportArgumentType]


def test_question_examples_are_learnt_from():
    source = question_source(EXAMPLES, "words and tab", packed=True, context=64)
    config = TransformerConfig(source.vocabulary, 64, 16, 2, 1)
    how = Recipe(steps=30, batch=4, learning_rate=2e-2, warmup=3, every=15)
    losses = train(config, source, how).metrics.loss
    assert losses[1] < losses[0] < np.log(70)
