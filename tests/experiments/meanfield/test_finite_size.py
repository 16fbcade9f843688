"""Networks beside their mean field: noise of one token, and fits of known laws."""

import jax
import numpy as np
import pytest
import xarray as xr

from helpers.experiments import measure
from isinglass.experiments.meanfield import finite_size as experiment
from isinglass.experiments.meanfield.finite_size import (
    BETAS,
    CHAOTIC,
    CLOCK,
    DRAWN,
    DRAWN_SIZES,
    SIZES,
    STEPS,
    TIMES,
    Beside,
    Orbit,
)
from isinglass.experiments.meanfield.setting import mean_field, parameters
from isinglass.reproduce import Ledger, Verdict
from isinglass.reproduce.views import text
from isinglass.systems.meanfield import (
    NetworkTrajectory,
    Prompt,
    SelfAttentionNetwork,
)

STARTS = 3


@pytest.fixture(scope="module")
def orbit() -> Orbit:
    return experiment.orbit_of(CHAOTIC, 1)


def synthetic(exponent: float = -0.5, leading: float = 0.1) -> xr.Dataset:
    """Errors that fall with N as a power; at the chaotic β they grow as e^(λ₁ t)."""
    random = np.random.default_rng(0)
    shape = (STARTS, len(BETAS), len(SIZES))
    errors = SIZES[:, None] ** exponent * np.ones((*shape, STEPS))
    growth = np.exp(leading * np.arange(STEPS))
    chaotic = list(BETAS).index(CHAOTIC)
    errors[:, chaotic] = np.minimum(0.4, 1e-2 * SIZES[:, None] ** -0.5 * growth)
    errors *= np.exp(random.normal(0, 0.01, (*shape, 1)))
    horizon = [
        [experiment.first_beyond(curve, 0.2) for curve in curves]
        for curves in errors[:, chaotic]
    ]
    power, limit = np.ones(shape), np.ones(shape[:2])
    power[:, 0], limit[:, 0] = 1e-7 + 1 / SIZES, 1e-7
    power[:, 1, :3] = 5.0
    sizes = ("seed", "beta", "spins")
    return xr.Dataset(
        {
            "error": ((*sizes, "tokens"), errors[..., np.array(TIMES) - 1]),
            "expected": (sizes, errors[..., 0]),
            "power": (sizes, power),
            "limit": (("seed", "beta"), limit),
            "horizon": (("seed", "spins"), horizon),
            "spread": ("beta", np.full(len(BETAS), 0.4)),
            "leading": ("estimate", [leading, 1e-3]),
            "example": (
                ("beta", "drawn_spins", "time"),
                np.zeros((len(BETAS), 1 + len(DRAWN_SIZES), DRAWN)),
            ),
        },
        {
            "seed": range(STARTS),
            "beta": list(BETAS),
            "spins": SIZES,
            "tokens": list(TIMES),
            "drawn_spins": [0, *DRAWN_SIZES],
        },
    )


def rows_of(measured: xr.Dataset, *words: str):
    """Rows whose quantity has all these words."""
    ledger = Ledger("toy", "N → ∞")
    experiment.compare(measured, ledger)
    return [row for row in ledger.rows if all(word in row.quantity for word in words)]


def test_a_network_is_the_one_that_its_features_give() -> None:
    network = experiment.network(990)
    direct = SelfAttentionNetwork.from_features(mean_field().features, 990)

    assert network.n_spins == 990
    np.testing.assert_array_equal(network.columns, direct.columns)
    np.testing.assert_array_equal(network.counts, direct.counts)


def test_a_repeated_network_leaves_the_first_as_it_was() -> None:
    network = SelfAttentionNetwork.from_features(mean_field().features, 99)
    larger = network.repeated(10)

    assert (network.n_spins, larger.n_spins) == (99, 990)


