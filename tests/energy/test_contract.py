"""What is asked of every energy, tried on all of them."""

from functools import cache

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from helpers.energy_cases import CASES, draw, draw_jax, finite_difference

pytestmark = pytest.mark.usefixtures("double")


def case_of(*cases):
    return pytest.mark.parametrize("case", cases, ids=lambda case: case.name)


every = case_of(*CASES)
streaming = case_of(*(case for case in CASES if case.streams))
kinds = pytest.mark.parametrize("kind", [np.asarray, jnp.asarray])


def parameters(case):
    return tuple(map(jnp.asarray, case.parameters))


def both(case, state, patterns, **options):
    """Energies and forces as arrays of NumPy."""
    at = (state, patterns, *parameters(case))
    return tuple(np.asarray(f(*at, **options)) for f in (case.energy, case.force))


@cache
def program(case, block=None):
    """Energies and forces, compiled once for all problems of a size."""
    options = {} if block is None else {"block": block}
    return jax.jit(
        lambda *at: (case.energy(*at, **options), case.force(*at, **options))
    )


def in_one(case, state, patterns, block=None):
    """What `both` gives, of one program."""
    at = (*map(jnp.asarray, (state, patterns)), *parameters(case))
    return tuple(map(np.asarray, program(case, block)(*at)))


@cache
def solution(case):
    """Energies and forces of one problem, with which many tests compare."""
    with jax.enable_x64(True):
        return in_one(case, *draw(0))


# In 16 bits, let alone 8, the squares of these overflow; of the size of `solution`.
LARGE = ([[100, 90, 3, 1]] * 3, [[1, 120, 100, 2]] * 4 + [[100, 100, 0, 1]] * 3)


@cache
def large_solution(case):
    """Energies and forces of large numbers in double precision."""
    with jax.enable_x64(True):
        return in_one(case, *(np.asarray(x, float) for x in LARGE))


def check(values, expected, rtol=1e-11):
    for value, target in zip(values, expected, strict=True):
        np.testing.assert_allclose(value, target, rtol=rtol, atol=rtol)


@every
def test_it_is_the_formula(case):
    energy, force = solution(case)
    assert (energy.dtype, force.dtype) == (np.float64, np.float64)
    check([energy], [jax.jit(case.plain)(*draw_jax(0), *parameters(case))])


