"""Bonds, equilibrium and weights, with lags shuffled: measured tiny, told by rule."""

import numpy as np
import pytest

from helpers.experiments import measure, rows_of, tell
from isinglass.experiments.paths import attention, bond, equilibrium, setting
from isinglass.systems.paths import TimeGrid, influence_coefficients


@pytest.fixture
def bonds(monkeypatch):
    monkeypatch.setitem(bond.SETTINGS, "quick", bond.Setting(8, (1, 4, 8), (0.5, 5.0)))
    return measure(bond, seeds=2)


@pytest.fixture
def rests(monkeypatch):
    tiny = equilibrium.Setting((0.1, 0.3), time=2.0, slices=8, loose=1e-8)
    monkeypatch.setitem(equilibrium.SETTINGS, "quick", tiny)
    return measure(equilibrium, seeds=2)


@pytest.fixture
def weights(monkeypatch):
    tiny = attention.Setting((0.5, 5.0), 6, (1, 2, 4), 1e-10)
    monkeypatch.setitem(attention.SETTINGS, "quick", tiny)
    return measure(attention, seeds=2)


def test_shuffled_lags_are_the_same_weights():
    eta = influence_coefficients(setting.spin_boson(1.0), TimeGrid(0.1, 6))
    mixed = setting.shuffled(eta, np.random.default_rng(0))
    assert sorted(abs(mixed.inner)) == pytest.approx(sorted(abs(eta.inner)))
    assert mixed.inner_self == eta.inner_self
    assert not np.allclose(mixed.inner, eta.inner)
    order = [int(np.argmin(abs(eta.inner - value))) for value in mixed.inner]
    np.testing.assert_array_equal(mixed.ends, eta.ends[order])


def test_bonds_grow_with_memory_and_labels_leave_them(bonds):
    assert (bonds.bond.sel(memory=1) == 4).all()
    assert (bonds.bond.sel(memory=8) > 4).all()
    assert len(set(bonds.label_bond.values)) == 1
    outcome = tell(bond, bonds)
    assert rows_of(outcome)["bond, β = 5, 1 lags"].ours == 4
    bonds.mixed[:] = bonds.bond - 1
    assert "In some shuffles it is no larger" in tell(bond, bonds).findings
    bonds.mixed[:] = bonds.bond + 1
    assert "In no shuffle is it smaller" in tell(bond, bonds).findings
    assert len(outcome.figures) == 1


def test_a_chain_rests_near_the_mean_force(rests):
    distance = rests.distance
    assert (distance.sel(state="mean force") < distance.sel(state="Gibbs") / 3).all()
    assert (distance.sel(state="memory of one step") > 0.05).all()
    outcome = tell(equilibrium, rests)
    assert "the mean force is nearer than Gibbs" in outcome.findings
    rests.distance.loc[0.1, "mean force"] = 1.0
    rests.mixed[:] = np.nan
    outcome = tell(equilibrium, rests)
    assert "At some strength Gibbs is as near" in outcome.findings
    assert "2 have no stationary state:" in outcome.findings
    assert len(outcome.figures) == 1


def test_weights_of_an_ohmic_bath_fall_by_powers_and_of_drude_s_by_rates(weights):
    power = weights.power.sel(bath="Ohmic")
    assert power.sel(part="imaginary").values == pytest.approx(3, abs=0.01)
    assert power.sel(part="real", beta=0.5) == pytest.approx(2, abs=0.02)
    rate = weights.rate.sel(bath="Drude", part="real", beta=0.5)
    assert rate == pytest.approx(7.5, abs=0.05)
    outcome = tell(attention, weights)
    assert "the rank correlation" in outcome.findings
    assert len(outcome.figures) == 1
