import pickle
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from isinglass.dynamics import DelayState, trajectory
from isinglass.systems.meanfield import Features, MeanField, semantic_overlaps
from isinglass.systems.meanfield.features import KINDS

PARAMETERS = {"beta": 1.3, "gamma": 40.0, "epsilon": 0.1}


@st.composite
def cases(draw, most_bits=2):
    """Weights, their positional bits, a window, its position, and parameters.

    Few shapes, since each is a program of every operation.
    """
    m, p = draw(st.sampled_from([1, 2, 5])), draw(st.integers(0, most_bits))
    length = draw(st.sampled_from([1, 2, 4]))
    random = np.random.default_rng(draw(st.integers(0, 4)))
    spins = draw(st.sampled_from([1, 8, 40]))
    weights = random.choice([-1, 1], size=(4, m, spins + p))
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    window = random.uniform(-1, 1, size=(length, m))
    parameters = {
        "beta": draw(st.floats(0, 4)),
        "gamma": draw(st.floats(0, 200)),
        "epsilon": draw(st.floats(0, 1)),
    }
    return weights, p, window, draw(st.integers(0, 7)), parameters


def head(weights, bits, window, position, parameters) -> np.ndarray:
    mean_field = MeanField(Features.from_weights(weights, bits), len(window))
    with jax.enable_x64(True):
        phase = position % mean_field.period
        return np.asarray(mean_field(jax.device_put(window), parameters, phase))


@given(cases())
@settings(max_examples=40, deadline=None)
def test_groups_give_the_sum_over_all_spins(plain_head, case):
    weights, bits, window, position, parameters = case
    expected = plain_head(weights, bits, window, parameters, position)
    np.testing.assert_allclose(head(*case), expected, atol=1e-12)


@given(cases())
@settings(max_examples=20, deadline=None)
def test_overlaps_never_exceed_one(case):
    weights, bits, window, position, parameters = case
    features = Features.from_weights(weights, bits)
    overlaps = MeanField(features).overlaps(10 * window, parameters, position)
    assert np.abs(overlaps).max() <= 1 + 1e-15
    assert np.abs(head(*case)).max() <= 1 + 1e-15


def permuted(weights, kinds, order):
    new = weights.copy()
    new[list(kinds)] = weights[list(kinds)][:, order]
    return new


def flipped(weights, kinds, signs):
    new = weights.copy()
    new[list(kinds)] *= signs[:, None]
    return new


@given(cases(), st.integers(0, 2**32 - 1))
@settings(max_examples=30, deadline=None)
def test_names_and_signs_of_patterns_are_conventions(case, seed):
    weights, bits, window, position, parameters = case
    random = np.random.default_rng(seed)
    m = weights.shape[1]
    order, signs = random.permutation(m), random.choice([-1, 1], size=m)
    before = head(*case)

    def after(weights, window):
        return head(weights, bits, window, position, parameters)

    # Output and value patterns share an index, query and key patterns another.
    close = partial(np.testing.assert_allclose, atol=1e-12)
    close(after(permuted(weights, (0, 1), order), window[:, order]), before[order])
    close(after(permuted(weights, (2, 3), order), window), before)
    close(after(flipped(weights, (0, 1), signs), window * signs), before * signs)
    close(after(flipped(weights, (2, 3), signs), window), before)


@given(cases(most_bits=0))
@settings(max_examples=20, deadline=None)
def test_without_positions_up_and_down_are_alike(case):
    weights, bits, window, position, parameters = case
    opposite = head(weights, bits, -window, position, parameters)
    np.testing.assert_allclose(opposite, -head(*case), atol=1e-12)


@pytest.mark.parametrize(("name", "value"), [("beta", 0.0), ("epsilon", 1.0)])
@given(cases())
@settings(max_examples=15, deadline=None)
def test_where_spins_do_not_count_only_the_position_does(name, value, case):
    weights, bits, window, position, parameters = case
    parameters = parameters | {name: value}
    np.testing.assert_array_equal(
        head(weights, bits, window, position, parameters),
        head(weights, bits, np.zeros_like(window), position, parameters),
    )
    if not bits:
        assert not head(weights, bits, window, position, parameters).any()


