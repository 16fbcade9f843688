"""What a sweep leaves in its folder, and what it makes of what it finds there."""

import dataclasses
import errno
import itertools
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
import zarr

from helpers import sweep_cases
from helpers.sweep_cases import MEASURE, cubic, files
from isinglass.dynamics import (
    Run,
    Section,
    SweepWarning,
    bifurcation,
    phase_diagram,
    read_plan,
    resume,
)
from isinglass.dynamics.sweep import tile_work
from isinglass.dynamics.sweep.plan import versions

KINDS = ("bifurcation", "continuation", "phase_diagram")
VALUES = {"bifurcation": 24, "continuation": 12, "phase_diagram": 6}
TILES = {"bifurcation": 6, "continuation": 6, "phase_diagram": 3}


class Stop(Exception):
    """Raised by a test to end a sweep midway."""


def run(kind, directory, **options):
    return sweep_cases.run(kind, directory, VALUES[kind], **options)


def stop_after(share):
    def progress(done, total):
        if done >= share * total:
            raise Stop

    return progress


def results(directory):
    return files(directory / "results.zarr")


@pytest.fixture
def late_end(monkeypatch, kind):
    """The last tile takes so long that a sweep can be stopped before it."""
    compute, count = tile_work.compute, itertools.count(1)

    def late(work, tile, before, tick=None):
        is_last = next(count) == TILES[kind]
        result = compute(work, tile, before, tick)
        time.sleep(0.5 * is_last)
        return result

    monkeypatch.setattr(tile_work, "compute", late)


@pytest.fixture
def computed(monkeypatch):
    """Numbers of the tiles that are computed from now on."""
    numbers = []
    compute = tile_work.compute

    def noted(work, tile, before, tick=None):
        numbers.append(tile.index)
        return compute(work, tile, before, tick)

    monkeypatch.setattr("isinglass.dynamics.sweep.workers.compute", noted)
    return numbers


@pytest.fixture(scope="session")
def whole(tmp_path_factory):
    """Folders of finished sweeps, by kind; not to be changed."""
    folders = {kind: tmp_path_factory.mktemp("sweeps") / kind for kind in KINDS}
    for kind, folder in folders.items():
        run(kind, folder)
    return folders


@pytest.fixture
def bifurcated(whole, tmp_path):
    """A finished sweep that may be changed."""
    return Path(shutil.copytree(whole["bifurcation"], tmp_path / "sweep"))


@pytest.mark.parametrize("kind", KINDS)
def test_stored_is_what_memory_holds(kind, whole):
    stored = xr.open_zarr(whole[kind] / "results.zarr")
    xr.testing.assert_identical(stored.load(), run(kind, None))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("share", [0.0, 0.3, 0.8])
@pytest.mark.usefixtures("late_end")
def test_goes_on_where_it_stopped(kind, share, whole, tmp_path, computed):
    with pytest.raises(Stop):
        run(kind, tmp_path, progress=stop_after(share))
    done = {int(marker.stem) for marker in (tmp_path / "done").glob("*.json")}
    assert len(done) < TILES[kind]
    computed.clear()
    run(kind, tmp_path)
    assert sorted(computed) == sorted(set(range(TILES[kind])) - done)
    assert results(tmp_path) == results(whole[kind])


@pytest.mark.parametrize("kind", KINDS)
def test_finished_is_returned_at_once(kind, whole, computed):
    before = files(whole[kind])
    diagram = run(kind, whole[kind])
    assert not computed
    assert files(whole[kind]) == before
    assert diagram.sizes["a"] == VALUES[kind]


def test_resume_needs_only_map_and_start(whole, tmp_path):
    with pytest.raises(Stop):
        run("continuation", tmp_path, progress=stop_after(0.5))
    diagram = resume(tmp_path, cubic, np.array([0.1]))
    assert results(tmp_path) == results(whole["continuation"])
    xr.testing.assert_identical(diagram.load(), run("continuation", None))


def test_resume_rebuilds_every_kind_of_argument(tmp_path):
    def see(x):
        return x[:1] * 2

    measure = dataclasses.replace(
        MEASURE, observable=see, section=Section(0, 0.1, tolerance=0.5), exponents=None
    )
    starts = np.array([[0.1, 0.0], [0.2, 0.1], [0.3, 0.2]])
    vary = {
        "a": xr.DataArray([1.0, 1.1, 1.2], dims="a", attrs={"units": "kT"}),
        "b": [0.0, 0.1],
    }
    arguments = (cubic, starts, {"unused": np.eye(2), "n": 3}, vary, measure)
    first = phase_diagram(*arguments, run=Run(starts=3, lanes=5, store=tmp_path)).load()
    with pytest.raises(ValueError, match=r"observable must be that .*\.see"):
        resume(tmp_path, cubic, starts)
    shutil.rmtree(tmp_path / "done")
    xr.testing.assert_identical(
        resume(tmp_path, cubic, starts, observable=see).load(), first
    )


