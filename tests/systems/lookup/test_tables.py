"""Tables of bits: the program's arrays, and the laws of their gradient."""

from functools import partial
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from isinglass.systems.lookup import (
    ExtendedDifference,
    addresses,
    conditional_sum,
    group_sums,
    input_slopes,
    look_up,
    spins,
    walsh_modes,
)
from isinglass.systems.lookup.difference import FINITE, PAPER, PROGRAM

ORACLES = Path(__file__).parent / "oracles"
SEEDS = st.integers(0, 2**32 - 1)
EXACT = 1e-12

exactly = pytest.mark.usefixtures("double_precision")


@partial(jax.jit, static_argnames="difference")
def pulled(bits, tables, wiring, cotangent, difference=PROGRAM):
    """Outputs, and the gradient by bits and tables."""
    outputs, pull = jax.vjp(
        lambda bits, tables: look_up(bits, tables, wiring, difference), bits, tables
    )
    return outputs, *pull(cotangent)


def by_hand(tables, weights):
    """G_l[a] by its sum over all addresses."""
    arity = len(weights)
    a, k = np.arange(2**arity)[:, None], np.arange(2**arity)
    slopes = np.zeros((len(tables), arity, 2**arity))
    for place in range(arity):
        others = np.bitwise_count((a ^ k) & ~(1 << place))
        signs = np.where(k >> place & 1, 1, -1)
        slopes[:, place] = tables @ (signs * weights[others]).T
    return slopes


@pytest.mark.parametrize("seed", [0, 1])
def test_the_program_gives_the_same(seed):
    x = np.load(ORACLES / f"layer_s{seed}.npz", allow_pickle=False)
    parts = x["layer_input"], x["luts1"], x["layer_mapping"], x["layer_cotangent"]
    bits = parts[0].astype(np.float32)
    outputs, by_bits, by_tables = pulled(*map(jnp.asarray, (bits, *parts[1:])))
    np.testing.assert_array_equal(outputs, x["layer_output"])
    np.testing.assert_allclose(by_bits, x["layer_input_grad"], atol=1e-6)
    np.testing.assert_allclose(by_tables, x["layer_luts_grad"], atol=1e-6)


def test_weights_are_those_of_the_program():
    for name in ("layer_s0", "layer_s1"):
        x = np.load(ORACLES / f"{name}.npz", allow_pickle=False)
        arity = int(x["n"])
        geometric = x["alpha"] * x["beta"] ** np.arange(arity)
        np.testing.assert_allclose(PROGRAM.weights(arity), geometric, rtol=EXACT)
    np.testing.assert_array_equal(PAPER.weights(3), [1, 1 / 2, 1 / 3])
    np.testing.assert_array_equal(FINITE.weights(3), [1, 0, 0])


@exactly
@pytest.mark.parametrize("arity", [1, 2, 5, 8])
@pytest.mark.parametrize("difference", [PROGRAM, PAPER, FINITE])
def test_slopes_are_the_sums_over_all_addresses(arity, difference):
    """By one product of up to 7 bits, and by two transforms beyond."""
    tables = np.random.default_rng(arity).uniform(-1, 1, (3, 2**arity))
    slopes = input_slopes(jnp.asarray(tables), difference)
    expected = by_hand(tables, difference.weights(arity))
    np.testing.assert_allclose(slopes, expected, atol=EXACT)


def multilinear(table, chances):
    """The mean of a table whose bits are set by independent chances."""
    for p in chances[::-1]:  # the last bit is the highest
        half = len(table) // 2
        table = (1 - p) * table[:half] + p * table[half:]
    return table[0]


@exactly
@settings(max_examples=30)
@given(SEEDS, st.floats(0, 1), st.integers(1, 6))
def test_a_thermal_difference_is_the_slope_of_the_heated_table(seed, rho, arity):
    rng = np.random.default_rng(seed)
    table = rng.uniform(-1, 1, 2**arity)
    address = int(rng.integers(2**arity))
    difference = ExtendedDifference(rho=rho)
    slopes = np.asarray(input_slopes(jnp.asarray(table[None]), difference))[
        0, :, address
    ]
    up = (address >> np.arange(arity)) & 1
    heated = np.where(up, (1 + rho) / 2, (1 - rho) / 2)
    for place in range(arity):
        ends = []
        for value in (1.0, 0.0):
            chances = heated.copy()
            chances[place] = value
            ends.append(multilinear(table, chances))
        assert slopes[place] == pytest.approx(0.5 * (ends[0] - ends[1]), abs=EXACT)


@exactly
@pytest.mark.parametrize("rho", [0.0, 0.5, 1.0])
def test_a_mode_of_m_bits_is_damped_by_rho_to_the_m_less_1(rho):
    arity = 5
    for mode in range(2**arity):
        signs = [
            np.prod([1 if a >> i & 1 else -1 for i in range(arity) if mode >> i & 1])
            for a in range(2**arity)
        ]
        table = jnp.array([signs], float)
        modes = np.asarray(walsh_modes(table))[0]
        np.testing.assert_allclose(modes, np.eye(2**arity)[mode], atol=EXACT)
        slopes = np.asarray(input_slopes(table, ExtendedDifference(rho=rho)))[0]
        bare = np.asarray(input_slopes(table, ExtendedDifference(rho=1.0)))[0]
        size = bin(mode).count("1")
        np.testing.assert_allclose(slopes, rho ** max(size - 1, 0) * bare, atol=EXACT)


