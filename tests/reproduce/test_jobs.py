"""Jobs side by side."""

import sys
import threading
import time

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from isinglass._common.machine import memory_maps
from isinglass.reproduce import Context, jobs


@pytest.mark.parametrize(("many", "is_forgotten"), [(10**9, False), (0, True)])
def test_programs_are_forgotten_where_they_hold_many_maps(
    many, is_forgotten, monkeypatch
) -> None:
    forgotten = []  # not in fact, as other tests need theirs again
    monkeypatch.setattr(jax, "clear_caches", lambda: forgotten.append(True))
    monkeypatch.setattr(jobs, "memory_maps", lambda: 1)
    monkeypatch.setattr(jobs, "MANY_MAPS", many)
    sines = jax.jit(lambda x: jnp.sin(x).sum())

    sums = jobs.side_by_side(
        Context(seeds=range(1)), lambda _, n: float(sines(jnp.ones(n))), [1, 2, 3]
    )

    assert sums == {n: pytest.approx(n * np.sin(1), rel=1e-6) for n in (1, 2, 3)}
    assert bool(forgotten) == is_forgotten


@pytest.mark.parametrize("reason", [ValueError, KeyboardInterrupt])
def test_where_one_fails_the_others_end(reason, monkeypatch) -> None:
    monkeypatch.setattr(jobs, "cores", lambda: 2)
    under_way, begun = threading.Event(), []

    def do(context, number):
        begun.append(number)
        with context.progress.follow(f"job {number}") as report:
            if number == 1:
                assert under_way.wait(10)
                raise reason
            for done in range(10**9):  # until it is stopped
                under_way.set()
                report(done, 10**9)
                time.sleep(0.001)  # without it the two wait for Python's lock

    with pytest.raises(reason):
        jobs.side_by_side(Context(seeds=range(1)), do, range(4), "jobs")
    assert sorted(begun)[:2] == [0, 1]
    assert len(begun) <= 3  # one may have begun before all were stopped


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells")
def test_a_process_has_memory_maps() -> None:
    assert 50 < memory_maps() < 65_530
