"""Networks beside their mean field: noise of one token, fits of known laws, and a small run."""

import jax
import numpy as np
import pytest

from isinglass.experiments.meanfield import finite_size as experiment
from isinglass.experiments.meanfield.finite_size import (
    BETAS,
    CHAOTIC,
    SIZES,
    STEPS,
    TIMES,
    Found,
    Orbit,
)
from isinglass.experiments.meanfield.setting import mean_field, parameters
from isinglass.reproduce.ledger import Verdict
from isinglass.systems.meanfield import SelfAttentionNetwork

STARTS = 3


@pytest.fixture(scope="module")
def orbit() -> Orbit:
    return experiment._orbit(CHAOTIC, 1)


def made(exponent: float = -0.5, leading: float = 0.1) -> Found:
    """Errors that fall with N as given, but at the chaotic β grow from there as e^(λ₁ t)."""
    random = np.random.default_rng(0)
    shape = (STARTS, len(BETAS), len(SIZES))
    errors = SIZES[:, None] ** exponent * np.ones((*shape, STEPS))
    growth = np.exp(leading * np.arange(STEPS))
    errors[:, BETAS.index(CHAOTIC)] = np.minimum(
        0.4, 1e-2 * SIZES[:, None] ** -0.5 * growth
    )
    errors *= np.exp(random.normal(0, 0.01, (*shape, 1)))
    power = np.ones(shape)
    power[:, 0] = 1e-7 + 1 / SIZES
    limit = np.ones(shape[:2])
    limit[:, 0] = 1e-7
    power[:, 1, :3] = 5.0
    examples = {
        beta: {int(size): np.zeros(STEPS) for size in (0, *SIZES)} for beta in BETAS
    }
    return Found(
        errors,
        errors[..., 0],
        power,
        limit,
        np.full(len(BETAS), 0.4),
        (leading, 1e-3),
        examples,
    )


def test_a_network_is_the_one_that_its_features_give() -> None:
    ours = experiment._network(990)
    theirs = SelfAttentionNetwork.from_features(mean_field().features, 990)

    assert ours.n_spins == 990
    np.testing.assert_array_equal(ours.columns, theirs.columns)
    np.testing.assert_array_equal(ours.counts, theirs.counts)


def test_a_repeated_network_leaves_the_first_as_it_was() -> None:
    network = SelfAttentionNetwork.from_features(mean_field().features, 99)
    larger = experiment._repeated(network, 10)

    assert (network.n_spins, larger.n_spins) == (99, 990)


def test_what_is_beside_a_network_is_the_orbit_of_its_window(orbit: Orbit) -> None:
    window, position, following, overlaps = experiment._beside(orbit, CHAOTIC, 1)

    with jax.enable_x64(True):
        next_one = mean_field()(
            jax.numpy.asarray(window), parameters(CHAOTIC), position
        )
        token = mean_field().token(
            jax.numpy.asarray(window[0]), parameters(CHAOTIC), position
        )
    np.testing.assert_allclose(next_one, following[0], atol=1e-12)
    np.testing.assert_allclose(token, overlaps[0], atol=1e-12)
    assert following.shape == (STEPS, 3)


def test_the_first_token_errs_as_coins_do(orbit: Orbit) -> None:
    window, position, _, overlaps = experiment._beside(orbit, CHAOTIC, 0)
    sample = experiment._network(990).sample(
        jax.random.key(0),
        parameters(CHAOTIC),
        1,
        replicas=4000,
        window=window,
        position=position,
    )
    error = experiment._rms(sample.overlaps - overlaps[:1])[0]

    assert error == pytest.approx(
        experiment._binomial(CHAOTIC, window[0], 990), rel=0.03
    )


def test_slopes_of_errors_that_follow_a_law_are_those_of_the_law() -> None:
    slopes = experiment._slopes(made(-0.5), 0, 10)

    assert slopes == pytest.approx(np.full(STARTS, -0.5), abs=0.02)


@pytest.mark.parametrize(
    ("exponent", "place"),
    [(-0.5, "our interval contains it"), (-0.25, "does not contain it, it lies below")],
)
def test_theory_is_named_beside_our_interval_and_not_as_the_papers(
    exponent: float, place: str
) -> None:
    rows = experiment._law_rows(made(exponent))

    clock = [row for row in rows if row.quantity.startswith("β = 1.0,")]
    assert len(clock) == len(TIMES)
    assert all("Theory: −1/2" in row.rule for row in clock)
    assert all(place in row.rule for row in clock)
    assert all(row.paper is None for row in rows)


