"""Arguments are refused by name, with what was given and what is accepted."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from isinglass._common.checks import (
    as_array,
    as_parameter,
    as_real_array,
    as_sign_array,
    check_finite,
    check_positive,
    check_real,
    check_seed,
    check_whole,
)

LARGE = 1 << 15  # numbers: finite ones are looked at where they lie


@pytest.mark.parametrize("size", [3, np.int64(3), np.uint8(200)])
def test_whole_numbers_pass(size):
    check_whole(3, size=size)


@pytest.mark.parametrize(
    "size",
    [2.5, 3.0, np.nan, np.inf, "3", [3], None, True, np.array(3), jnp.asarray(3)],
)
def test_what_is_no_whole_number_is_refused_by_name(size):
    with pytest.raises(ValueError, match="size must be a whole number of at least 3"):
        check_whole(3, other=4, size=size)


def test_too_small_is_refused_by_name():
    with pytest.raises(ValueError, match="size must be at least 3, got 2"):
        check_whole(3, other=3, size=2)


def test_too_large_is_refused_by_name():
    check_whole(size=2**31 - 1)
    for size, shown in ((2**31, "2,147,483,648"), (np.int64(2**40), "1,099,511")):
        with pytest.raises(
            ValueError, match=f"size must be at most 2,147.*, got {shown}"
        ):
            check_whole(size=size)
    with pytest.raises(
        ValueError, match=r"size must be at most .*, got one of 16,610 b"
    ):
        check_whole(size=10**5000)


def test_seeds_may_be_as_large_as_one_likes():
    check_seed(seed=10**400)
    for seed in (-1, 0.0, True, [1]):
        with pytest.raises(ValueError, match=r"seed must be .*at least 0, got"):
            check_seed(seed=seed)


@pytest.mark.parametrize("value", [1, np.int64(1), jnp.asarray(1), np.float16(0.5)])
def test_positive_numbers_pass(value):
    check_positive(beta=value)


@pytest.mark.parametrize(
    "value", [0, -1.0, np.nan, np.inf, None, "3", np.ones(2), jnp.ones(1)]
)
def test_what_is_not_positive_is_refused_by_name(value):
    with pytest.raises(ValueError, match="beta must be positive and finite, got"):
        check_positive(alpha=1, beta=value)


@pytest.mark.parametrize("kind", [np.asarray, jnp.asarray])
@pytest.mark.parametrize(("size", "shown"), [(3, r"\[0.0, nan, 0.0\]"), (LARGE, "NaN")])
def test_what_is_not_finite_is_refused_by_name(kind, size, shown):
    values = np.zeros(size, np.float32)
    check_finite(x=kind(values))
    check_finite(x=kind(values))
    values[1] = np.nan
    with pytest.raises(ValueError, match=f"x must be finite, got {shown}"):
        check_finite(x=kind(values))


@pytest.mark.parametrize("value", ["a", None, [[1.0], [1.0, 2.0]]])
def test_what_is_no_number_is_not_finite(value):
    with pytest.raises(ValueError, match="x must hold numbers, got"):
        check_finite(x=value)


def test_constants_of_traced_code_are_looked_at_and_its_arguments_are_not():
    def double(x, y):
        check_finite(x=x, y=y)
        check_positive(x=x)
        return 2 * x

    bad = jnp.full(LARGE, jnp.inf)
    assert jax.jit(lambda x: double(x, 1.0))(jnp.nan) != 1
    with pytest.raises(ValueError, match="y must be finite"):
        jax.jit(lambda x: double(x, bad))(1.0)


@pytest.mark.parametrize(
    ("value", "error", "shown"),
    [
        ([1.0], TypeError, "x must be an array of NumPy or JAX, got list"),
        (np.ones(2) * 1j, ValueError, "x must be real numbers, got complex128"),
        (jnp.ones(2, bool), ValueError, "x must be real numbers, got bool"),
    ],
)
def test_what_is_no_array_of_real_numbers_is_refused(value, error, shown):
    with pytest.raises(error, match=shown):
        check_real(x=value)


def test_a_real_array_is_a_copy():
    values = np.ones((2, 3))
    array = as_real_array("x", values, (None, 3))
    array[0, 0] = 5
    assert array.dtype == np.float64
    assert values[0, 0] == 1


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (np.ones(3), r"x must be of shape \(any, 3\), got \(3,\)"),
        (np.ones((3, 2)), r"x must be of shape \(any, 3\), got \(3, 2\)"),
        ([[1.0, np.inf, 0.0]], "x must be finite"),
        ([["a", "b", "c"]], "x must hold real numbers"),
        ([["1", "2", "3"]], "x must hold real numbers: words"),
        ([[1j, 0, 0]], "x must hold real numbers: complex"),
        ([[1.0], [1.0, 2.0]], "x must hold real numbers"),
    ],
)
def test_what_is_no_real_array_is_refused(value, shown):
    with pytest.raises(ValueError, match=shown):
        as_real_array("x", value, (None, 3))


def test_signs_take_a_byte_each():
    assert as_sign_array("x", [[1.0, -1.0]], (1, None)).dtype == np.int8
    with pytest.raises(ValueError, match=r"x must hold \+1 and -1 only"):
        as_sign_array("x", [[1, 0]], (1, None))
    with pytest.raises(ValueError, match=r"x must be of shape \(2, any\), got"):
        as_sign_array("x", [[1, -1]], (2, None))


def test_a_parameter_is_a_finite_number():
    assert as_parameter("beta", {"beta": jnp.asarray(2)}) == 2.0
    with pytest.raises(ValueError, match='parameters must hold "beta", got'):
        as_parameter("beta", {"gamma": 1.0})
    for value in (np.nan, "a", np.ones(2)):
        with pytest.raises(ValueError, match="beta must be a finite number, got"):
            as_parameter("beta", {"beta": value})


def test_lists_become_arrays_of_one_shape():
    values = np.ones(2)
    assert as_array("X", values) is values
    assert as_array("X", [[1, 2], [3, 4]]).shape == (2, 2)
    with pytest.raises(ValueError, match="X must hold inputs of one shape"):
        as_array("X", [[1, 2], [3]])
