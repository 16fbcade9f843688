"""Baths: closed forms against integrals, and what they weigh slices of time with."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers.open_systems import OHMIC, SPIN_BOSON
from isinglass.systems.paths import (
    Drude,
    Ohmic,
    OpenSystem,
    SpectralBath,
    TimeGrid,
    influence_coefficients,
)

POSITIVE = st.floats(0.1, 10)
TIMES = np.array([0, 1e-3, 0.05, 0.7, 3.0, 20.0])


def integrated(bath):
    return SpectralBath(bath.spectral_density, bath.beta)


@settings(max_examples=15)
@given(POSITIVE, POSITIVE, POSITIVE, POSITIVE)
def test_closed_forms_are_the_integrals(strength, rate, beta, separation):
    """Ohmic by residues of the gamma function, Drude by a sum of exponentials."""
    times = TIMES / rate
    for kind in (Ohmic, Drude):
        bath = kind(strength, rate, beta, separation)
        expected = integrated(bath).lineshape(times)
        scale = abs(expected).max()
        np.testing.assert_allclose(bath.lineshape(times), expected, atol=1e-11 * scale)
        energy = integrated(bath).reorganization
        assert bath.reorganization == pytest.approx(energy, rel=1e-11)


@pytest.mark.parametrize("off", [0.0, 1e-12, 1e-7, 1e-3])
def test_a_pole_of_a_density_at_a_matsubara_frequency_is_none_of_the_lineshape(off):
    bath = Drude(1.0, 4 * np.pi * (1 + off), 1.0)
    expected = integrated(bath).lineshape(TIMES)
    np.testing.assert_allclose(bath.lineshape(TIMES), expected, atol=1e-11)


def test_a_lineshape_bends_by_the_correlation_and_begins_with_the_counterterm():
    """g'' = C by its own integral at some times, and g'(0) = iλ."""
    w = np.linspace(0, 400, 400_001)[1:]
    density = OHMIC.spectral_density(w) / np.pi
    step = 1e-3
    for time in (0.2, 1.0):
        terms = np.cos(w * time) / np.tanh(OHMIC.beta * w / 2) - 1j * np.sin(w * time)
        correlation = np.trapezoid(density * terms, w)
        g = OHMIC.lineshape(time + step * np.array([-1, 0, 1]))
        bend = (g[0] - 2 * g[1] + g[2]) / step**2
        assert bend == pytest.approx(correlation, rel=1e-3)
    slope = OHMIC.lineshape(np.array(1e-7)) / 1e-7
    assert slope.imag == pytest.approx(OHMIC.reorganization, rel=1e-6)


def test_a_density_of_a_peak_and_a_gap_is_integrated():
    """An oscillator whose frequency is spread by a thirtieth, by a fine grid."""
    spread, place = 0.1, 3.0

    def density(w):
        return np.exp(-0.5 * ((w - place) / spread) ** 2)

    w = np.linspace(1.5, 4.5, 20_001)
    times = np.array([0.3, 2.0, 40.0])
    phase = w * times[:, None]
    terms = (1 - np.cos(phase)) / np.tanh(w / 2) + 1j * np.sin(phase)
    expected = np.trapezoid(density(w) / w**2 * terms, w) / np.pi
    ours = SpectralBath(density, 1.0).lineshape(times)
    np.testing.assert_allclose(ours, expected, atol=1e-11)


@pytest.mark.parametrize("splitting", ["quapi", "tempo"])
def test_slices_add_up(splitting):
    """All pairs of slices together are one slice of the whole time."""
    for steps in (1, 2, 5):
        grid = TimeGrid(0.1, steps, splitting=splitting)
        eta = influence_coefficients(SPIN_BOSON, grid)
        if splitting == "tempo":
            lags = np.arange(1, steps)
            total = (
                steps * eta.inner_self + ((steps - lags) * eta.inner[: steps - 1]).sum()
            )
        else:
            lags = np.arange(1, steps)
            inner = (steps - 1) * eta.inner_self
            inner += ((steps - 1 - lags) * eta.inner[: steps - 1]).sum()
            total = inner + 2 * eta.end_self + eta.ends[steps - 1]
            total += 2 * eta.end_inner[: steps - 1].sum()
        expected = OHMIC.lineshape(np.array(steps * 0.1))
        assert total == pytest.approx(complex(expected), rel=1e-11)


def test_a_counterterm_is_of_slices_with_themselves():
    grid = TimeGrid(0.1, 4)
    without = OpenSystem(
        SPIN_BOSON.hamiltonian, SPIN_BOSON.positions, OHMIC, counterterm=False
    )
    ours, theirs = (influence_coefficients(s, grid) for s in (SPIN_BOSON, without))
    np.testing.assert_allclose(ours.inner, theirs.inner, atol=1e-14)
    shift = ours.inner_self - theirs.inner_self
    assert shift == pytest.approx(0.1j * OHMIC.reorganization)
