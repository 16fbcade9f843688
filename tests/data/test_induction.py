from collections import Counter
from functools import cache

import jax
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from isinglass.data.induction import (
    FORMS,
    InductionTask,
    full_sequence,
    last_token,
)

DRAW = {"last-token": last_token, "full-sequence": full_sequence}
SIZE, MOST = 24, 9
many = settings(max_examples=100, deadline=None)


@cache
def drawer(form):
    """Draws of any length up to SIZE and any symbols up to MOST, compiled once."""
    task = InductionTask(form, MOST)
    return jax.jit(
        lambda key, length, symbols: task.batch(key, 8, length, SIZE, symbols=symbols)
    )


def plain(form, tokens, length):
    """Targets and sources of one sequence, looked for by hand."""
    targets, sources = [0] * len(tokens), [-1] * len(tokens)
    for i in range(length):
        earlier = [j for j in range(i) if tokens[j] == tokens[i]]
        if earlier and (form == "full-sequence" or i == length - 1):
            sources[i] = earlier[-1]
            targets[i] = tokens[earlier[-1] + 1]
    return targets, sources


@many
@given(
    form=st.sampled_from(FORMS),
    seed=st.integers(0, 2**32 - 1),
    length=st.integers(3, SIZE),
    symbols=st.integers(2, MOST),
)
def test_targets_are_those_of_a_plain_search(form, seed, length, symbols):
    batch = drawer(form)(jax.random.key(seed), length, symbols)
    assert all(array.shape == (8, SIZE) for array in batch)
    for tokens, targets, mask, source in zip(*map(np.asarray, batch), strict=True):
        expected_targets, expected_source = plain(form, tokens.tolist(), length)
        assert targets.tolist() == expected_targets
        assert source.tolist() == expected_source
        assert mask.tolist() == [s >= 0 for s in expected_source]
        assert tokens.min() >= 0
        assert tokens.max() < symbols
        assert not tokens[length:].any()


@many
@given(
    seed=st.integers(0, 2**32 - 1),
    length=st.integers(3, SIZE),
    symbols=st.integers(2, MOST),
)
def test_the_trigger_stands_once_inside_and_once_at_the_end(seed, length, symbols):
    batch = drawer("last-token")(jax.random.key(seed), length, symbols)
    tokens = np.asarray(batch.tokens)[:, :length]
    places = [np.flatnonzero(row == row[-1]).tolist() for row in tokens]
    assert all(
        len(two) == 2 and two[0] <= length - 3 and two[1] == length - 1
        for two in places
    )
    assert np.asarray(batch.mask).sum(axis=1).tolist() == [1] * 8


def test_a_repeated_symbol_is_its_own_target():
    batch = jax.tree.map(
        np.asarray, drawer("full-sequence")(jax.random.key(0), SIZE, 2)
    )
    just_before = (batch.source == np.arange(SIZE) - 1) & batch.mask
    assert just_before.any()
    np.testing.assert_array_equal(batch.targets[just_before], batch.tokens[just_before])


@pytest.mark.parametrize("form", FORMS)
def test_the_same_key_draws_the_same_and_another_key_another(form):
    first, again, other = (
        drawer(form)(jax.random.key(seed), 20, 8) for seed in (1, 1, 2)
    )
    assert all(map(np.array_equal, first, again))
    assert not np.array_equal(first.tokens, other.tokens)


@pytest.mark.parametrize("form", FORMS)
def test_neither_padding_nor_the_size_of_the_batch_changes_a_sequence(form):
    task, key = InductionTask(form, 5), jax.random.key(3)
    small, large = task.batch(key, 3, 12), task.batch(key, 7, 12, 31)
    cut = [np.asarray(array)[:3, :12] for array in large]
    assert all(map(np.array_equal, small, cut))


def test_a_longer_full_sequence_goes_on_from_a_shorter_one():
    short, long = (
        full_sequence(jax.random.key(3), 4, length, 5) for length in (12, 40)
    )
    cut = [np.asarray(array)[:, :12] for array in long]
    assert all(map(np.array_equal, short, cut))


@pytest.mark.parametrize("form", FORMS)
def test_a_traced_length_draws_what_a_plain_one_does(form):
    task, key = InductionTask(form, MOST), jax.random.key(4)
    for length, symbols in ((3, 2), (SIZE, 5)):
        expected = task.batch(key, 8, length, SIZE, symbols=symbols)
        drawn = drawer(form)(key, length, symbols)
        assert all(map(np.array_equal, drawn, expected))
        assert np.asarray(drawn.tokens).max() < symbols


def test_lanes_of_vmap_are_the_draws_of_their_keys():
    keys = jax.random.split(jax.random.key(5), 3)
    draw = drawer("last-token")
    lanes = jax.vmap(lambda key: draw(key, 9, 4))(keys)
    alone = [draw(key, 9, 4).tokens for key in keys]
    assert np.array_equal(lanes.tokens, np.stack(alone))


