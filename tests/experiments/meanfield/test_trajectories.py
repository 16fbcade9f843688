"""The six β: starts, dimensions, how attractors are told apart, and a short measurement."""

import jax
import numpy as np
import pytest

from isinglass.dynamics import Kind
from isinglass.dynamics._flow import flow_of
from isinglass.dynamics._lanes import PILOT_BLOCKS
from isinglass.experiments.meanfield import trajectories as experiment
from isinglass.experiments.meanfield.setting import (
    PROGRAM_EXPONENTS,
    PROGRAM_STEPS,
    PROGRAM_TRANSIENT,
    SIX_BETAS,
    mean_field,
    parameters,
    start,
)
from isinglass.experiments.meanfield.trajectories import Lengths, Measured
from isinglass.reproduce.experiment import Context
from isinglass.reproduce.ledger import Verdict

SHORT = Lengths(400, 600, 512)


@pytest.fixture(scope="module")
def measured() -> Measured:
    context = Context(seeds=3)
    return experiment._measure(context, "short", SHORT, experiment._Starts(context))


def made(kind: Kind, period: int, sums: list[float], leading: float = 0.0) -> Measured:
    """A measurement of one β with these contraction rates."""
    n = len(sums)
    exponents = np.array([[[leading, total - leading]] for total in sums])
    return Measured(
        np.full((n, 1), kind),
        np.full((n, 1), period),
        np.ones((n, 1)),
        exponents,
        np.zeros_like(exponents),
        np.zeros((n, 1, 4, 3)),
    )


def test_the_first_start_is_the_published_one_and_the_others_are_random() -> None:
    with jax.enable_x64(True):
        starts, again, other = (
            experiment._Starts(context)(parameters(1.4)).window
            for context in (
                Context(seeds=3),
                Context(seeds=2),
                Context(seeds=3, seed=1),
            )
        )
        published = start(parameters(1.4)).window

    assert starts.shape == (3, 4, 3)
    np.testing.assert_array_equal(starts[0], published)
    np.testing.assert_array_equal(again, starts[:2])
    assert (starts[1] != starts[2]).all()
    assert (other[1:] != starts[1:]).all()


def test_a_short_measurement_finds_a_torus_below_and_chaos_above(
    measured: Measured,
) -> None:
    torus, chaos = SIX_BETAS.index(1.255), SIX_BETAS.index(1.28)

    assert measured.exponents.shape == (3, 6, 12)
    assert np.abs(measured.exponents[:, torus, 0]).max() < 0.01
    assert measured.exponents[:, chaos, 0].min() > 0.05
    assert (measured.kind[:, chaos] == Kind.CHAOTIC).all()


def test_contraction_of_volumes_is_that_of_the_authors_program(
    measured: Measured,
) -> None:
    ours = measured.exponents[:, SIX_BETAS.index(1.255)].sum(axis=-1)

    assert ours == pytest.approx(np.full(3, sum(PROGRAM_EXPONENTS[1.255])), rel=0.01)


def test_members_of_the_matched_ensemble_are_the_published_start_to_twelve_digits() -> (
    None
):
    with jax.enable_x64(True):
        windows = np.asarray(experiment._Ensemble(4)(parameters(1.4)).window)
        published = np.asarray(start(parameters(1.4)).window)

    np.testing.assert_array_equal(windows[0], published)
    np.testing.assert_allclose(
        windows, np.broadcast_to(published, (4, 4, 3)), rtol=1e-12
    )
    assert all((windows[i] != windows[j]).any() for i in range(4) for j in range(i))


def test_the_measured_stretch_begins_where_the_programs_did() -> None:
    with jax.enable_x64(True):
        block = flow_of(mean_field().map, start(parameters(1.4))).block
    lengths = experiment._matched_lengths()
    done = mean_field().length - 1 + lengths.transient + PILOT_BLOCKS * block

    assert lengths.transient % block == 0
    assert PILOT_BLOCKS * block == experiment.SETTLING
    assert abs(done - PROGRAM_TRANSIENT) < block
    assert lengths.steps == PROGRAM_STEPS


def ensemble(measured: Measured, kinds: list[Kind], leading: list[float]) -> Measured:
    """Members with these kinds and λ₁ at β = 1.4, the other exponents the program's."""
    column = SIX_BETAS.index(1.4)
    kind, exponents = measured.kind.copy(), measured.exponents.copy()
    kind[:, column] = kinds
    exponents[:, column] = PROGRAM_EXPONENTS[1.4]
    exponents[:, column, 0] = leading
    return measured._replace(kind=kind, exponents=exponents)


def test_rows_compare_with_the_program_at_its_three_betas(measured: Measured) -> None:
    alike = measured._replace(kind=np.tile(measured.kind[:1], (3, 1)))
    rows = {row.quantity: row for row in experiment._program_rows(alike)}

    assert len(rows) == 4 * len(PROGRAM_EXPONENTS)
    assert rows["β = 1.4, λ₁, matched short runs"].paper == PROGRAM_EXPONENTS[1.4][0]
    assert (
        rows["β = 1.266, λ₂, matched short runs"].paper == PROGRAM_EXPONENTS[1.266][1]
    )
    # 0.0008: no run of 2,000 steps tells it from zero.
    assert rows["β = 1.255, λ₁, matched short runs"].verdict is Verdict.INCOMPARABLE


