"""Jobs side by side."""

import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from isinglass._machine import memory_maps
from isinglass.reproduce import jobs
from isinglass.reproduce.registry import Context


@pytest.mark.parametrize(("many", "kept"), [(10**9, 3), (0, 0)])
def test_programs_are_forgotten_where_they_hold_many_maps(many, kept, monkeypatch) -> None:
    monkeypatch.setattr(jobs, "memory_maps", lambda: 1)
    monkeypatch.setattr(jobs, "MANY_MAPS", many)
    sines = jax.jit(lambda x: jnp.sin(x).sum())

    found = jobs.side_by_side(
        Context(seeds=1), lambda n: float(sines(jnp.ones(n))), [(1,), (2,), (3,)]
    )

    assert found == {(n,): pytest.approx(n * np.sin(1), rel=1e-6) for n in (1, 2, 3)}
    assert sines._cache_size() == kept  # pyright: ignore[reportAttributeAccessIssue]


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells")
def test_a_process_has_memory_maps() -> None:
    assert 50 < memory_maps() < 65_530