@pytest.mark.parametrize("m", [3, 8])
@pytest.mark.parametrize("x64", [False, True])
def test_the_state_says_in_which_precision_to_compute(m, x64):
    weights = np.random.default_rng(0).choice([-1, 1], size=(4, m, 202))
    mean_field = MeanField(Features.from_weights(weights, 2))
    window = np.random.default_rng(1).uniform(-0.1, 0.1, size=(4, m))
    with jax.enable_x64(True):
        exact = mean_field(jnp.asarray(window), PARAMETERS, 1)
        state = mean_field.map.start(jnp.asarray(window, jnp.float32), 1)
        numbers = jax.tree.map(jnp.asarray, PARAMETERS)
    with jax.enable_x64(x64):
        after = jax.jit(mean_field.map)(state, PARAMETERS)
        assert after.window.dtype == jnp.float32
        np.testing.assert_allclose(after.window[0], exact, atol=1e-4)
        if x64:
            after = jax.eval_shape(mean_field.map, state, numbers)
            assert after.window.dtype == jnp.float32


def test_a_phase_may_be_traced():
    mean_field = MeanField(Features.paper(), context=3)
    with jax.enable_x64(True):
        window = jnp.asarray(np.random.default_rng(0).uniform(-1, 1, size=(3, 3)))
        traced = jax.jit(lambda phase: mean_field(window, PARAMETERS, phase))
        for phase in range(4):
            static = mean_field(window, PARAMETERS, phase)
            np.testing.assert_allclose(traced(jnp.asarray(phase)), static, rtol=1e-14)


@pytest.mark.parametrize(("context", "bits"), [(1, 0), (1, 2), (3, 2), (6, 0), (6, 2)])
def test_any_context_length(plain_head, context, bits):
    weights = np.random.default_rng(0).choice([-1, 1], size=(4, 3, 40 + bits))
    mean_field = MeanField(Features.from_weights(weights, bits), context)
    assert (mean_field.map.length, mean_field.map.period) == (context, 2**bits)
    random = np.random.default_rng(1)
    rows = list(random.uniform(-1, 1, size=(context, 3)))
    state = mean_field.start_from_window(PARAMETERS, rows[::-1], position=5)
    orbit = trajectory(mean_field.map, state, PARAMETERS, 7)
    for i in range(7):
        rows.append(
            plain_head(weights, bits, rows[: -context - 1 : -1], PARAMETERS, 5 + i)
        )
    np.testing.assert_allclose(orbit, rows[context:], atol=1e-11)


def test_context_is_once_round_the_positions_by_default():
    assert MeanField(Features.paper()).length == 4
    assert MeanField(Features.random_segments(2, 0, random_state=0)).length == 1


def test_equal_mean_fields_are_one_to_a_cache():
    mean_field = MeanField(Features.paper())
    copy = pickle.loads(pickle.dumps(mean_field))
    assert copy.map == mean_field.map
    assert hash(copy.map) == hash(mean_field.map)
    assert MeanField(Features.paper(), 3).map != mean_field.map


def test_derivatives_are_those_of_the_map():
    mean_field = MeanField(Features.paper())
    with jax.enable_x64(True):
        window = jnp.asarray(np.random.default_rng(0).uniform(-0.1, 0.1, size=(4, 3)))
        along = jnp.asarray(np.random.default_rng(1).normal(size=(4, 3)))

        def at(h):
            return mean_field(window + h * along, PARAMETERS, 2)

        tangent = jax.jvp(at, (0.0,), (1.0,))[1]
        np.testing.assert_allclose(tangent, (at(1e-6) - at(-1e-6)) / 2e-6, rtol=1e-7)


def test_a_window_in_part_grows_as_the_tokens_come(plain_head):
    weights = np.random.default_rng(0).choice([-1, 1], size=(4, 3, 42))
    mean_field = MeanField(Features.from_weights(weights, 2))
    rows = list(np.random.default_rng(1).uniform(-1, 1, size=(2, 3)))
    state = mean_field.start_from_window(PARAMETERS, rows[::-1], position=3)
    assert int(state.phase) == 5 % 4
    for position in (3, 4):
        rows.append(plain_head(weights, 2, rows[::-1], PARAMETERS, position))
    np.testing.assert_allclose(state.window, rows[::-1], atol=1e-12)


def test_a_token_is_seen_until_it_leaves_the_window():
    weights = np.random.default_rng(0).choice([-1, 1], size=(4, 3, 42))
    mean_field = MeanField(Features.from_weights(weights, 2))
    # A token generated by an attention: the start from it is the one from that
    # attention.
    attention = np.array([0.3, -0.2, 0.5])
    means = np.tanh(PARAMETERS["beta"] * weights[0, :, :40].T @ attention)
    by_token = mean_field.start_from_token(
        PARAMETERS, semantic_overlaps(weights, means)
    )
    by_window = mean_field.start_from_window(PARAMETERS, attention[None], position=0)
    assert int(by_token.phase) == 0
    assert int(by_window.phase) == 3
    np.testing.assert_allclose(by_token.window[1:], by_window.window[:-1], atol=1e-12)