def test_members_of_another_kind_are_not_compared(measured: Measured) -> None:
    kinds = [Kind.CHAOTIC, Kind.PERIODIC, Kind.CHAOTIC]
    rows = experiment._program_rows(ensemble(measured, kinds, [0.074, -0.5, 0.077]))

    quantity = "β = 1.4, λ₁, matched short runs that are chaotic"
    row = next(row for row in rows if row.quantity == quantity)
    assert row.n == 2
    assert row.ours == pytest.approx(0.0755)
    assert row.verdict is Verdict.REPRODUCED


def test_an_exponent_far_from_the_programs_differs() -> None:
    row = experiment._program_row(
        "λ₁", np.array([0.07, 0.071, 0.072]), 0.2, experiment.TANGENTS
    )

    assert row.verdict is Verdict.DIFFERS


def test_the_first_tangents_excuse_single_exponents_but_not_their_sum() -> None:
    ours = np.array([0.0999, 0.1, 0.1001])
    single = experiment._program_row("λ₁", ours, 0.1015, experiment.TANGENTS)
    total = experiment._program_row("sum", ours, 0.1015, 0.0)

    assert single.verdict is Verdict.REPRODUCED
    assert "ln 100 / 2,000" in single.rule
    assert "identity" in single.rule
    assert total.verdict is Verdict.DIFFERS


@pytest.mark.parametrize(
    ("spread", "verdict"), [(0.004, Verdict.REPRODUCED), (0.04, Verdict.INCOMPARABLE)]
)
def test_no_verdict_where_single_runs_scatter_by_half_of_the_value(
    spread: float, verdict: Verdict
) -> None:
    ours = 0.08 + spread * np.linspace(-1, 1, 8)
    row = experiment._program_row("λ₁", ours, 0.08, experiment.TANGENTS)

    assert row.verdict is verdict
    assert ("scatter too widely" in row.rule) == (verdict is Verdict.INCOMPARABLE)


def test_what_only_the_first_tangents_blur_is_not_blamed_on_scatter() -> None:
    ours = np.array([1e-5, 2e-5, 3e-5])
    row = experiment._program_row("λ₁", ours, 8e-4, experiment.TANGENTS)

    assert row.verdict is Verdict.INCOMPARABLE
    assert "depend too much on their tangents to tell" in row.rule


def test_one_start_alone_passes_no_verdict() -> None:
    row = experiment._program_row("λ₁", np.array([0.07]), 0.07, experiment.TANGENTS)

    assert row.verdict is Verdict.INCOMPARABLE


def test_figures_and_findings_are_of_what_was_measured(measured: Measured) -> None:
    figures = [
        experiment._orbits(measured, SHORT),
        experiment._spectra(measured, measured, SHORT),
    ]
    found = experiment._findings(measured, measured, SHORT)

    assert len({figure.name for figure in figures}) == 2
    assert all(f"β = {beta}: " in found for beta in SIX_BETAS)


def test_findings_name_the_betas_whose_short_runs_are_of_another_kind(
    measured: Measured,
) -> None:
    kind = np.full_like(measured.kind, Kind.CHAOTIC)
    chaos, mixed = measured._replace(kind=kind), measured._replace(kind=kind.copy())
    mixed.kind[1, SIX_BETAS.index(1.27)] = Kind.UNDECIDED
    same = experiment._findings(chaos, chaos, SHORT)
    other = experiment._findings(mixed, chaos, SHORT)

    assert (
        "short as the program's from its start are of the kind of the long run" in same
    )
    assert (
        "not all runs are of the kind of the long run from that start: β = 1.27: "
        in other
    )


@pytest.mark.parametrize(
    ("kind", "period", "sums", "count"),
    [
        (Kind.QUASI_PERIODIC, 0, [-5.746, -5.745, -6.663], 2),
        (Kind.PERIODIC, 28, [-8.487, -8.488, -8.487], 1),
        (Kind.CHAOTIC, 0, [-11.0, -18.0, -15.0], 1),
    ],
)
def test_attractors_are_told_apart_by_contraction_but_chaos_is_one(
    kind: Kind, period: int, sums: list[float], count: int
) -> None:
    assert experiment._attractors(made(kind, period, sums), 0) == count


def test_cycles_of_different_periods_are_different_attractors() -> None:
    one = made(Kind.PERIODIC, 28, [-8.5, -8.5])
    one.period[1] = 56

    assert experiment._attractors(one, 0) == 2


def test_a_torus_has_dimension_one_and_chaos_that_of_kaplan_and_yorke() -> None:
    torus = made(Kind.QUASI_PERIODIC, 0, [-0.5], leading=-1e-6)
    chaos = made(Kind.CHAOTIC, 0, [-0.3], leading=0.1)
    cycle = made(Kind.PERIODIC, 4, [-0.3], leading=-0.1)

    assert experiment._dimensions(torus, 0) == 1
    assert experiment._dimensions(chaos, 0) == pytest.approx(1 + 0.1 / 0.4)
    assert experiment._dimensions(cycle, 0) == 0


def test_exponents_are_of_the_starts_that_reached_the_commonest_kind(
    measured: Measured,
) -> None:
    kind = measured.kind.copy()
    kind[:, -1] = (Kind.CHAOTIC, Kind.CHAOTIC, Kind.QUASI_PERIODIC)
    rows = experiment._exponent_rows(measured._replace(kind=kind), SHORT)

    row = next(
        row for row in rows if row.quantity == "β = 1.4, λ₁ where chaotic, long run"
    )
    assert row.n == 2
    assert row.ours == pytest.approx(measured.exponents[:2, -1, 0].mean())