def test_what_is_beside_a_network_is_the_orbit_of_its_window(orbit: Orbit) -> None:
    field = experiment.beside(orbit, CHAOTIC, 1)

    with jax.enable_x64(True):
        window = jax.numpy.asarray(field.window)
        attention = mean_field()(window, parameters(CHAOTIC), field.position)
        token = mean_field().token(window[0], parameters(CHAOTIC), field.position)
    np.testing.assert_allclose(attention, field.attention[0], atol=1e-12)
    np.testing.assert_allclose(token, field.overlaps[0], atol=1e-12)
    assert field.attention.shape == (STEPS, 3)


def test_the_first_token_errs_as_coins_do(orbit: Orbit) -> None:
    field = experiment.beside(orbit, CHAOTIC, 0)
    sample = experiment.network(990).sample(
        jax.random.key(0),
        parameters(CHAOTIC),
        1,
        replicas=4000,
        prompt=Prompt(field.window, field.position),
    )
    error = experiment.root_mean_square(sample.overlaps - field.overlaps[:1])[0]
    expected = experiment.binomial_error(CHAOTIC, field.window[0], 990)

    assert error == pytest.approx(expected, rel=0.03)


def at_clock(measured: xr.Dataset, tokens: int) -> xr.DataArray:
    return measured.error.sel(beta=CLOCK, tokens=tokens)


def test_slopes_of_errors_that_follow_a_law_are_those_of_the_law() -> None:
    slopes = experiment.slope(at_clock(synthetic(-0.5), 10))

    assert slopes == pytest.approx(np.full(STARTS, -0.5), abs=0.02)


@pytest.mark.parametrize(
    ("exponent", "place"),
    [(-0.5, "our interval contains it"), (-0.25, "does not contain it, it lies below")],
)
def test_theory_is_named_beside_our_interval_and_not_as_the_papers(
    exponent: float, place: str
) -> None:
    clock = rows_of(synthetic(exponent), "β = 1.0,", "slope of ln error")
    assert len(clock) == len(TIMES)
    assert all("Theory: −1/2" in row.rule for row in clock)
    assert all(place in row.rule for row in clock)
    assert all(row.paper is None for row in clock)


def test_a_law_that_small_sizes_bend_is_also_fitted_without_them() -> None:
    measured = synthetic()
    bend = xr.where(measured.spins < experiment.STRAIGHT, 3.0, 1.0)
    measured["error"] = measured.error * bend
    first, second = rows_of(measured, "β = 1.0,", "slope of ln error")[:2]

    errors = at_clock(measured, 10)
    assert experiment.slope(errors, experiment.STRAIGHT) == pytest.approx(
        -0.5, abs=0.02
    )
    assert experiment.slope(errors).max() < -0.6
    assert (
        "Theory: −1/2 where errors are small; our interval does not contain it"
        in second.rule
    )
    assert second.rule.endswith("]: our interval contains it.")
    assert "Without N < 990" not in first.rule


def test_only_the_papers_own_statement_gets_a_verdict() -> None:
    statement, *others = rows_of(synthetic())

    assert statement.paper == 100
    assert {(row.paper, row.verdict) for row in others} == {(None, Verdict.UNPUBLISHED)}


def first_token(exponent: float) -> xr.Dataset:
    """Errors of the first token that scatter by 3 % about a power of N, 200 starts."""
    random = np.random.default_rng(1)
    noise = np.exp(random.normal(0, 0.03, (200, len(BETAS), len(SIZES))))
    return xr.Dataset(
        {"error": (("seed", "beta", "spins"), SIZES**exponent * noise)},
        {"beta": list(BETAS), "spins": SIZES},
    )


def test_the_claim_holds_as_often_as_four_intervals_do() -> None:
    holds = experiment.law_holds(first_token(-0.5).error)

    # 0.95⁴ of 200 is 163, with a standard deviation of 5.5.
    assert abs(holds.sum() - 200 * 0.95**4) < 3 * 5.5


@pytest.mark.parametrize("exponent", [0.0, -0.4, -1.0])
def test_the_claim_fails_for_another_law(exponent: float) -> None:
    assert experiment.law_holds(first_token(exponent).error).mean() < 0.05


