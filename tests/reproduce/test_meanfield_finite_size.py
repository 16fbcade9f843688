"""Networks beside their mean field: noise of one token, fits of known laws, and a small run."""

import jax
import numpy as np
import pytest

from isinglass.meanfield import SelfAttentionNetwork
from isinglass.reproduce import meanfield_finite_size as experiment
from isinglass.reproduce.ledger import Verdict
from isinglass.reproduce.mean_field_paper import mean_field, parameters
from isinglass.reproduce.meanfield_finite_size import (
    BETAS,
    CHAOTIC,
    SIZES,
    STEPS,
    TIMES,
    Found,
    Orbit,
)

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
    errors[:, BETAS.index(CHAOTIC)] = np.minimum(0.4, 1e-2 * SIZES[:, None] ** -0.5 * growth)
    errors *= np.exp(random.normal(0, 0.01, (*shape, 1)))
    power = np.ones(shape)
    power[:, 0] = 1e-7 + 1 / SIZES
    limit = np.ones(shape[:2])
    limit[:, 0] = 1e-7
    power[:, 1, :3] = 5.0
    examples = {beta: {int(size): np.zeros(STEPS) for size in (0, *SIZES)} for beta in BETAS}
    return Found(
        errors, errors[..., 0], power, limit, np.full(len(BETAS), 0.4), (leading, 1e-3), examples
    )


def test_a_network_is_the_one_that_its_features_give() -> None:
    ours = experiment._network(990)
    theirs = SelfAttentionNetwork.from_features(mean_field().features, 990)

    assert ours.n_spins == 990
    np.testing.assert_array_equal(ours.columns, theirs.columns)
    np.testing.assert_array_equal(ours.counts, theirs.counts)


def test_what_is_beside_a_network_is_the_orbit_of_its_window(orbit: Orbit) -> None:
    window, position, following, overlaps = experiment._beside(orbit, CHAOTIC, 1)

    with jax.enable_x64(True):
        next_one = mean_field()(jax.numpy.asarray(window), parameters(CHAOTIC), position)
        token = mean_field().token(jax.numpy.asarray(window[0]), parameters(CHAOTIC), position)
    np.testing.assert_allclose(next_one, following[0], atol=1e-12)
    np.testing.assert_allclose(token, overlaps[0], atol=1e-12)
    assert following.shape == (STEPS, 3)


def test_the_first_token_errs_as_coins_do(orbit: Orbit) -> None:
    window, position, _, overlaps = experiment._beside(orbit, CHAOTIC, 0)
    sample = experiment._network(990).sample(
        jax.random.key(0), parameters(CHAOTIC), 1, replicas=4000, window=window, position=position
    )
    error = experiment._rms(sample.overlaps - overlaps[:1])[0]

    assert error == pytest.approx(experiment._binomial(CHAOTIC, window[0], 990), rel=0.03)


def test_slopes_of_errors_that_follow_a_law_are_those_of_the_law() -> None:
    slopes = experiment._slopes(made(-0.5), 0, 10)

    assert slopes == pytest.approx(np.full(STARTS, -0.5), abs=0.02)


@pytest.mark.parametrize(
    ("exponent", "verdict"), [(-0.5, Verdict.REPRODUCED), (-0.25, Verdict.DIFFERS)]
)
def test_the_law_is_judged(exponent: float, verdict: Verdict) -> None:
    rows = experiment._law_rows(made(exponent))

    clock = [row for row in rows if row.quantity.startswith("β = 1.0,")]
    chaos = [row for row in rows if row.quantity.startswith(f"β = {CHAOTIC}")]
    assert len(clock) == len(chaos) == len(TIMES)
    assert {row.verdict for row in clock} == {verdict}
    assert [row.verdict for row in chaos[1:]] == [Verdict.INCOMPARABLE] * 3


def test_one_start_alone_passes_no_verdict() -> None:
    found = made(-0.25)
    alone = found._replace(errors=found.errors[:1], power=found.power[:1], limit=found.limit[:1])
    rows = [*experiment._law_rows(alone), experiment._horizon_row(alone)]

    assert {row.verdict for row in rows} == {Verdict.INCOMPARABLE}


def test_noise_about_the_clock_falls_as_one_over_the_spins() -> None:
    assert experiment._noise_slopes(made()) == pytest.approx(np.full(STARTS, -1.0))


def test_tokens_gained_follow_from_the_leading_exponent() -> None:
    gained = experiment._horizon_slopes(made(leading=0.1))

    assert gained == pytest.approx(np.full(STARTS, np.log(10) / (2 * 0.1)), rel=0.05)
    assert experiment._horizon_row(made(leading=0.1)).verdict is Verdict.REPRODUCED


def test_findings_say_which_betas_break_the_law_and_how_many_spins_a_torus_needs() -> None:
    kept, broken = experiment._findings(made(-0.5)), experiment._findings(made(-0.2))

    assert "β = 1.255 after 10 tokens" not in kept
    assert "-0.20 at β = 1.255 after 10 tokens" in broken
    assert f"β = 1.255: {SIZES[3]:,}" in kept
    assert "β = 1.27: all, from 99" in kept


def test_both_figures_are_drawn() -> None:
    names = [figure.name for figure in experiment._figures(made())]

    assert names == ["meanfield-finite-size", "meanfield-finite-size-orbits"]