@every
def test_the_force_is_minus_the_finite_difference(case):
    state, patterns = draw(0)

    def energies(rows):  # as many at a time as the program takes
        parts = np.split(np.asarray(rows), len(rows) // len(state))
        return np.concatenate([in_one(case, part, patterns)[0] for part in parts])

    difference = finite_difference(energies, state)
    check([-difference], [solution(case)[1]], rtol=1e-6)


@cache
def derivatives(case):
    """First ones of ours and the formula's, and, of the force, the next along a way."""
    at = (*draw_jax(0), *parameters(case))
    which, options = tuple(range(len(at))), {"block": 3} if case.streams else {}

    def plain_force(*at):
        return -jax.grad(lambda *a: case.plain(*a).sum())(*at)

    @jax.jit
    def compiled(*at):
        energies = (lambda *a: case.energy(*a, **options), case.plain)
        totals = [lambda *a, f=f: f(*a).sum() for f in energies]
        first = [jax.value_and_grad(total, which)(*at) for total in totals]
        if not case.streams:
            return first, None
        way = jax.tree.map(jnp.cos, at)
        forces = (lambda *a: case.force(*a, **options), plain_force)
        return first, [jax.jvp(force, at, way) for force in forces]

    return compiled(*at)


@every
def test_derivatives_by_all_arguments_are_those_of_the_formula(case):
    ((energy, ours), (plain_energy, plain)), _ = derivatives(case)
    check([energy, *ours], [plain_energy, *plain], 1e-10)
    check([-ours[0]], [solution(case)[1]], 1e-10)


@streaming
def test_the_derivative_of_the_force_is_the_second_of_the_formula(case):
    _, ((force, ours), (_, plain)) = derivatives(case)
    check([force], [solution(case)[1]])
    check([ours], [plain], 1e-10)


@streaming
def test_blocks_of_any_size_give_the_same(case):
    """Of one; those of three, and a rest, are those of the derivatives."""
    check(in_one(case, *draw(0), block=1), solution(case))


@streaming
def test_patterns_of_numpy_and_on_disk_give_the_same(case, tmp_path):
    state, patterns = draw(0)
    on_disk = np.memmap(tmp_path / "p", np.float64, "w+", shape=patterns.shape)
    on_disk[:] = patterns
    for rows in (patterns, on_disk):
        check(both(case, jnp.asarray(state), rows, block=3), solution(case))
    on_disk[3, 2] = np.nan
    for call in (case.energy, case.force):
        with pytest.raises(ValueError, match=f"{case.noun} must be finite"):
            call(jnp.asarray(state), on_disk, *parameters(case))


@every
def test_each_state_is_by_itself(case):
    state, patterns = draw_jax(0)
    energy, force = solution(case)

    def of_state(x):
        at = (x, patterns, *parameters(case))
        return case.energy(*at), case.force(*at)

    together, apart = jax.jit(lambda x: (of_state(x[:, None]), jax.vmap(of_state)(x)))(
        state
    )
    check(together, (energy[:, None], force[:, None]))
    check(apart, (energy, force))


@every
def test_its_symmetries(case):
    state, patterns = draw(0)
    energy, force = solution(case)
    turn = np.linalg.qr(np.random.default_rng(1).normal(size=(4, 4)))[0]
    images = {
        "order": (state, patterns[::-1], force),
        "rotation": (state @ turn, patterns @ turn, force @ turn),
        "translation": (state + 1, patterns + 1, force),
    }
    for name, (x, p, turned) in images.items():
        if name in case.symmetries:
            check(in_one(case, x, p), (energy, turned), 1e-10)


@every
@pytest.mark.parametrize("dtype", [np.float16, np.int8])
def test_short_numbers_are_computed_in_long_ones(case, dtype):
    state, patterns = (np.asarray(x, dtype) for x in LARGE)
    with jax.enable_x64(False):
        kind = np.asarray if dtype == np.int8 else jnp.asarray
        if case.name != "Ising" or dtype != np.int8:  # dipoles are floating-point
            short = both(case, jnp.asarray(state), kind(patterns))
            assert {x.dtype for x in short} == {np.dtype(np.float32)}
            check(short, large_solution(case), 1e-5)


@streaming
def test_states_times_patterns_are_never_formed(case):
    """Nor is any product taken with the short mantissa that GPUs take by default."""
    shapes = [jnp.zeros((size, 4)) for size in (200_000, 3_000)]
    for call in (case.energy, case.force):
        at = (*shapes, *parameters(case))
        program = str(jax.make_jaxpr(call)(*at))
        assert "200000,3000" not in program
        products = program.count("dot_general")
        assert program.count("precision=(Precision.HIGHEST,") >= products - 1


@every
@kinds
def test_what_has_no_energy_is_refused_by_name(case, kind):
    state, patterns = draw(0)
    bad = patterns.copy()
    bad[0, 1] = -np.inf
    refused = [
        (state, bad, rf"({case.noun}|layers.0.) must be finite"),
        (np.where(state > 0, state, np.nan), patterns, "must be finite, got NaN"),
    ]
    if case.name != "Ising":
        refused += [
            (state[:, :3], patterns, r"as many components as the .*, 4.*\(3, 3\)"),
            (state, patterns[:, :0], "must be one or more rows"),
        ]
    for x, p, message in refused:
        for call in (case.energy, case.force):
            with pytest.raises(ValueError, match=message):
                call(jnp.asarray(x), kind(p), *parameters(case))
