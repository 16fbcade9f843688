"""What the machine tells, and what stands for it where it does not."""

import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from isinglass._common import machine
from isinglass.dynamics.sweep.sizes import lanes_in_memory
from isinglass.systems.memory import nearest_neighbours
from isinglass.systems.memory._neighbour_table import Sizes

CGROUP = Path("/proc/self/cgroup")


@pytest.fixture(autouse=True)
def _asked_anew():
    functions = (machine.cache_bytes, machine.memory_bytes)
    for function in functions:
        function.cache_clear()
    yield
    for function in functions:
        function.cache_clear()


def _cache(folder, core, level, size, sharing, kind="Unified"):
    place = folder / f"cpu{core}" / "cache" / f"index{level}"
    place.mkdir(parents=True)
    for name, text in {
        "type": kind,
        "level": str(level),
        "size": size,
        "shared_cpu_list": sharing,
    }.items():
        (place / name).write_text(f"{text}\n")


@pytest.mark.parametrize(
    ("sharing", "expected"), [("0", 2**19), ("0-1", 2**18), ("0,64", 2**19)]
)
def test_cores_in_use_share_the_cache_that_the_system_tells(
    tmp_path, monkeypatch, sharing, expected
):
    _cache(tmp_path, 0, 2, "512K", sharing)
    monkeypatch.setattr(machine, "CACHES", tmp_path)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1}, raising=False)
    assert machine.cache_bytes(2) == expected


@pytest.mark.parametrize("size", [None, "nonsense"])
def test_a_cache_of_which_nothing_is_told_counts_as_a_small_one(
    tmp_path, monkeypatch, size
):
    if size:
        _cache(tmp_path, 0, 2, size, "0")
    monkeypatch.setattr(machine, "CACHES", tmp_path)
    monkeypatch.setattr(machine, "_cache_of_mac", lambda level: 0)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0}, raising=False)
    monkeypatch.setattr(os, "sysconf", lambda name: -1)
    assert machine.cache_bytes(2) == machine.FALLBACK_CACHE[2]


def test_the_limit_of_a_container_counts_where_it_is_lower(monkeypatch):
    monkeypatch.setattr(machine, "_limits_of_container", lambda: iter([2**20, 2**60]))
    assert machine.memory_bytes() == 2**20
    monkeypatch.setattr(machine, "cores", lambda: 4)
    assert machine.bytes_a_core(0.5) == 2**17
    assert machine.bytes_a_core(0.5, most=1000) == 1000


@pytest.mark.skipif(not CGROUP.exists(), reason="Linux has control groups")
@pytest.mark.parametrize(("text", "expected"), [("1048576", {2**20}), ("max", set())])
def test_control_groups_tell_the_limit_of_a_container(
    tmp_path, monkeypatch, text, expected
):
    (tmp_path / "memory").mkdir()
    for name in ("memory.max", "memory/memory.limit_in_bytes"):  # of both versions
        (tmp_path / name).write_text(f"{text}\n")
    monkeypatch.setattr(machine, "CONTROL_GROUPS", tmp_path)
    assert set(machine._limits_of_container()) == expected


def test_pieces_of_work_shrink_with_the_memory_of_a_container(monkeypatch):
    monkeypatch.setattr(machine, "cores", lambda: 4)
    vectors = np.random.default_rng(0).standard_normal((300, 8), np.float32)
    results = []
    for memory in (2**36, 2**30, 2**12):
        monkeypatch.setattr(machine, "memory_bytes", lambda memory=memory: memory)
        room = Sizes.of_machine().panel, lanes_in_memory(2**10)
        results.append((*room, nearest_neighbours(vectors).distance.tolist()))
    assert [result[:2] for result in results] == [
        *((2**26, 2**17), (2**23, 2**16), (2**5, 1))
    ]
    assert all(result[2] == results[0][2] for result in results)


def test_memory_of_which_nothing_is_told_counts_as_little(monkeypatch):
    def tells_nothing(_: str) -> int:
        raise ValueError

    monkeypatch.setattr(machine, "_limits_of_container", lambda: iter([]))
    monkeypatch.setattr(os, "sysconf", tells_nothing)
    assert machine.memory_bytes() == machine.FALLBACK_MEMORY


def test_a_process_of_one_core_counts_one(monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {5}, raising=False)
    assert machine.cores() == 1


@given(
    st.floats(1, 1e9),
    st.integers(1, 1000),
    st.integers(1, 10_000) | st.none(),
    st.integers(1, 64),
)
def test_rows_stay_within_their_bounds_and_the_cache(size, least, most, multiple):
    rows = machine.rows_that_fit(size, least=least, most=most, multiple=multiple)
    room = machine.cache_bytes(2) / 2
    assert 1 <= rows <= (most or rows)
    assert rows * size <= room or rows <= max(least, 1)
    assert rows >= min(least - multiple + 1, most or least)
    if most is None and rows >= multiple:
        assert rows % multiple == 0
