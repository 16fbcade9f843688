"""Work, heat and entropy: equalities that hold exactly, and what follows from them."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from isinglass.systems.interference import (
    GlauberTensor,
    MeanFieldNetwork,
    Protocol,
    hysteresis,
    loop_area,
    spinodal,
    switching,
)

law = settings(max_examples=15, deadline=None)
spins, couplings = st.integers(1, 24), st.floats(0, 2.5)


@given(spins, couplings, st.floats(-1, 0), st.integers(2, 7), st.integers(0, 20))
@law
def test_jarzynski_and_crooks(n, coupling, low, steps, updates):
    tensor = GlauberTensor(n, coupling)
    rise = Protocol(low + 0.17 * np.arange(steps), updates)
    forward = tensor.work_distribution(rise)
    back = tensor.work_distribution(Protocol(rise.fields[::-1], rise.updates))

    assert forward.probability.sum() == pytest.approx(1, abs=1e-12)
    change = forward.free_energy_change
    average = forward.probability @ np.exp(-(forward.work - change))
    assert average == pytest.approx(1, abs=1e-11)
    order = np.argsort(-back.work)
    np.testing.assert_allclose(-back.work[order], forward.work, atol=1e-9)
    ratio = np.log(forward.probability) - np.log(back.probability[order])
    np.testing.assert_allclose(ratio, forward.work - change, atol=1e-9)


@given(
    spins,
    couplings,
    st.lists(st.floats(-1, 1), min_size=2, max_size=6),
    st.integers(0, 40),
)
@law
def test_relaxations_produce_entropy_that_adds_up(n, coupling, fields, updates):
    cost = GlauberTensor(n, coupling).dissipation(Protocol(fields, updates))

    assert (cost.entropy_production >= -1e-11).all()
    produced = cost.entropy_production.sum() + cost.still_to_come
    assert cost.dissipated == pytest.approx(produced, abs=1e-9)


def test_the_mean_work_is_that_of_the_distribution():
    tensor, rise = GlauberTensor(12, 1.5), Protocol(np.linspace(-0.3, 0.3, 5), 6)
    full = tensor.work_distribution(rise)
    assert tensor.dissipation(rise).work == pytest.approx(full.work @ full.probability)


def test_a_step_keeps_equilibrium_and_detailed_balance():
    tensor = GlauberTensor(9, 1.2)
    p, steps = tensor.equilibrium(0.3), tensor.transition(0.3)
    flow = p[:, None] * steps
    np.testing.assert_allclose(flow, flow.T, atol=1e-16)
    np.testing.assert_allclose(steps.sum(axis=1), 1)


def test_a_fast_loop_costs_more_than_the_area_and_a_slow_one_less():
    tensor, ends = GlauberTensor(40, 1.5), np.linspace(-0.35, 0.35, 21)
    loop = np.concatenate([ends, ends[::-1][1:]])
    fast, slow = (
        tensor.dissipation(Protocol(loop, updates)).work / 40
        for updates in (40, 40_000)
    )
    assert slow < 0.2 * loop_area(1.5) < loop_area(1.5) < fast


def small_network(seed=0, n=30):
    rng = np.random.default_rng(seed)
    there = np.triu(rng.random((n, n)) < 0.15, 1)
    routes = 0.3 * (there | there.T)
    return MeanFieldNetwork(routes, rng.normal(0, 0.8, n), 1.6)


@pytest.mark.parametrize("steps", [40, 161])
def test_what_is_dissipated_in_a_loop_is_the_work_whatever_the_steps(steps):
    up = np.linspace(-5, 5, steps)
    account = small_network().drive(np.concatenate([up, up[::-1][1:]]))

    assert account.dissipated.sum() == pytest.approx(account.work.sum(), abs=1e-8)
    assert (account.dissipated > -1e-9).all()
    np.testing.assert_allclose(
        account.entropy_change + account.heat, account.dissipated, atol=1e-12
    )
    assert account.switched.sum() == 2 * 30


def test_one_tensor_is_the_response():
    lone = MeanFieldNetwork([[0.0]], 0.0, 1.5)
    edge = float(spinodal(1.5).field)
    # Close below the spinodal, where the tensor waits, then beyond it, where it jumps.
    account = lone.drive([edge - 1e-7, edge + 1e-7])
    heat, entropy = switching(1.5)
    assert account.switched.tolist() == [1]
    np.testing.assert_allclose(account.heat, heat, atol=2e-3)
    np.testing.assert_allclose(account.entropy_change, entropy, atol=2e-3)


def test_a_directed_network_has_areas_alone():
    up = np.linspace(-1.5, 1.5, 31)
    loop = np.concatenate([up, up[::-1][1:]])
    network = MeanFieldNetwork(
        [[0, 0], [0.4, 0]], 0.0, 1.5
    )  # the first moves the other
    account = network.drive(loop)

    first = hysteresis(1.5, loop)
    second = hysteresis(1.5, loop + 0.4 * np.asarray(first))
    area = -(first + second)[:-1] @ np.diff(loop)
    assert account.work.sum() == pytest.approx(area, abs=1e-9)
    assert not network.has_energy
    assert np.isnan([account.heat, account.dissipated]).all()
    assert repr(account) == f"Account(60 steps, area {area:.6g})"
    assert small_network().has_energy


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: GlauberTensor(0, 1.0), "n_spins must be at least 1"),
        (lambda: GlauberTensor(5, -1.0), "coupling must not be negative"),
        (
            lambda: GlauberTensor(5, 1.0).work_distribution(Protocol([0, 1, 1.5])),
            "protocol.fields must move in steps of one size",
        ),
        (
            lambda: GlauberTensor(5, 1.0).dissipation(Protocol([0])),
            "protocol.fields must be two or more",
        ),
        (
            lambda: GlauberTensor(5, 1.0).dissipation(Protocol([0, 1], -1)),
            "protocol.updates must be at least 0",
        ),
        (lambda: MeanFieldNetwork([[0, -1], [-1, 0]], 0, 1), "must not be negative"),
        (
            lambda: MeanFieldNetwork([[0.0]], [1, 2], 1),
            "local_fields must be one number",
        ),
        (
            lambda: MeanFieldNetwork([[0.0]], 0, 1).drive([0]),
            "fields must be two or more",
        ),
        (
            lambda: MeanFieldNetwork([[0.0]], 0, 1).drive([0, 1], start=2),
            "start must be from -1 to 1",
        ),
    ],
)
def test_what_cannot_be_is_refused_by_its_name(call, message):
    with pytest.raises(ValueError, match=message):
        call()
