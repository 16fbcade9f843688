import jax
import numpy as np
import pytest

from helpers.experiments import measure, parts, rows_of, tell
from isinglass.dynamics import Kind
from isinglass.experiments.meanfield import lifetimes, trajectories
from isinglass.experiments.meanfield.program import PROGRAM_EXPONENTS, Lengths
from isinglass.experiments.meanfield.setting import SIX_BETAS, parameters, start
from isinglass.reproduce import Context

SHORT = Lengths(400, 600, 512)


@pytest.fixture(scope="module")
def measured():
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(trajectories.SETTINGS, "quick", SHORT)
        patch.setattr(trajectories, "matched_lengths", lambda: SHORT)
        patch.setitem(lifetimes.SETTINGS, "quick", lifetimes.Trials(16, 6000))
        yield measure(trajectories, seeds=3)


def with_kinds(measured, run, beta, kinds):
    """The same measurement, with other kinds in some runs."""
    kind = measured.kind.copy(deep=True)
    kind.loc[{"run": run, "beta": beta}] = np.array(kinds)
    return measured.assign(kind=kind)


def test_the_first_start_is_the_published_one_and_the_others_are_random():
    with jax.enable_x64(True):
        starts, again, other = (
            trajectories.published_and_random(context)(parameters(1.4)).window
            for context in (
                Context(seeds=range(3)),
                Context(seeds=range(2)),
                Context(seeds=range(3), seed=1),
            )
        )
        published = start(parameters(1.4)).window

    assert starts.shape == (3, 4, 3)
    np.testing.assert_array_equal(starts[0], published)
    np.testing.assert_array_equal(again, starts[:2])
    assert (starts[1] != starts[2]).all()
    assert (other[1:] != starts[1:]).all()


def test_a_short_measurement_finds_a_torus_below_and_chaos_above(measured):
    runs = measured.sel(run="long")
    torus, chaos = runs.sel(beta=1.255), runs.sel(beta=1.28)

    assert measured.exponents.shape == (2, 3, 6, 12)
    assert np.abs(torus.exponents[:, 0]).max() < 0.01
    assert chaos.exponents[:, 0].min() > 0.05
    assert (chaos.kind == Kind.CHAOTIC).all()


def test_contraction_of_volumes_is_that_of_the_authors_program(measured):
    ours = measured.exponents.sel(run="long", beta=1.255).sum("exponent")

    assert ours.values == pytest.approx(
        np.full(3, sum(PROGRAM_EXPONENTS[1.255])), rel=0.01
    )


def test_exponents_are_of_the_starts_that_reached_the_commonest_kind(measured):
    kinds = (Kind.CHAOTIC, Kind.CHAOTIC, Kind.QUASI_PERIODIC)
    views = tell(trajectories, with_kinds(measured, "long", 1.4, kinds))

    row = rows_of(views)["β = 1.4, λ₁ where chaotic, long run"]
    assert row.n == 2
    exponents = measured.exponents.sel(run="long", beta=1.4)
    assert row.ours == pytest.approx(exponents[:2, 0].mean().item())
    reached = rows_of(views)["β = 1.4, starts whose attractor is chaotic"]
    assert reached.ours == pytest.approx(200 / 3)


def test_chaos_outlasts_the_programs_run_from_some_starts_and_not_from_others(measured):
    steps = measured.lifetime.values
    assert np.isfinite(steps).mean() > 0.5
    assert steps.min() < 2000 < np.max(steps)
    assert (
        "How long chaos lasts at β = 1.27: of 16"
        in tell(trajectories, measured).findings
    )


def test_figures_and_findings_are_of_what_was_measured(measured):
    views = tell(trajectories, measured)

    assert parts(views) == ["", "exponents"]
    assert all(f"β = {beta}: " in views.findings for beta in SIX_BETAS)


def test_findings_name_the_betas_whose_short_runs_are_of_another_kind(measured):
    chaos = measured.assign(kind=measured.kind * 0 + int(Kind.CHAOTIC))
    kinds = (Kind.CHAOTIC, Kind.UNDECIDED, Kind.CHAOTIC)
    mixed = with_kinds(chaos, "short", 1.27, kinds)

    same, other = (tell(trajectories, runs).findings for runs in (chaos, mixed))
    assert (
        "short as the program's from its start are of the kind of the long run" in same
    )
    assert (
        "not all runs are of the kind of the long run from that start: β = 1.27: "
        in other
    )
    assert "β = 1.255: " not in other.split("from that start")[1]
