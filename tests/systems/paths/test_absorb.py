"""Sketches of a chain: they save time and change nothing else."""

import numpy as np
import pytest

from helpers.open_systems import SPIN_BOSON, SYSTEMS
from isinglass.systems.paths import TimeGrid, absorb, process_tensor, propagate


@pytest.fixture
def exactly(monkeypatch):
    """A call without sketches."""

    def call(function, *args, **options):
        with monkeypatch.context() as patch:
            patch.setattr(
                absorb, "left_sketches", lambda sites, *_: [None] * len(sites)
            )
            return function(*args, **options)

    return call


@pytest.mark.parametrize(
    ("splitting", "memory"), [("quapi", None), ("quapi", 6), ("tempo", 6)]
)
@pytest.mark.parametrize("name", ["driven", "three levels"])
def test_sketches_leave_bonds_and_errors_as_they_are(exactly, name, splitting, memory):
    steps = 16 if name == "driven" else 10
    call = (propagate, SYSTEMS[name], TimeGrid(0.1, steps, memory, splitting))
    reference = exactly(*call, cutoff=1e-15, check=False).maps
    for cutoff in (1e-9, 1e-11):
        own = exactly(*call, cutoff=cutoff, check=False)
        run = propagate(*call[1:], cutoff=cutoff, check=False)
        error = abs(own.maps - reference).max()
        assert abs(run.maps - own.maps).max() > 0  # sketches there are
        assert abs(run.maps - reference).max() < 1.5 * error
        assert abs(run.bonds - own.bonds).max() <= 2


def test_sketches_of_a_window_begin_at_its_bond(exactly):
    """Of a bath alone, points out of memory stay to the left."""
    call = (process_tensor, SPIN_BOSON, TimeGrid(0.1, 20, 6, "tempo"))
    run, own = (
        f(*call, cutoff=1e-11) for f in (lambda f, *a, **k: f(*a, **k), exactly)
    )
    assert abs(run.bond - own.bond) <= 1
    H = SPIN_BOSON.hamiltonian
    reference = exactly(*call, cutoff=1e-15).maps(H)
    errors = [abs(process.maps(H) - reference).max() for process in (run, own)]
    assert 0 < abs(errors[0] - errors[1]) < 0.5 * errors[1]


def test_a_sketch_that_is_too_small_is_not_used(exactly, monkeypatch):
    grid = TimeGrid(0.1, 12)
    own = exactly(propagate, SPIN_BOSON, grid, cutoff=1e-12, check=False).maps
    few = absorb.left_sketches

    def fewer(*args):
        return [rows[: absorb._SPARE + 1] for rows in few(*args)]

    monkeypatch.setattr(absorb, "left_sketches", fewer)
    run = propagate(SPIN_BOSON, grid, cutoff=1e-12, check=False).maps
    np.testing.assert_array_equal(run, own)
