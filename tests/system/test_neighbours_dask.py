"""Nearest neighbours by the workers of a cluster, one of which is lost."""

import os
import signal
from dataclasses import replace

import numpy as np
import pytest
import xarray as xr

from isinglass._common import cluster
from isinglass.systems.memory import nearest_neighbour_radius, nearest_neighbours
from isinglass.systems.memory._neighbour_table import Sizes

distributed = pytest.importorskip("distributed")

SMALL = Sizes(tile=64, panel=1 << 14, stripe=16, pairs=1 << 10)


@pytest.fixture
def _small_tiles(monkeypatch):
    monkeypatch.setattr(Sizes, "of_machine", lambda: SMALL)


@pytest.fixture(scope="module")
def client():
    """Two workers that are threads: JAX is imported already."""
    options = {"n_workers": 2, "threads_per_worker": 1, "dashboard_address": ":0"}
    with (
        distributed.LocalCluster(processes=False, **options) as started,
        distributed.Client(started) as connected,
    ):
        yield connected


def vectors_of(count: int) -> np.ndarray:
    vectors = np.random.default_rng(0).standard_normal((count, 24), np.float32)
    vectors[5] = vectors[9]
    return vectors


def assert_same(there, here):
    np.testing.assert_array_equal(there.distance, here.distance)
    np.testing.assert_array_equal(there.neighbour, here.neighbour)


@pytest.mark.usefixtures("_small_tiles")
def test_workers_give_the_bits_of_one_machine(client, tmp_path):
    vectors = vectors_of(300)
    file = np.memmap(tmp_path / "x", np.float32, "w+", 32, (320, 24))
    file[:300] = vectors
    expected = nearest_neighbours(vectors)
    whole = np.memmap(tmp_path / "x", np.float32, "r", 32, (300, 24))
    calls = []
    for same in (vectors, whole, file[:300]):
        there = nearest_neighbours(
            same, client=client, progress=lambda *call: calls.append(call)
        )
        assert_same(there, expected)
    assert calls == 3 * [(done, 15) for done in range(1, 16)]
    radii = [nearest_neighbour_radius(vectors, client=x) for x in (client, None)]
    xr.testing.assert_identical(*radii)


def test_what_cannot_take_part_is_refused(client, monkeypatch):
    with pytest.raises(TypeError, match="client must be a Client of Dask, got 3"):
        nearest_neighbours(vectors_of(20), client=3)
    there = cluster.versions()
    monkeypatch.setattr(
        type(client), "run", lambda *_: {"tcp://far": {**there, "jax": "0.1"}}
    )
    with pytest.raises(
        RuntimeError, match=r"worker tcp://far has other software \(jax 0"
    ):
        nearest_neighbours(vectors_of(20), client=client)


@pytest.mark.slow
def test_a_lost_worker_costs_what_it_was_at(monkeypatch):
    """Of processes, one is killed after the first results."""
    monkeypatch.setattr(Sizes, "of_machine", lambda: replace(SMALL, panel=1 << 13))
    vectors, lost = vectors_of(2_000), []
    options = {"n_workers": 2, "threads_per_worker": 1, "dashboard_address": ":0"}
    with (
        distributed.LocalCluster(**options) as started,
        distributed.Client(started) as connected,
    ):

        def kill_one(done, total):
            if done > total / 4 and not lost:
                lost.append(min(connected.run(os.getpid).values()))
                os.kill(lost[0], signal.SIGKILL)

        there = nearest_neighbours(vectors, client=connected, progress=kill_one)
    assert lost
    assert_same(there, nearest_neighbours(vectors))