def test_recipe_is_kept_for_whoever_resumes(tmp_path):
    recipe = {"map": "cubic", "weights": [1, 2.5], "nested": {"x": None}}
    run("bifurcation", tmp_path, recipe=recipe)
    plan = read_plan(tmp_path)
    assert plan.recipe == recipe
    assert plan.kind == "bifurcation"
    assert plan.parameters == {"b": 0.0}
    assert plan.measure["transient"] == MEASURE.transient
    assert list(plan.vary["a"]) == np.linspace(1.0, 2.6, 24).tolist()
    run("bifurcation", tmp_path)  # by someone who knows of no recipe
    assert read_plan(tmp_path).recipe == recipe


@pytest.mark.parametrize("damage", ["delete", "truncate"])
def test_damaged_tile_is_computed_again(damage, bifurcated, whole, computed):
    chunk = bifurcated / "results.zarr" / "points" / "c" / "2" / "0" / "0"
    if damage == "delete":
        chunk.unlink()
    else:
        chunk.write_bytes(chunk.read_bytes()[:10])
    run("bifurcation", bifurcated)
    assert computed == [2]
    assert results(bifurcated) == results(whole["bifurcation"])


def test_lost_results_are_computed_again(bifurcated, whole):
    shutil.rmtree(bifurcated / "results.zarr")
    run("bifurcation", bifurcated)
    assert results(bifurcated) == results(whole["bifurcation"])


def test_leftovers_of_a_kill_are_cleared(bifurcated, whole):
    (
        bifurcated / "results.zarr" / "points" / "c" / "0" / "0" / "0.ab.partial"
    ).write_bytes(b"x")
    (bifurcated / "done" / ".0000001.json.ab.tmp").write_bytes(b"x")
    (bifurcated / ".results.zarr.ab.tmp").mkdir()
    run("bifurcation", bifurcated)
    assert files(bifurcated).keys() == files(whole["bifurcation"]).keys()


def test_folder_where_a_kill_left_no_plan_is_free(tmp_path, whole):
    (tmp_path / ".plan.json.ab12.tmp").write_bytes(b"{")
    (tmp_path / "lock").touch()
    run("bifurcation", tmp_path)
    assert results(tmp_path) == results(whole["bifurcation"])


OTHERS = [
    (
        {"vary": {"a": [1.0, 2.0]}},
        r"values of a: 24 from 1\.0 to 2\.6 there, 2 from 1\.0 to 2\.0",
    ),
    (
        {"vary": {"c": [1.0]}, "parameters": {"a": 1.0, "b": 0.0, "c": 0.0}},
        r"varied parameters: \['a'\] there, \['c'\] asked for",
    ),
    ({"parameters": {"b": 0.5}}, r"parameter b: 0\.0 there, 0\.5 asked for"),
    ({"parameters": {"b": 0.0, "z": 1}}, "parameter z: none there, 1 asked for"),
    (
        {"measure": dataclasses.replace(MEASURE, steps=101)},
        "measure.steps: 100 there, 101 asked",
    ),
    (
        {"measure": dataclasses.replace(MEASURE, section=Section(0, tolerance=0.1))},
        "measure.section: None there",
    ),
    ({"run": {"lanes": 7}}, "lanes"),
    ({"state": np.array([0.2])}, "first steps of the map, initial state or observable"),
    (
        {"state": np.array([[0.1]]), "run": {"starts": 1}},
        "starts: None there, 1 asked for",
    ),
    (
        {"step": lambda x, p: cubic(x, p) + 1e-7 * x},
        r"cubic there, .*lambda.* asked for",
    ),
    (
        {"state": np.array([0.1, 0.1])},
        "first steps of the map, initial state or observable",
    ),
]


@pytest.mark.parametrize(("change", "message"), OTHERS)
def test_other_sweep_is_refused_and_left_alone(change, message, whole):
    folder = whole["bifurcation"]
    before = files(folder)
    arguments = {
        "step": cubic,
        "state": np.array([0.1]),
        "parameters": {"b": 0.0},
        "vary": {"a": np.linspace(1.0, 2.6, 24)},
        "measure": MEASURE,
    }
    change = dict(change)
    how = Run(**{"lanes": 4, **change.pop("run", {})}, store=folder)
    with pytest.raises(ValueError, match=message) as error:
        bifurcation(**{**arguments, **change}, run=how)
    assert str(folder) in str(error.value)
    assert files(folder) == before