def test_starts_can_depend_on_traced_parameters():
    mean_field = MeanField(Features.paper())
    with jax.enable_x64(True):
        betas = jnp.array([1.1, 1.3, 1.5])

        def start(beta):
            return mean_field.start_from_pattern(
                {"beta": beta, "gamma": 127.0, "epsilon": 0.02}
            )

        lanes = jax.vmap(start)(betas)
        for lane, beta in enumerate(betas):
            alone = start(float(beta))
            np.testing.assert_allclose(lanes.window[lane], alone.window, rtol=1e-10)


def test_starts_from_plain_numbers_are_double_whatever_jax_is_set_to():
    state = MeanField(Features.paper()).start_from_pattern(PARAMETERS)
    assert isinstance(state, DelayState)
    assert state.window.dtype == np.float64
    assert jnp.zeros(1).dtype == np.float32


@pytest.mark.parametrize("bits", [0, 1, 3])
def test_a_prompt_carries_its_own_positional_columns(bits):
    """The published program prompts with the whole pattern, position and all."""
    weights = np.random.default_rng(bits).choice([-1, 1], (4, 3, 30 + bits))
    mean_field, epsilon = MeanField(Features.from_weights(weights, bits)), 0.3
    parameters = PARAMETERS | {"epsilon": epsilon}
    for row, kind in enumerate(KINDS):
        pattern = row % 3
        token, values = weights[row, pattern], weights[1]
        expected = (1 - epsilon) * values[:, :30] @ token[:30] / 30
        placed = expected.copy()
        if bits:
            expected += epsilon * values[:, 30:] @ token[30:] / bits
            placed += epsilon * -values[:, 30:].sum(axis=1) / bits  # 0 in binary
        prompt = mean_field.prompt(parameters, pattern, kind)
        np.testing.assert_allclose(prompt, expected, atol=1e-14)
        at_0 = mean_field.prompt(parameters, pattern, kind, position=0)
        np.testing.assert_allclose(at_0, placed, atol=1e-14)
        start = mean_field.start_from_pattern(parameters, pattern, kind)
        np.testing.assert_array_equal(start.window[-1], prompt)


def test_at_the_papers_weights_both_prompts_are_alike():
    mean_field = MeanField(Features.paper())
    starts = [mean_field.start_from_pattern(PARAMETERS, position=p) for p in (None, 0)]
    np.testing.assert_allclose(starts[0].window, starts[1].window, rtol=1e-15)


def test_pattern_and_kind_choose_the_prompt():
    mean_field = MeanField(Features.paper())
    features = mean_field.features
    for index, kind in enumerate(KINDS):
        prompt = mean_field.prompt(PARAMETERS | {"epsilon": 0.0}, 2, kind)
        np.testing.assert_allclose(
            prompt, features.correlations[1, :, index, 2], rtol=1e-14
        )


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda f: MeanField(Features.paper(), 0), "context"),
        (lambda f: f.start_from_pattern({"beta": 1.0, "gamma": 1.0}), '"epsilon"'),
        (
            lambda f: f.start_from_pattern(PARAMETERS | {"beta": np.nan}),
            "beta must be a finite",
        ),
        (
            lambda f: f.start_from_pattern(PARAMETERS | {"gamma": "big"}),
            "gamma must be a finite",
        ),
        (lambda f: f.start_from_pattern(PARAMETERS, 3), "pattern"),
        (
            lambda f: f.start_from_token(PARAMETERS, np.ones((3, 3))),
            "overlaps must be of shape",
        ),
        (
            lambda f: f.start_from_window(PARAMETERS, np.ones((5, 3))),
            "1 to 4 attentions, got 5",
        ),
        (
            lambda f: f.start_from_window(PARAMETERS, np.ones((0, 3))),
            "1 to 4 attentions, got 0",
        ),
        (lambda f: f.start_from_window(PARAMETERS, np.full((1, 3), np.inf)), "finite"),
        (
            lambda f: f.overlaps(np.ones((2, 2)), PARAMETERS, 0),
            "attention must be of shape",
        ),
    ],
)
def test_bad_input_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call(MeanField(Features.paper()))
