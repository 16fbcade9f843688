"""Runs as short as the authors' program's beside its exponents."""

import jax
import numpy as np
import pytest
import xarray as xr

from isinglass.dynamics import Kind
from isinglass.dynamics._lanes import PILOT_BLOCKS
from isinglass.dynamics._runner import runner_of
from isinglass.experiments.meanfield.program import (
    PROGRAM_EXPONENTS,
    PROGRAM_STEPS,
    PROGRAM_TRANSIENT,
    SETTLING,
    TANGENTS,
    compare_exponent,
    compare_with_program,
    matched_lengths,
    perturbed,
)
from isinglass.experiments.meanfield.setting import mean_field, parameters, start
from isinglass.reproduce import Context, Ledger, Verdict


def compared(ours, program, tangents=TANGENTS):
    ledger = Ledger("meanfield-trajectories", "six β")
    compare_exponent(ledger, "λ₁", np.array(ours), program, tangents)
    (row,) = ledger.rows
    return row


def rows(beta, leading, kinds):
    """Of members with these λ₁ and kinds, the other exponents being the program's."""
    exponents = np.tile(PROGRAM_EXPONENTS[beta], (len(leading), 1))
    exponents[:, 0] = leading
    runs = xr.Dataset(
        {"exponents": (("start", "exponent"), exponents), "kind": ("start", kinds)},
        {"beta": beta},
    )
    ledger = Ledger("meanfield-trajectories", "six β")
    compare_with_program(ledger, runs, PROGRAM_EXPONENTS[beta])
    return {row.quantity: row for row in ledger.rows}


def test_the_programs_exponents_descend():
    for exponents in PROGRAM_EXPONENTS.values():
        assert len(exponents) == 12
        assert (np.diff(exponents) < 0).all()


def test_members_of_the_matched_ensemble_are_the_published_start_to_twelve_digits():
    with jax.enable_x64(True):
        state = perturbed(Context(seeds=range(4)))(parameters(1.4))
        windows = np.asarray(state.window)
        published = np.asarray(start(parameters(1.4)).window)

    np.testing.assert_array_equal(windows[0], published)
    np.testing.assert_allclose(
        windows, np.broadcast_to(published, (4, 4, 3)), rtol=1e-12
    )
    assert all((windows[i] != windows[j]).any() for i in range(4) for j in range(i))


def test_the_measured_stretch_begins_where_the_programs_did():
    with jax.enable_x64(True):
        block = runner_of(mean_field().map, start(parameters(1.4))).block
    lengths = matched_lengths()
    done = mean_field().length - 1 + lengths.transient + PILOT_BLOCKS * block

    assert lengths.transient % block == 0
    assert PILOT_BLOCKS * block == SETTLING
    assert abs(done - PROGRAM_TRANSIENT) < block
    assert lengths.steps == PROGRAM_STEPS


def test_single_exponents_and_their_sum_are_compared():
    chaotic = rows(1.4, [0.073, 0.074, 0.075, 0.076, 0.077], [Kind.CHAOTIC] * 5)
    torus = rows(1.255, [-1e-3, 1e-3, 2e-3, 0, 0], [Kind.QUASI_PERIODIC] * 5)

    names = ("λ₁", "λ₂", "λ₃", "sum of all exponents")
    assert list(chaotic) == [f"β = 1.4, {name}, matched short runs" for name in names]
    for index, row in enumerate(list(chaotic.values())[:3]):
        assert row.paper == PROGRAM_EXPONENTS[1.4][index]
    assert list(chaotic.values())[3].paper == pytest.approx(sum(PROGRAM_EXPONENTS[1.4]))
    # 0.0008: no run of 2,000 steps tells it from zero.
    verdict = torus["β = 1.255, λ₁, matched short runs"].verdict
    assert verdict is Verdict.NOT_COMPARABLE


def test_members_of_another_kind_are_not_compared():
    kinds = [Kind.CHAOTIC] * 3 + [Kind.PERIODIC] + [Kind.CHAOTIC] * 2
    row = rows(1.4, [0.074, 0.075, 0.076, -0.5, 0.077, 0.0755], kinds)[
        "β = 1.4, λ₁, matched short runs that are chaotic"
    ]

    assert row.n == 5
    assert row.ours == pytest.approx(0.0755)
    assert row.verdict is Verdict.IN_INTERVAL


def test_an_exponent_far_from_the_programs_differs():
    assert compared([0.07, 0.071, 0.072, 0.071, 0.07], 0.2).verdict is Verdict.DIFFERS


def test_the_first_tangents_excuse_single_exponents_but_not_their_sum():
    ours = [0.0999, 0.1, 0.1001, 0.1, 0.1]
    single, total = (compared(ours, 0.1015, tangents) for tangents in (TANGENTS, 0.0))

    assert single.verdict is Verdict.ONE_RUN
    assert "ln 100 / 2,000" in single.rule
    assert "identity" in single.rule
    assert total.verdict is Verdict.DIFFERS


@pytest.mark.parametrize(
    ("spread", "verdict"),
    [(0.004, Verdict.IN_INTERVAL), (0.04, Verdict.NOT_COMPARABLE)],
)
def test_no_verdict_where_single_runs_scatter_by_half_of_the_value(spread, verdict):
    row = compared(0.08 + spread * np.linspace(-1, 1, 8), 0.08)

    assert row.verdict is verdict
    assert ("scatter too widely" in row.rule) == (verdict is Verdict.NOT_COMPARABLE)


def test_what_only_the_first_tangents_blur_is_not_blamed_on_scatter():
    row = compared([1e-5, 2e-5, 3e-5, 2e-5, 2e-5], 8e-4)

    assert row.verdict is Verdict.NOT_COMPARABLE
    assert "depend too much on their tangents to tell" in row.rule


@pytest.mark.parametrize("starts", [1, 4])
def test_few_starts_pass_no_verdict(starts):
    assert compared([0.07] * starts, 0.07).verdict is Verdict.TOO_FEW