def test_other_inner_value_is_named(whole):
    values = np.linspace(1.0, 2.6, 24)
    values[3] += 0.001
    with pytest.raises(
        ValueError, match=r"value 3 of a: 1\.2\d+ there, 1\.2\d+ asked for"
    ):
        bifurcation(
            cubic,
            np.array([0.1]),
            {"b": 0.0},
            {"a": values},
            MEASURE,
            Run(lanes=4, store=whole["bifurcation"]),
        )


def test_renamed_map_is_the_same(whole):
    def renamed(x, parameters):
        return cubic(x, parameters)

    bifurcation(
        renamed,
        np.array([0.1]),
        {"b": 0.0},
        {"a": np.linspace(1.0, 2.6, 24)},
        MEASURE,
        Run(lanes=4, store=whole["bifurcation"]),
    )


def test_other_kind_is_refused(whole):
    with pytest.raises(
        ValueError, match="kind of sweep: bifurcation there, continuation asked"
    ):
        sweep_cases.run("continuation", whole["bifurcation"], 24)


def test_resume_off_refuses_what_is_there(whole, tmp_path):
    before = files(whole["bifurcation"])
    with pytest.raises(FileExistsError, match="resume=True"):
        run("bifurcation", whole["bifurcation"], resume=False)
    assert files(whole["bifurcation"]) == before
    run("bifurcation", tmp_path / "new" / "folder", resume=False)


class TestForeign:
    def refused(self, folder, message):
        before = files(folder)
        with pytest.raises(ValueError, match=message):
            run("bifurcation", folder)
        assert files(folder) == before

    def test_zarr_store_in_the_folder(self, tmp_path):
        zarr.create_array(tmp_path, shape=(3,), dtype="f8")[:] = 1
        self.refused(tmp_path, r"holds c, zarr\.json but no plan\.json")

    def test_zarr_store_in_its_place(self, tmp_path):
        xr.Dataset({"x": ("t", np.arange(3.0))}).to_zarr(
            tmp_path / "results.zarr", consolidated=False
        )
        self.refused(tmp_path, r"holds results\.zarr but no plan\.json")

    def test_zarr_store_beside_the_plan(self, bifurcated):
        shutil.rmtree(bifurcated / "results.zarr")
        zarr.create_group(bifurcated / "results.zarr")
        self.refused(
            bifurcated, r"results\.zarr is not what the plan\.json beside it describes"
        )

    def test_broken_zarr_store(self, bifurcated):
        (bifurcated / "results.zarr" / "zarr.json").write_text("{")
        self.refused(bifurcated, r"results\.zarr is damaged")

    def test_files_of_someone(self, tmp_path):
        (tmp_path / "thesis.tex").write_text("\\begin")
        self.refused(tmp_path, r"holds thesis\.tex but no plan\.json")

    def test_a_file_in_its_place(self, tmp_path):
        (tmp_path / "file").write_text("x")
        with pytest.raises(ValueError, match="must be a folder"):
            run("bifurcation", tmp_path / "file")
        assert (tmp_path / "file").read_text() == "x"

    @pytest.mark.parametrize("length", [0, 1, 20, 400, -2])
    def test_truncated_plan(self, length, bifurcated):
        plan = bifurcated / "plan.json"
        plan.write_text(plan.read_text()[:length])
        self.refused(bifurcated, r"plan\.json is damaged")
        with pytest.raises(ValueError, match="is damaged"):
            read_plan(bifurcated)

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            ({"version": 99}, "version 99; expected 'isinglass-sweep' version 1"),
            ({"format": "x"}, "format 'x'"),
            ({"tile": None}, "is damaged"),
            ({"vary": 3}, "is damaged"),
            ({"surprise": 3}, "is damaged"),
        ],
    )
    def test_plan_of_another_make(self, change, message, bifurcated):
        plan = bifurcated / "plan.json"
        plan.write_text(json.dumps({**json.loads(plan.read_text()), **change}))
        self.refused(bifurcated, message)

    @pytest.mark.parametrize(
        "text", ["[]", "3", '"x"', "null", "\udcff".encode("utf-8", "replace")]
    )
    def test_plan_that_is_none(self, text, bifurcated):
        (bifurcated / "plan.json").write_bytes(
            text if isinstance(text, bytes) else text.encode()
        )
        self.refused(bifurcated, "is damaged|format None")

    def test_no_plan(self, tmp_path):
        with pytest.raises(FileNotFoundError, match="not the folder of a sweep"):
            read_plan(tmp_path)
        with pytest.raises(FileNotFoundError, match="not the folder of a sweep"):
            resume(tmp_path, cubic, np.array([0.1]))