@exactly
@settings(max_examples=20)
@given(SEEDS, st.integers(1, 9))
def test_modes_have_the_length_of_their_table(seed, arity):
    """So that a penalty of all modes is one of all entries."""
    tables = np.random.default_rng(seed).uniform(-1, 1, (2, 2**arity))
    modes = np.asarray(walsh_modes(jnp.asarray(tables)))
    np.testing.assert_allclose((modes**2).sum(1), (tables**2).mean(1), rtol=1e-10)


def test_the_plain_difference_is_what_one_flip_changes():
    rng = np.random.default_rng(3)
    tables, address = rng.uniform(-1, 1, (4, 2**6)), np.arange(2**6)
    slopes = np.asarray(input_slopes(jnp.asarray(tables, jnp.float32), FINITE))
    for place in range(6):
        up, down = address | 1 << place, address & ~(1 << place)
        changes = tables[:, up] - tables[:, down]
        np.testing.assert_allclose(slopes[:, place], changes, atol=1e-6)


def drawn(seed, arity=4, tables=7, inputs=9, batch=5):
    rng = np.random.default_rng(seed)
    bits = (rng.random((batch, inputs)) < 0.5).astype(float)
    wiring = np.stack([rng.permutation(inputs)[:arity] for _ in range(tables)])
    cotangent = rng.standard_normal((batch, tables))
    return bits, rng.uniform(-1, 1, (tables, 2**arity)), wiring, cotangent


@exactly
@settings(max_examples=20)
@given(SEEDS)
def test_a_table_whose_inputs_are_exchanged_with_its_entries_is_the_same(seed):
    bits, tables, wiring, cotangent = drawn(seed)
    order = np.random.default_rng(seed).permutation(4)
    a = np.arange(16)
    moved = sum((a >> new & 1) << old for new, old in enumerate(order))
    plain = pulled(*map(jnp.asarray, (bits, tables, wiring, cotangent)))
    turned = pulled(
        *map(jnp.asarray, (bits, tables[:, moved], wiring[:, order], cotangent))
    )
    np.testing.assert_array_equal(turned[0], plain[0])
    np.testing.assert_allclose(turned[1], plain[1], atol=EXACT)
    np.testing.assert_allclose(turned[2], plain[2][:, moved], atol=EXACT)


@exactly
@settings(max_examples=20)
@given(SEEDS)
def test_an_entry_learns_what_arrives_at_its_address(seed):
    bits, tables, wiring, cotangent = drawn(seed)
    where = np.asarray(addresses(jnp.asarray(bits), jnp.asarray(wiring)))
    by_hand = (bits[:, wiring] * 2 ** np.arange(4)).sum(-1)
    np.testing.assert_array_equal(where, by_hand)
    expected = np.zeros_like(tables)
    for row, g in zip(where, cotangent, strict=True):
        expected[np.arange(7), row] += g
    learned = pulled(*map(jnp.asarray, (bits, tables, wiring, cotangent)))[2]
    np.testing.assert_allclose(learned, expected, atol=EXACT)


def test_a_step_passes_its_gradient_on():
    outputs = jnp.array([-0.5, 0.0, 0.3])
    up, pull = jax.vjp(spins, outputs)
    np.testing.assert_array_equal(up, [0, 0, 1])
    np.testing.assert_array_equal(pull(jnp.array([1.0, 2.0, 3.0]))[0], [1, 2, 3])


@exactly
@settings(max_examples=20)
@given(SEEDS)
def test_a_conditional_sum_adds_rows(seed):
    rng = np.random.default_rng(seed)
    bits, weights = rng.random((3, 6)) < 0.5, rng.standard_normal((6, 2))
    rows = [weights[up].sum(0) for up in bits]
    numbers, weights = jnp.asarray(bits, float), jnp.asarray(weights)
    sums = conditional_sum(jnp.asarray(bits), weights)
    np.testing.assert_allclose(sums, rows, atol=EXACT)
    by_bits = jax.grad(lambda b: conditional_sum(b, weights).sum())(numbers)
    np.testing.assert_allclose(by_bits, [weights.sum(1)] * 3, atol=EXACT)


def test_tables_of_whole_numbers_answer_in_floating_ones():
    signs = jnp.array([[1, -1, -1, 1]])
    outputs = look_up(jnp.array([[0, 1]]), signs, jnp.array([[0, 1]]))
    assert outputs.dtype == jnp.float32
    np.testing.assert_array_equal(outputs, [[-1]])


def test_groups_are_consecutive():
    sums = group_sums(jnp.array([[1.0, 1, 0, 0, 1, 0]]), 3, 0.5)
    np.testing.assert_array_equal(sums, [[4, 0, 2]])


def test_tables_of_12_bits_have_slopes_and_of_13_are_refused():
    tables = np.random.default_rng(0).uniform(-1, 1, (1, 2**12))
    slopes = np.asarray(input_slopes(jnp.asarray(tables, jnp.float32), FINITE))
    half = tables.reshape(2, -1)
    np.testing.assert_allclose(slopes[0, 11, :2048], half[1] - half[0], atol=2e-6)
    with pytest.raises(ValueError, match="tables must be of shape"):
        input_slopes(jnp.zeros((1, 2**13)))