def test_a_law_that_small_sizes_bend_is_also_fitted_without_them() -> None:
    found = made()
    bent = found.errors * np.where(experiment.STRAIGHT > SIZES, 3.0, 1.0)[:, None]
    found = found._replace(errors=bent)
    rows = experiment._law_rows(found)

    assert experiment._slopes(found, 0, 10, experiment.STRAIGHT) == pytest.approx(
        -0.5, abs=0.02
    )
    assert experiment._slopes(found, 0, 10).max() < -0.6
    assert (
        "Theory: −1/2 where errors are small; our interval does not contain it"
        in rows[1].rule
    )
    assert rows[1].rule.endswith("]: our interval contains it.")
    assert "Without N < 990" not in rows[0].rule


def test_only_the_papers_own_statement_gets_a_verdict() -> None:
    found = made()
    rows = [
        *experiment._law_rows(found),
        *experiment._noise_rows(found),
        *experiment._stationary_rows(found),
        experiment._horizon_row(found),
    ]

    assert {(row.paper, row.verdict) for row in rows} == {(None, Verdict.INCOMPARABLE)}


def first_token(exponent: float) -> Found:
    """Errors of the first token that scatter by 3 % about a power of N, for 200 starts."""
    random = np.random.default_rng(1)
    noise = np.exp(random.normal(0, 0.03, (200, len(BETAS), len(SIZES))))
    return made()._replace(errors=(SIZES**exponent * noise)[..., None])


def test_the_claim_holds_as_often_as_four_intervals_do() -> None:
    row = experiment._claim_row(first_token(-0.5))

    assert row.low < 100 * 0.95**4 < row.high
    assert row.verdict is Verdict.REPRODUCED


@pytest.mark.parametrize("exponent", [0.0, -0.4, -1.0])
def test_the_claim_fails_for_another_law(exponent: float) -> None:
    assert experiment._claim_row(first_token(exponent)).verdict is Verdict.DIFFERS


def test_one_start_alone_has_no_interval() -> None:
    found = made()
    alone = found._replace(
        errors=found.errors[:1], power=found.power[:1], limit=found.limit[:1]
    )
    rows = [*experiment._law_rows(alone), experiment._horizon_row(alone)]

    assert all("one start has no interval" in row.rule for row in rows)


def test_noise_is_compared_by_squares_so_that_few_replicas_do_not_bias_it() -> None:
    random = np.random.default_rng(2)
    shape = (500, len(BETAS), len(SIZES))
    errors = np.sqrt((random.normal(0, 1, (2, *shape)) ** 2).mean(axis=0))
    found = made()._replace(errors=errors[..., None], expected=np.ones(shape))

    assert experiment._noise_ratios(found).mean() == pytest.approx(1, abs=0.02)
    assert errors.mean() < 0.92


def test_noise_about_the_clock_falls_as_one_over_the_spins() -> None:
    assert experiment._noise_slopes(made()) == pytest.approx(np.full(STARTS, -1.0))


def test_tokens_gained_follow_from_the_leading_exponent() -> None:
    gained = experiment._horizon_slopes(made(leading=0.1))

    assert gained == pytest.approx(np.full(STARTS, np.log(10) / (2 * 0.1)), rel=0.05)
    assert (
        "ln 10 / (2 λ₁) = 11.5 ± 0.1" in experiment._horizon_row(made(leading=0.1)).rule
    )


def test_findings_say_which_betas_break_the_law_and_how_many_spins_a_torus_needs() -> (
    None
):
    kept, broken = experiment._findings(made(-0.5)), experiment._findings(made(-0.2))

    assert "β = 1.255 after 10 tokens" not in kept
    assert "-0.20 at β = 1.255 after 10 tokens" in broken
    assert f"β = 1.255: {SIZES[3]:,}" in kept
    assert "β = 1.27: all, from 99" in kept


def test_both_figures_are_drawn() -> None:
    names = [figure.name for figure in experiment._figures(made())]

    assert names == ["meanfield-finite-size", "meanfield-finite-size-orbits"]
