"""``isinglass sweep`` and ``isinglass resume``."""

import json
import os
import subprocess
import sys
import textwrap
import time
import xml.etree.ElementTree as ET
from pathlib import Path

import jax.numpy as jnp
import numpy as np
import pytest
import xarray as xr
from typer.testing import CliRunner

from isinglass import cli
from isinglass.dynamics import Kind, Measure, Run, bifurcation
from isinglass.explore import notation
from isinglass.explore.features import (
    features_from_words,
    features_in_words,
    random_features,
)
from isinglass.systems.meanfield import Features

# One orthonormalisation a step: no program more, to find out how many are enough.
SHORT = ("--transient", 20, "--steps", 40, "--qr-every", 1)
PLAIN = (*SHORT, "--exponents", 0)
OWN_MAP = """
    import jax.numpy as jnp

    def step(x, parameters):
        first = parameters["r"] * x[0] * (1 - x[0]) - parameters["c"] * x[1]
        return jnp.stack([first, x[0]])

    start = [0.3, 0.2]
"""


@pytest.fixture
def isinglass_command(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def run(*arguments):
        return CliRunner().invoke(cli.app, [str(argument) for argument in arguments])

    return run


@pytest.fixture
def own_map(tmp_path):
    path = tmp_path / "my_map.py"
    path.write_text(textwrap.dedent(OWN_MAP))
    return path


def results(directory) -> xr.Dataset:
    return xr.open_zarr(Path(directory) / "results.zarr", chunks=None).load()


def refused(result, *fragments):
    assert result.exit_code == 2, result.output
    assert result.stdout == ""
    for fragment in fragments:
        assert fragment in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_a_known_map_gives_table_store_and_figure(isinglass_command, tmp_path):
    result = isinglass_command(
        "sweep", "logistic", "--vary", "r=3.2:4:9", "--out", "here"
    )
    assert result.exit_code == 0, result.output
    for text in (
        "Bifurcation diagram over r",
        "chaotic",
        "λ₁",
        'open_zarr("here/results.zarr',
    ):
        assert text in result.stdout
    diagram = results("here")
    assert diagram.r.values.tolist() == np.linspace(3.2, 4, 9).tolist()
    assert diagram.kind.values[[0, -1]].tolist() == [Kind.PERIODIC, Kind.CHAOTIC]
    assert float(diagram.exponents[-1, 0]) == pytest.approx(np.log(2), abs=0.05)
    assert (tmp_path / "here/diagram.png").read_bytes().startswith(b"\x89PNG")
    assert ET.parse(tmp_path / "here/diagram.svg").getroot().tag.endswith("svg")


@pytest.mark.usefixtures("sketches")
class TestSweep:
    def test_again_keeps_what_is_there(self, isinglass_command, tmp_path):
        command = ("sweep", "logistic", "--vary", "r=3.2,3.5", *PLAIN, "--out", "here")
        assert isinglass_command(*command).exit_code == 0
        before = (tmp_path / "here/done/0000000.json").stat().st_mtime_ns
        assert isinglass_command(*command).exit_code == 0
        assert (tmp_path / "here/done/0000000.json").stat().st_mtime_ns == before

    def test_of_the_mean_field_has_the_papers_parameters(self, isinglass_command):
        result = isinglass_command(
            "sweep",
            "meanfield",
            "--vary",
            "beta=0.5,1.4",
            "--exponents",
            0,
            *SHORT,
            "--section",
            "1=0.5",
            "--section-tolerance",
            "2",
        )
        assert result.exit_code == 0, result.output
        diagram = results("isinglass-sweep")
        fixed = json.loads(diagram.attrs["parameters"])
        assert fixed == {"gamma": pytest.approx(220 / 3**0.5), "epsilon": 0.02}
        assert diagram.points.shape == (2, 100, 3)
        assert (
            "component': 1, 'level': 0.5, 'tolerance': 2.0" in diagram.attrs["measured"]
        )

    def test_of_two_parameters_is_a_phase_diagram(self, isinglass_command):
        result = isinglass_command(
            "sweep",
            "henon",
            "--vary",
            "a=0.2:1.6:5",
            "--vary",
            "b=0.1:0.4:4:log",
            *PLAIN,
        )
        assert result.exit_code == 0, result.output
        assert "5 × 4 values" in result.stdout
        diagram = results("isinglass-sweep")
        assert dict(diagram.kind.sizes) == {"a": 5, "b": 4}
        np.testing.assert_allclose(diagram.b, np.geomspace(0.1, 0.4, 4))
        assert "points" not in diagram
        assert (diagram.kind == Kind.DIVERGED).any()

    def test_continuation_finds_the_hysteresis(self, isinglass_command):
        result = isinglass_command(
            "sweep",
            "cubic",
            "--vary",
            "h=-0.3:0.3:31",
            "--continue",
            "both",
            "--exponents",
            0,
        )
        assert result.exit_code == 0, result.output
        # The loop reaches to ±2 (0.5/3)^1.5 = ±0.136 (dynamics.textbook.cubic).
        assert "Up and down differ at −0.12 to 0.12." in result.stdout

    def test_float32_warns_in_one_line(self, isinglass_command):
        result = isinglass_command(
            "sweep", "logistic", "--vary", "r=3,4", *PLAIN, "--precision", "float32"
        )
        assert result.exit_code == 0, result.output
        (line,) = result.stderr.splitlines()
        assert line.startswith("isinglass: warning: float32")


@pytest.mark.usefixtures("sketches")
class TestOwnMap:
    def test_is_swept_as_it_is_from_python(self, isinglass_command, own_map):
        command = (
            "sweep",
            f"{own_map.name}:step",
            "--vary",
            "r=2.5,3.1",
            "--set",
            "c=0.1",
        )
        result = isinglass_command(*command, "--start", "0.4,0.1", "--exponents", 2)
        assert result.exit_code == 0, result.output

        def step(x, parameters):
            return jnp.stack(
                [parameters["r"] * x[0] * (1 - x[0]) - parameters["c"] * x[1], x[0]]
            )

        fixed, vary = {"c": 0.1}, {"r": [2.5, 3.1]}
        expected = bifurcation(
            step, np.array([0.4, 0.1]), fixed, vary, Measure(exponents=2)
        )
        np.testing.assert_array_equal(
            results("isinglass-sweep").points, expected.points
        )

    def test_starts_at_the_start_in_its_file(self, isinglass_command, own_map):
        command = (
            "sweep",
            f"{own_map}:step",
            "--vary",
            "r=2.5,3.1",
            "--set",
            "c=0.1",
            *PLAIN,
        )
        assert isinglass_command(*command, "--out", "a").exit_code == 0
        assert (
            isinglass_command(*command, "--out", "b", "--start", "0.3,0.2").exit_code
            == 0
        )
        np.testing.assert_array_equal(results("a").points, results("b").points)

    def test_a_vector_field_is_swept_as_its_flow(self, isinglass_command, tmp_path):
        (tmp_path / "decay.py").write_text(
            "def field(x, at):\n    return -at['k'] * x\n\nstart = [1.0]\n"
        )
        command = ("sweep", "decay.py:field", "--vary", "k=0.5,2", *SHORT)
        result = isinglass_command(*command, "--dt", 0.1)
        assert result.exit_code == 0, result.output
        assert "nats/time" in result.stdout
        exponents = results("isinglass-sweep").exponents
        np.testing.assert_allclose(exponents[:, 0], [-0.5, -2.0], atol=1e-4)
        assert exponents.attrs["units"] == "nats per unit of time"
        assert isinglass_command("resume", "isinglass-sweep").exit_code == 0
        refused(isinglass_command(*command, "--dt", 0.2), "first steps of the map")
        refused(isinglass_command(*command, "--dt", 0), "--dt must be")
        refused(
            isinglass_command("sweep", "henon", "--vary", "a=1,1.4", "--dt", 0.1),
            "--dt is for vector fields",
        )

    def test_an_angle_is_judged_on_its_circle(self, isinglass_command, tmp_path):
        (tmp_path / "turn.py").write_text(
            "def step(x, at):\n    return x + at['a']\n\nstart = [0.0]\n"
        )
        command = ("sweep", "turn.py:step", "--vary", "a=30,72", *PLAIN)
        result = isinglass_command(*command, "--angle", "0=360")
        assert result.exit_code == 0, result.output
        diagram = results("isinglass-sweep")
        assert diagram["period"].values.tolist() == [12, 5]
        assert float(diagram["points"].max()) < 360
        for bad in ("0", "x=2", "0=0", "0=no", "1=360"):
            refused(
                isinglass_command(*command, "--angle", bad, "--out", "b"), "--angle"
            )
        twice = ("--angle", "0=2pi", "--angle", "0=1")
        refused(isinglass_command(*command, *twice), "--angle names '0' more than once")

    def test_textbook_flows_are_there_by_name(self, isinglass_command):
        for name, vary in (("lorenz", "rho=10,28"), ("duffing", "gamma=0.3,0.5")):
            command = ("sweep", name, "--vary", vary, "--exponents", "all", *SHORT)
            result = isinglass_command(*command, "--out", name)
            assert result.exit_code == 0, result.output
            total = results(name).exponents.sum("exponent")
            divergence = -(10 + 1 + 8 / 3) if name == "lorenz" else -0.3
            np.testing.assert_allclose(total, divergence, atol=2e-3)

    def test_goes_on_from_another_folder_and_tells_a_change(
        self, isinglass_command, own_map, tmp_path, monkeypatch
    ):
        monkeypatch.setattr("sys.dont_write_bytecode", False)
        command = (
            "sweep",
            f"{own_map.name}:step",
            "--vary",
            "r=2.5,3.1",
            "--set",
            "c=0.1",
            *PLAIN,
        )
        assert isinglass_command(*command, "--out", "here").exit_code == 0
        (tmp_path / "elsewhere").mkdir()
        monkeypatch.chdir(tmp_path / "elsewhere")
        assert isinglass_command("resume", tmp_path / "here").exit_code == 0
        own_map.write_text(own_map.read_text() + "\n# a remark\n")
        result = isinglass_command("resume", tmp_path / "here")
        assert result.exit_code == 0
        assert "my_map.py has changed since the sweep began" in result.stderr
        # Of the same size and second: what Python caches of modules is not told apart.
        times = own_map.stat()
        own_map.write_text(own_map.read_text().replace("1 - x[0]", "2 - x[0]"))
        os.utime(own_map, ns=(times.st_atime_ns, times.st_mtime_ns))
        result = isinglass_command("resume", tmp_path / "here")
        assert result.exit_code == 2
        assert "first steps of the map" in result.stderr

    def test_goes_on_where_the_project_has_moved_to(
        self, isinglass_command, own_map, tmp_path, monkeypatch
    ):
        (tmp_path / "a").mkdir()
        own_map.rename(tmp_path / "a" / own_map.name)
        monkeypatch.chdir(tmp_path / "a")
        command = ("sweep", f"{own_map.name}:step", "--vary", "r=2.5,3.1")
        command += ("--set", "c=0.1", *PLAIN, "--out", "out/here")
        assert isinglass_command(*command).exit_code == 0
        monkeypatch.chdir(tmp_path)
        (tmp_path / "a").rename(tmp_path / "b")
        assert isinglass_command("resume", "b/out/here").exit_code == 0
        (tmp_path / "b" / own_map.name).rename(tmp_path / "mine.py")
        refused(
            isinglass_command("resume", "b/out/here"), "does not exist", "--map FILE.py"
        )
        refused(
            isinglass_command("resume", "b/out/here", "--map", "mine.py"), "FUNCTION"
        )
        command = ("resume", "b/out/here", "--map", "mine.py:step")
        assert isinglass_command(*command).exit_code == 0

    def test_bad_ones_are_refused(self, isinglass_command, own_map, tmp_path):
        name, vary = own_map.name, ("--vary", "r=2.5,3.1")
        refused(isinglass_command("sweep", name, *vary), "my_map.py:FUNCTION")
        refused(isinglass_command("sweep", f"{name}:stop", *vary), "function", "'stop'")
        refused(
            isinglass_command("sweep", "no.py:step", *vary), "no.py", "does not exist"
        )
        refused(
            isinglass_command("sweep", f"{name}:step", *vary), "needs 'c'", "--set c="
        )
        command = ("sweep", f"{name}:step", *vary, "--set", "c=1")
        refused(
            isinglass_command(*command, "--set", "d=1"),
            "--set names 'd'",
            "it reads c, r",
        )
        refused(
            isinglass_command(*command, "--start", "0.1"),
            "step must return a state like",
        )
        (tmp_path / "broken.py").write_text("import nothing_like_it\n")
        refused(
            isinglass_command("sweep", "broken.py:step", *vary),
            "broken.py",
            "nothing_like_it",
        )
        assert sorted(
            path.name for path in tmp_path.iterdir() if path.suffix != ""
        ) == [
            "broken.py",
            "my_map.py",
        ]
        assert not (tmp_path / "isinglass-sweep").exists()


@pytest.mark.usefixtures("sketches")
class TestFeatures:
    def test_of_a_file_survive_in_the_plan(self, isinglass_command, tmp_path):
        weights = np.random.default_rng(5).choice([-1, 1], (4, 2, 20 + 1))
        np.savez(tmp_path / "weights.npz", weights=weights)
        command = (
            "sweep",
            "meanfield",
            "--weights",
            "weights.npz",
            "--positional-bits",
            1,
        )
        command = (
            *command,
            "--vary",
            "beta=0.5,1.4",
            "--context",
            3,
            *SHORT,
            "--exponents",
        )
        refused(isinglass_command(*command, 7), "at most 6, the dimension of the state")
        assert isinglass_command(*command, 0).exit_code == 0
        (tmp_path / "weights.npz").unlink()
        assert isinglass_command("resume", "isinglass-sweep").exit_code == 0

    @pytest.mark.parametrize("bits", [0, 2])
    def test_in_words_are_the_same_to_the_last_bit(self, bits):
        weights = np.random.default_rng(1).choice([-1, 1], (4, 3, 70 + bits))
        features = Features.from_weights(weights, bits)
        words = json.loads(json.dumps(features_in_words(features, 70)))
        assert features_from_words(words) == features

    def test_of_random_segments_are_those_of_the_seed(self, isinglass_command):
        words = random_features(4, 2, 1, 7)
        expected = Features.random_segments(4, 1, 66, 2, 7)
        assert features_from_words(words) == expected

    def test_bad_ones_are_refused(self, isinglass_command, tmp_path):
        command = ("sweep", "meanfield", "--vary", "beta=0,1")
        np.save(tmp_path / "pickled.npy", np.array([{}]), allow_pickle=True)
        np.save(tmp_path / "wrong.npy", np.zeros((4, 3, 101)))
        (tmp_path / "cut.npz").write_bytes(b"PK\x03\x04 and no more")
        for name in ("pickled.npy", "wrong.npy", "cut.npz", "none.npy"):
            refused(isinglass_command(*command, "--weights", name), "--weights", name)
        both = ("--weights", "wrong.npy", "--patterns", 3)
        refused(isinglass_command(*command, *both), "--weights", "--patterns")
        refused(
            isinglass_command(*command, "--segments", 0),
            "--segments must be at least 1",
        )
        refused(
            isinglass_command(*command, "--context", 0), "--context must be at least 1"
        )
        refused(
            isinglass_command("sweep", "henon", "--vary", "a=1,2", "--context", 2),
            "--context",
            "meanfield",
            "'henon'",
        )


@pytest.mark.parametrize(
    ("arguments", "fragments"),
    [
        (("hennon", "--vary", "a=1,2"), ("'hennon'", "did you mean henon?")),
        (("henon", "--vary", "a=1:2"), ("--vary", "NAME=LOW:HIGH:COUNT", "'a=1:2'")),
        (("henon", "--vary", "a=1:nan:3"), ("--vary", "not finite")),
        (("henon", "--vary", "a=1:2:1"), ("--vary", "COUNT must be 2")),
        (("henon", "--vary", "a=1"), ("--vary", "--set")),
        (("henon", "--vary", "a=-1:2:5:log"), ("--vary", "above 0")),
        (("henon", "--vary", "a=1,1"), ("--vary a holds 1.0 more than once",)),
        (
            ("henon", "--vary", "a=1,2", "--vary", "a=1,2"),
            ("--vary names 'a' more than once",),
        ),
        (("henon", "--vary", "q=1,2"), ("--vary names 'q'", "it reads a, b")),
        (("henon", "--vary", "a=1,2", "--set", "b=x"), ("--set", "'b=x'")),
        (
            ("henon", "--vary", "a=1,2", "--set", "a=1"),
            ("--set and --vary both", "'a'"),
        ),
        (("henon", "--vary", "a=1,2", "--start", "1,x"), ("--start", "'1,x'")),
        (("henon", "--vary", "a=1,2", "--steps", 0), ("--steps must be at least 1",)),
        (
            ("henon", "--vary", "a=1,2", "--exponents", 3),
            ("--exponents must be at most 2",),
        ),
        (("henon", "--vary", "a=1,2", "--exponents", "some"), ("--exponents", "'all'")),
        (("henon", "--vary", "a=1,2", "--qr-every", 3), ("--qr-every must be",)),
        (("henon", "--vary", "a=1,2", "--section", 1), ("needs --section-tolerance",)),
        (
            ("henon", "--vary", "a=1,2", "--section=2", "--section-tolerance=1"),
            ("--section", "0 to 1"),
        ),
        (("henon", "--vary", "a=1,2", "--precision", "f16"), ("--precision must be",)),
        (("henon", "--vary", "a=1,2", "--lanes", 0), ("--lanes must be",)),
        (
            ("henon", "--vary", "a=1,2", "--cluster", "sturm"),
            ("--cluster must be one of slurm",),
        ),
        (
            ("henon", "--vary", "a=1,2", "--continue", "left"),
            ("--continue must be one of both, up, down, got 'left'",),
        ),
        (
            ("henon", "--vary", "a=1,2", "--cluster-option", "cores=2"),
            ("--cluster-option",),
        ),
        (
            ("henon", "--vary", "a=2:1:5", "--continue", "up"),
            ("--vary a must increase",),
        ),
        (
            ("henon", "--vary", "a=1,2", "--continue", "left"),
            ("--continue must be", "'left'"),
        ),
        (
            ("henon", "--vary", "a=1,2", "--vary", "b=1,2", "--continue", "up"),
            ("--continue",),
        ),
        (
            ("delayed-logistic", "--vary", "r=1,2", "--start", "1"),
            ("--start", "last 2 values"),
        ),
        (("meanfield", "--vary", "gamma=1,2"), ("meanfield needs 'beta'",)),
        (
            ("meanfield", "--vary", "beta=1,2", "--start", "1,2"),
            ("--start", "3 numbers each"),
        ),
    ],
)
def test_bad_input_exits_with_2_and_writes_nothing(
    isinglass_command, tmp_path, arguments, fragments
):
    refused(isinglass_command("sweep", *arguments), *fragments)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.usefixtures("sketches")
def test_a_folder_of_something_else_is_left_alone(isinglass_command, tmp_path):
    command = ("sweep", "henon", "--vary", "a=1,1.1", *PLAIN, "--out", "here")
    (tmp_path / "here").mkdir()
    (tmp_path / "here/thesis.txt").write_text("precious")
    refused(isinglass_command(*command), "--out here", "thesis.txt")
    refused(isinglass_command("resume", "here"), "here", "plan.json")
    refused(isinglass_command("resume", "nowhere"), "nowhere")
    (tmp_path / "here/thesis.txt").unlink()
    assert isinglass_command(*command).exit_code == 0
    refused(
        isinglass_command(*command, "--set", "b=0.2"),
        "--out here",
        "parameter b: 0.3 there",
    )


def test_a_sweep_of_a_program_cannot_be_resumed_here(isinglass_command, tmp_path):
    bifurcation(
        lambda x, parameters: parameters["r"] * x,
        np.zeros(1),
        {},
        {"r": [0.1, 0.2]},
        run=Run(store="here"),
    )
    refused(
        isinglass_command("resume", "here"),
        "made by a program",
        "isinglass.dynamics.resume",
    )


def test_a_full_disk_exits_with_1_and_says_what_is_kept(isinglass_command, monkeypatch):
    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("isinglass.dynamics.sweep.store._flush", full)
    result = isinglass_command("sweep", "henon", "--vary", "a=1,1.1", *SHORT)
    assert result.exit_code == 1
    assert "No space left on device: the sweep cannot be written" in result.stderr
    assert len(result.stderr.splitlines()) == 1
    monkeypatch.undo()


@pytest.mark.parametrize("text", ["1", "=1", "a=", "a=1:2:3:4", "a=1:2:x", "a=1::3"])
def test_what_is_no_range_is_refused(text):
    with pytest.raises(ValueError, match="--vary must be NAME=LOW:HIGH:COUNT"):
        notation.axes([text])


def test_options_of_a_cluster_are_numbers_where_they_can_be():
    texts = ["cores=8", "memory=16GB", "walltime=02:00:00", "queue=long", "nanny=false"]
    assert notation.options(texts) == {
        "cores": 8,
        "memory": "16GB",
        "walltime": "02:00:00",
        "queue": "long",
        "nanny": False,
    }


# A continuation, whose four blocks follow each other on however many cores.
LONG = (
    "sweep",
    "my_map.py:step",
    "--vary",
    "r=2.5:3.4:128",
    "--set",
    "c=0.1",
    "--exponents",
    "2",
    "--continue",
    "up",
    "--transient",
    "50",
    "--steps",
    "100",
    "--qr-every",
    "1",
)
BLOCKS = 4


def begin(folder, out):
    """The sweep, as soon as it has finished more than there was."""
    code = "from isinglass.cli import main; main()"
    before = finished(folder / out)
    process = subprocess.Popen(
        [sys.executable, "-c", code, *LONG, "--out", out],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    deadline = time.monotonic() + 60
    while finished(folder / out) == before and time.monotonic() < deadline:
        assert process.poll() is None, process.communicate()
        time.sleep(0.01)
    return process


def finished(folder):
    return len(list((folder / "done").glob("*.json")))


@pytest.mark.usefixtures("sketches")
def test_a_stopped_sweep_ends_with_the_same_bits(isinglass_command, own_map, tmp_path):
    """By a signal; `tests/system/test_sweep_kill.py` kills, which asks the same."""
    assert isinglass_command(*LONG, "--out", "whole").exit_code == 0
    process = begin(tmp_path, "stopped")
    process.terminate()
    _, messages = process.communicate(timeout=60)
    assert process.returncode == 143, messages
    assert 0 < finished(tmp_path / "stopped") < BLOCKS
    assert "finished tile" in messages
    assert "`isinglass resume stopped` goes on from there" in messages
    assert isinglass_command("resume", "stopped").exit_code == 0
    assert results("stopped").identical(results("whole"))


def test_a_platform_that_is_not_there_is_named(tmp_path):
    command = ["-m", "isinglass", "sweep", "logistic", "--vary", "r=3,4"]
    process = subprocess.run(
        [sys.executable, *command, *map(str, PLAIN), "--out", str(tmp_path)],
        env={**os.environ, "JAX_PLATFORMS": "tpu", "COLUMNS": "200"},
        capture_output=True,
        text=True,
    )
    assert process.returncode == 2, process.stderr
    assert "JAX_PLATFORMS is 'tpu'" in process.stderr
    assert "Traceback" not in process.stderr


@pytest.mark.parametrize("command", ["sweep", "resume"])
def test_help_answers_at_once(command):
    code = (
        "import sys\n"
        f"sys.argv = ['isinglass', {command!r}, '--help']\n"
        "from isinglass.cli import main\n"
        "try:\n    main()\nfinally:\n"
        "    print(sorted({'jax', 'numpy', 'matplotlib', 'scipy', 'xarray'} & "
        "set(sys.modules)))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "[]"