def test_one_start_alone_has_no_interval() -> None:
    rows = rows_of(synthetic().isel(seed=[0]), "slope of ln error")
    rows += rows_of(synthetic().isel(seed=[0]), "tokens gained")

    assert all("one start has no interval" in row.rule for row in rows)


def test_noise_is_compared_by_squares_so_that_few_replicas_do_not_bias_it() -> None:
    random = np.random.default_rng(2)
    shape = (500, len(BETAS), len(SIZES))
    errors = np.sqrt((random.normal(0, 1, (2, *shape)) ** 2).mean(axis=0))
    axes = ("seed", "beta", "spins")
    measured = xr.Dataset(
        {
            "error": ((*axes, "tokens"), errors[..., None]),
            "expected": (axes, np.ones(shape)),
        },
        {"tokens": [1]},
    )

    assert float(experiment.noise_ratio(measured).mean()) == pytest.approx(1, abs=0.02)
    assert errors.mean() < 0.92


def test_noise_about_the_clock_falls_as_one_over_the_spins() -> None:
    slopes = experiment.slope(experiment.excess_power(synthetic()))
    assert slopes == pytest.approx(np.full(STARTS, -1.0))


def test_tokens_gained_follow_from_the_leading_exponent() -> None:
    measured = synthetic(leading=0.1)
    gained = experiment.horizon_slope(measured)
    (row,) = rows_of(measured, "tokens gained")

    assert gained == pytest.approx(np.full(STARTS, np.log(10) / (2 * 0.1)), rel=0.05)
    assert "ln 10 / (2 λ₁) = 11.5 ± 0.1" in row.rule


def test_findings_say_which_betas_break_the_law_and_how_many_spins_a_torus_needs() -> (
    None
):
    regular, broken = (text(experiment, synthetic(power)) for power in (-0.5, -0.2))

    assert "β = 1.255 after 10 tokens" not in regular
    assert "−0.20 at β = 1.255 after 10 tokens" in broken
    assert f"β = 1.255: {SIZES[3]:,}" in regular
    assert "β = 1.27: all, from 99" in regular


def test_both_figures_are_drawn() -> None:
    assert [figure.part for figure in experiment.draw(synthetic())] == ["", "orbits"]


class Copy:
    """In place of a network: all of its overlaps are 1/√N above the mean field's."""

    def __init__(self, size):
        self.error = size**-0.5

    def sample(self, key, parameters, steps, *, replicas, prompt):
        overlaps = np.full((replicas, steps, 4, 3), self.error)
        return NetworkTrajectory(np.full((replicas, steps, 3), 2.0), overlaps)


def test_networks_are_measured_beside_the_mean_field_from_each_start(monkeypatch):
    half = np.full((STEPS, 3), 0.5)
    field = Beside(half[:4], 0, half, np.zeros((STEPS, 4, 3)))
    fakes = {
        "network": Copy,
        "orbit_of": lambda beta, starts: Orbit(np.ones((9, 3)), 0),
        "beside": lambda orbit, beta, index: field,
        "spread": lambda orbit, beta: 0.2,
        "leading_exponent": lambda: [0.1, 1e-3],
    }
    for name, fake in fakes.items():
        monkeypatch.setattr(experiment, name, fake)
    measured = measure(experiment, seeds=2)
    errors = xr.DataArray(SIZES**-0.5, {"spins": SIZES}, ["spins"])
    xr.testing.assert_allclose(measured.error - errors, 0 * measured.error)
    assert (measured.expected.diff("spins") < 0).all()
    assert (measured.power == 4).all()
    assert (measured.limit == 1).all()
    # Only 99 spins err by more than half of the spread, at once.
    assert measured.horizon.sel(spins=99).values.tolist() == [1, 1]
    assert measured.horizon.sel(spins=SIZES[1:]).isnull().all()
    assert (measured.example.sel(drawn_spins=0) == 0.5).all()
    assert (measured.example.sel(drawn_spins=list(DRAWN_SIZES)) == 2).all()