@pytest.mark.parametrize("form", FORMS)
def test_types_do_not_follow_the_precision(form):
    with jax.enable_x64(True):
        batch = InductionTask(form).batch(jax.random.key(0), 2, 5)
    assert [str(array.dtype) for array in batch] == ["int32", "int32", "bool", "int32"]


def assert_uniform(counts, over):
    """All of `over`, and nothing else, equally often within five deviations."""
    assert set(counts) == set(over)
    total = sum(counts.values())
    expected = total / len(over)
    assert max(abs(count - expected) for count in counts.values()) < 5 * expected**0.5


def test_trigger_place_and_answer_are_uniform():
    batch = last_token(jax.random.key(6), 6000, 8, 4)
    tokens, place = np.asarray(batch.tokens), np.asarray(batch.source)[:, -1]
    answer = np.asarray(batch.targets)[:, -1]
    assert_uniform(Counter(tokens[:, -1].tolist()), range(4))
    assert_uniform(Counter(place.tolist()), range(6))
    assert_uniform(Counter(((answer - tokens[:, -1]) % 4).tolist()), (1, 2, 3))


def test_symbols_of_a_full_sequence_are_uniform():
    tokens = np.asarray(full_sequence(jax.random.key(7), 2000, 6, 3).tokens)
    for position in range(6):
        assert_uniform(Counter(tokens[:, position].tolist()), range(3))


def test_chance_is_the_best_guess_without_context():
    assert InductionTask("last-token", 16).chance == 1 / 15
    assert InductionTask("full-sequence", 16).chance == 1 / 16
    batch = full_sequence(jax.random.key(8), 400, 200, 4)
    hits = np.asarray(batch.targets == batch.tokens)[:, -50:]
    assert hits.mean() == pytest.approx(0.25, abs=0.015)


def test_early_in_a_full_sequence_a_repeat_is_a_better_guess():
    batch = full_sequence(jax.random.key(9), 20_000, 6, 4)
    hits = np.asarray(batch.targets == batch.tokens) & np.asarray(batch.mask)
    share = hits.sum(axis=0)[1:] / np.asarray(batch.mask).sum(axis=0)[1:]
    predicted = 0.25 / (1 - 0.75 ** np.arange(1, 6))
    np.testing.assert_allclose(share, predicted, atol=0.015)


@pytest.mark.parametrize("form", FORMS)
def test_long_sequences_need_no_square_of_their_length(form):
    task = InductionTask(form, 16)
    draw = jax.jit(lambda key: task.batch(key, 2, 10_000))
    memory = draw.lower(jax.random.key(0)).compile().memory_analysis()
    assert memory is not None
    assert memory.temp_size_in_bytes < 100 * 2 * 10_000 * 4
    assert draw(jax.random.key(0)).mask[:, -1].all()


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({"vocabulary": 1}, "vocabulary must be at least 2, got 1"),
        ({"batch": 0}, "batch must be at least 1, got 0"),
        (
            {"length": 2, "form": "last-token"},
            "at least 3 in the last-token form, got 2",
        ),
        (
            {"length": 1, "form": "full-sequence"},
            "at least 2 in the full-sequence form, got 1",
        ),
        ({"length": 4.5}, "length must be a whole number"),
        ({"length": float("nan")}, "length must be a whole number"),
        ({"length": float("inf")}, "length must be a whole number"),
        ({"size": 9}, "size must be at least the length, 10, got 9"),
        ({"symbols": 1}, r"symbols must be in \[2, 4\], got 1"),
        ({"symbols": 5}, r"symbols must be in \[2, 4\], got 5"),
    ],
)
def test_what_is_no_task_is_refused(arguments, named):
    options = {
        "form": "last-token",
        "batch": 2,
        "length": 10,
        "vocabulary": 4,
        **arguments,
    }
    draw = DRAW[options.pop("form")]
    with pytest.raises(ValueError, match=named):
        draw(jax.random.key(0), options.pop("batch"), options.pop("length"), **options)


def test_a_traced_length_needs_a_size():
    with pytest.raises(ValueError, match="size must be given"):
        jax.jit(lambda length: last_token(jax.random.key(0), 2, length, 4))(5)


def test_task_refuses_unknown_forms_and_single_symbols():
    with pytest.raises(ValueError, match="form must be one of"):
        InductionTask("first-token")  # pyright: ignore[reportArgumentType]
    with pytest.raises(ValueError, match="vocabulary"):
        InductionTask(vocabulary=1)
    assert [InductionTask(form).shortest for form in FORMS] == [3, 2]


@pytest.mark.parametrize("form", FORMS)
def test_questions_are_where_a_batch_has_its_mask(form):
    batch = drawer(form)(jax.random.key(0), SIZE, 3)
    questions = jax.jit(jax.vmap(InductionTask(form, 3).questions))
    np.testing.assert_array_equal(questions(batch.tokens), batch.mask)
