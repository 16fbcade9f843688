"""Sweeps whose tiles are computed by the workers of a cluster."""

import os
import signal
import stat
import sys

import cloudpickle
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import xarray as xr

from helpers import sweep_cases
from isinglass.dynamics import Measure, Run, Workers, bifurcation
from isinglass.dynamics.sweep import workers
from isinglass.dynamics.sweep.tile_work import Work
from isinglass.dynamics.sweep.workers import _unpacked

distributed = pytest.importorskip("distributed")


@pytest.fixture(scope="module")
def cluster():
    """Two workers, each a process."""
    options = {"n_workers": 2, "threads_per_worker": 1, "dashboard_address": ":0"}
    with distributed.LocalCluster(**options) as started:
        yield started


@pytest.fixture
def client(cluster):
    with distributed.Client(cluster) as connected:
        yield connected


@pytest.mark.parametrize("kind", ["bifurcation", "continuation"])
def test_workers_give_the_bits_that_threads_give(kind, client, tmp_path):
    there = sweep_cases.run(kind, tmp_path, 12, workers=Workers(client))
    xr.testing.assert_identical(there.load(), sweep_cases.run(kind, None, 12))


def test_address_will_do(cluster):
    there = sweep_cases.run(
        "bifurcation", None, 12, workers=Workers(cluster.scheduler_address)
    )
    xr.testing.assert_identical(there, sweep_cases.run("bifurcation", None, 12))


def test_a_lost_worker_costs_only_its_tiles(client, tmp_path):
    lost = []

    def kill_one(done, total):
        if done > total / 3 and not lost:
            client.wait_for_workers(2)
            lost.append(min(client.run(os.getpid).values()))
            os.kill(lost[0], signal.SIGKILL)

    sweep_cases.run(
        "bifurcation",
        tmp_path / "there",
        80,
        workers=Workers(client),
        progress=kill_one,
    )
    assert lost
    sweep_cases.run("bifurcation", tmp_path / "here", 80)
    assert sweep_cases.files(tmp_path / "there") == sweep_cases.files(tmp_path / "here")


def test_what_workers_began_threads_finish(client, tmp_path):
    def stop(done, total):
        if done > total / 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        sweep_cases.run(
            "bifurcation", tmp_path, 40, workers=Workers(client), progress=stop
        )
    diagram = sweep_cases.run("bifurcation", tmp_path, 40)
    xr.testing.assert_identical(
        diagram.load(), sweep_cases.run("bifurcation", None, 40)
    )


def test_error_of_the_map_comes_through(client):
    here = os.getpid()

    def step(x, parameters):
        if os.getpid() != here:
            raise RuntimeError("out of cheese")
        return parameters["a"] * x

    with pytest.raises(RuntimeError, match="out of cheese"):
        bifurcation(
            step, np.ones(1), {}, {"a": [0.1]}, Measure(), Run(workers=Workers(client))
        )


def test_double_precision_of_what_a_map_holds_survives_the_journey():
    with jax.enable_x64(True):
        third = jnp.asarray(1 / 3)

    def step(x, parameters):
        return x * 0 + third + parameters["a"]

    work = Work(step, third[None], {}, {"a": np.zeros(1)}, Measure(), ("a",), (1,))
    arrived = _unpacked(cloudpickle.dumps(work))
    with jax.enable_x64(True):
        assert float(arrived.step(arrived.state, {"a": 0.0})[0]) == 1 / 3
    assert arrived.state.dtype == np.float64


def test_unreachable_address():
    with (
        pytest.raises(OSError, match="Timed out"),
        __import__("dask").config.set({"distributed.comm.timeouts.connect": "200ms"}),
    ):
        sweep_cases.run("bifurcation", None, 4, workers=Workers("tcp://127.0.0.1:9"))


@pytest.mark.skipif(sys.platform == "win32", reason="needs a shell")
def test_jobs_of_a_batch_system(tmp_path, monkeypatch):
    """With a stand-in for Slurm, which runs each job at once."""
    pytest.importorskip("dask_jobqueue")
    commands = {
        # Like the real one, it keeps a copy: the script is gone by the time the job
        # starts.
        "sbatch": f'cp "$1" {tmp_path}/job.sh; cd {tmp_path}; '
        "bash job.sh >job.log 2>&1 & "
        'echo $! >>jobs; echo "Submitted batch job $!"',
        "scancel": 'kill "$@" 2>/dev/null; true',
    }
    for name, script in commands.items():
        file = tmp_path / name
        file.write_text(f"#!/bin/bash\n{script}\n")
        file.chmod(file.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.chdir(tmp_path)
    options = {
        "cores": 1,
        "memory": "1GB",
        "interface": "lo",
        "jobs": 1,
        "scheduler_options": {"dashboard_address": ":0"},
    }
    there = sweep_cases.run(
        "bifurcation",
        None,
        12,
        workers=Workers(cluster="slurm", cluster_options=options),
    )
    xr.testing.assert_identical(there, sweep_cases.run("bifurcation", None, 12))
    assert len((tmp_path / "jobs").read_text().split()) == 1


@pytest.mark.parametrize("name", ["isinglass", "jax"])
def test_a_worker_with_other_software_is_refused(name, client, monkeypatch):
    versions = {**workers.versions(), name: "0.0.1"}
    monkeypatch.setattr(workers, "versions", lambda: versions)
    with pytest.raises(RuntimeError, match=rf"other software \({name} .* there, 0.0.1"):
        sweep_cases.run("bifurcation", None, 12, workers=Workers(client))