def test_two_at_a_time_are_refused(tmp_path):
    fcntl = pytest.importorskip("fcntl")
    with pytest.raises(Stop):
        run("bifurcation", tmp_path, progress=stop_after(0.5))
    before = files(tmp_path)
    with (tmp_path / "lock").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(BlockingIOError, match="another process is at work"):
            run("bifurcation", tmp_path)
    assert files(tmp_path) == before
    run("bifurcation", tmp_path)


def test_other_software_is_told_of(tmp_path, monkeypatch):
    with pytest.raises(Stop):
        run("bifurcation", tmp_path, progress=stop_after(0.5))
    then = dict(versions())
    monkeypatch.setattr(
        "isinglass.dynamics.sweep.store.versions", lambda: {**then, "jax": "99.0"}
    )
    with pytest.warns(SweepWarning, match=r"jax .* then, 99\.0 now"):
        run("bifurcation", tmp_path)
    assert [noted["jax"] for noted in read_plan(tmp_path).versions] == [
        then["jax"],
        "99.0",
    ]
    monkeypatch.undo()
    run("bifurcation", tmp_path)  # finished: nothing is computed, nothing to warn of


class TestFullDisk:
    def test_done_tiles_are_kept_and_it_goes_on(
        self, tmp_path, whole, monkeypatch, computed
    ):
        from zarr.storage import _local

        put, written = _local._put, []

        def until_full(path, value, exclusive=False):
            if len(written) >= 60:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
            written.append(path)
            return put(path, value, exclusive)

        monkeypatch.setattr(_local, "_put", until_full)
        with pytest.raises(
            OSError,
            match="No space left on device: the sweep cannot be written; "
            "the tiles finished so far are kept",
        ) as error:
            run("bifurcation", tmp_path)
        assert error.value.errno == errno.ENOSPC
        monkeypatch.setattr(_local, "_put", put)
        done = {int(marker.stem) for marker in (tmp_path / "done").glob("*.json")}
        assert 0 < len(done) < TILES["bifurcation"]
        computed.clear()
        run("bifurcation", tmp_path)
        assert sorted(computed) == sorted(set(range(TILES["bifurcation"])) - done)
        assert results(tmp_path) == results(whole["bifurcation"])

    def test_no_room_for_the_plan_or_the_store(self, tmp_path, whole):
        pytest.importorskip("resource")
        sizes = (400, 4000)
        script = (
            "import resource, sys\nfrom helpers import sweep_cases\n"
            "_, most = resource.getrlimit(resource.RLIMIT_FSIZE)\n"
            f"for size in {sizes}:\n"
            "    resource.setrlimit(resource.RLIMIT_FSIZE, (size, most))\n"
            "    try:\n"
            "        folder = f'{sys.argv[1]}/{size}'\n"
            "        sweep_cases.run('bifurcation', folder, 24)\n"
            "    except OSError as error:\n        print(error)\n"
        )
        done = subprocess.run(
            [sys.executable, "-c", script, str(tmp_path)],
            capture_output=True,
            text=True,
            check=True,
            cwd=Path(sweep_cases.__file__).parents[1],
        )
        message = "File too large: the sweep cannot be written"
        assert done.stdout.count(message) == len(sizes)
        for size in sizes:
            run("bifurcation", tmp_path / str(size))
            assert results(tmp_path / str(size)) == results(whole["bifurcation"])

    def test_unwritable_folder(self, tmp_path, monkeypatch):
        def refuse(*_, **__):
            raise PermissionError(errno.EACCES, "Permission denied", "there")

        monkeypatch.setattr("isinglass._common.files._NewFile", refuse)
        with pytest.raises(
            PermissionError, match="Permission denied: the sweep cannot be written"
        ):
            run("bifurcation", tmp_path)


@pytest.mark.parametrize("again", ["the same call", "resume"])
def test_a_sweep_keeps_the_sizes_it_began_with_on_whatever_machine(
    tmp_path, monkeypatch, again
):
    start, a = np.array([0.1]), np.linspace(1.0, 2.6, 24)

    def swept(store, progress=None):
        run = Run(store=store, progress=progress)
        return bifurcation(cubic, start, {"b": 0.0}, {"a": a}, MEASURE, run)

    def machine_that_suits(lanes):
        monkeypatch.setattr(
            "isinglass.dynamics.sweep.diagrams.lanes_that_suit", lambda *_: lanes
        )

    machine_that_suits(4)
    whole = swept(tmp_path / "whole").load()
    with pytest.raises(Stop):
        swept(tmp_path / "part", stop_after(0.3))
    machine_that_suits(9)
    part = tmp_path / "part"
    rest = swept(part) if again == "the same call" else resume(part, cubic, start)
    assert read_plan(part).tile == (4,)
    xr.testing.assert_identical(rest.load(), whole)
