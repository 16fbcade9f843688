"""Interference learners on the workers of a cluster, one of which is lost."""

import os
import signal
import threading
import time

import numpy as np
import pytest

from isinglass.systems.interference import (
    CoupledClassifier,
    DipoleEncoder,
    StrokePrior,
    dask_parts,
    learn_in_parts,
)

distributed = pytest.importorskip("distributed")
array = pytest.importorskip("dask.array")


def slowly(number: int) -> tuple[np.ndarray, np.ndarray]:
    """A part that takes a while to be read."""
    time.sleep(0.3)
    rng = np.random.default_rng(number)
    return rng.integers(0, 256, (5, 8, 8)), rng.integers(3, size=5)


@pytest.mark.slow
def test_a_cluster_gives_the_bits_of_one_place_and_may_lose_a_worker():
    model = CoupledClassifier(
        encoder=DipoleEncoder(hosts=2, places=2), prior=StrokePrior(n=9, copies=2)
    )
    sets = [slowly(number) for number in range(8)]
    X, y = (np.concatenate(part) for part in zip(*sets, strict=True))
    expected = model.fit(X, y).pair_sums_
    options = {"n_workers": 2, "threads_per_worker": 1, "dashboard_address": ":0"}
    with (
        distributed.LocalCluster(**options) as cluster,
        distributed.Client(cluster) as client,
    ):
        parts = dask_parts(array.from_array(X, 3), array.from_array(y, 3))
        there = learn_in_parts(model, parts, client=client)
        np.testing.assert_array_equal(there.pair_sums_, expected)
        victim = min(client.run(os.getpid).values())
        killer = threading.Timer(0.7, os.kill, (victim, signal.SIGKILL))
        killer.start()
        late = [lambda number=number: slowly(number) for number in range(8)]
        there = learn_in_parts(model, late, client=client, fan_in=3)
        killer.join()
        np.testing.assert_array_equal(there.pair_sums_, expected)
