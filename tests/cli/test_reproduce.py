import os
import subprocess
import sys
from pathlib import Path
from typing import IO

import pytest
from typer.testing import CliRunner

import isinglass
from helpers import fakes
from helpers.memory_training import random_model
from isinglass import cli
from isinglass.data.mnist import ENVIRONMENT_VARIABLE
from isinglass.report import html
from isinglass.reproduce import catalogue, inputs, results
from isinglass.reproduce.ledger import from_json


@pytest.fixture
def toys(monkeypatch):
    """The catalogue, holding toy experiments that a test may replace."""
    entries = {name: fakes.entry(name) for name in ("toy-one", "toy-two", "toy-three")}
    monkeypatch.setattr(catalogue, "entries", lambda: entries)
    monkeypatch.delenv(ENVIRONMENT_VARIABLE, raising=False)
    return entries


SKETCHED = pytest.mark.usefixtures("sketches")


def fail(toys, name, error):
    toys[name] = fakes.entry(name, fakes.raising(error))


@pytest.fixture
def isinglass_command(toys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def run(*arguments):
        return CliRunner().invoke(cli.app, [str(argument) for argument in arguments])

    return run


def test_version(isinglass_command):
    result = isinglass_command("--version")
    assert (result.exit_code, result.stdout) == (
        0,
        f"isinglass {isinglass.__version__}\n",
    )


def test_list(isinglass_command):
    result = isinglass_command("list")
    assert result.exit_code == 0
    for text in ("toy-one", "toy-three", "Nobody 1999", "1 s"):
        assert text in result.stdout


def test_reproduce_ends_with_the_table_and_the_report(isinglass_command, tmp_path):
    result = isinglass_command(
        "reproduce", "toy-two", "toy-one", "--seeds", 4, "--seed", 2
    )
    assert result.exit_code == 0
    assert result.stdout.index("Title of toy-one") < result.stdout.index(
        "Title of toy-two"
    )
    assert result.stdout.endswith("Report: isinglass-report/report.html\n")
    out = tmp_path / "isinglass-report"
    rows = from_json((out / "ledger.json").read_text())
    assert [(row.experiment, row.n, row.paper) for row in rows] == [
        ("toy-one", 4, 2.0),
        ("toy-two", 4, 2.0),
    ]
    assert {path.name for path in out.iterdir()} == {
        "figures",
        "ledger.csv",
        "ledger.json",
        "report.html",
        "results",
    }


@SKETCHED
def test_report_writes_a_finished_run_anew(isinglass_command, tmp_path):
    isinglass_command("reproduce", "toy-two", "toy-one", "--out", "here")
    page = tmp_path / "here" / "report.html"
    before = page.read_text()
    page.unlink()
    (tmp_path / "here" / "figures" / "toy-one.svg").unlink()
    result = isinglass_command("report", "here")
    assert result.exit_code == 0, result.output
    assert result.stdout.endswith("Report: here/report.html\n")
    assert page.read_text() == before


def test_report_of_a_folder_without_results_is_refused(isinglass_command):
    result = isinglass_command("report", "nowhere")
    assert result.exit_code == 2
    assert "nowhere: holds no measurement" in result.stderr


@SKETCHED
def test_the_report_keeps_earlier_results(isinglass_command, tmp_path):
    isinglass_command("reproduce", "toy-two", "--out", "here")
    isinglass_command("reproduce", "toy-one", "--out", "here")
    page = (tmp_path / "here" / "report.html").read_text()
    assert 0 < page.index('<section id="toy-one"') < page.index('<section id="toy-two"')


@pytest.fixture
def a_model(tmp_path):
    """Folder of a tiny GPT-2 of bytes."""
    from isinglass.data import ByteTokens, save_tokens
    from isinglass.systems.memory import TransformerConfig, save_gpt2

    config = TransformerConfig(vocabulary=256, context=8, width=4, heads=1, layers=1)
    save_gpt2(random_model(config), tmp_path / "a model")
    save_tokens(ByteTokens(), tmp_path / "a model")
    return tmp_path / "a model"


@SKETCHED
class TestTextAndModel:
    """Experiments that use them get them; a result notes them in its settings."""

    @pytest.fixture
    def contexts(self, toys, tmp_path):
        (tmp_path / "text").write_text("words " * 100_000)
        readers = (inputs.text_file, inputs.model)
        toys["toy-one"], contexts = fakes.counting("toy-one", inputs=readers)
        return contexts

    def test_reach_experiments_that_use_them(
        self, isinglass_command, contexts, a_model, tmp_path
    ):
        result = isinglass_command(
            "reproduce", "all", "--text", "text", "--model", a_model
        )
        assert result.exit_code == 0, result.output
        (context,) = contexts
        assert context.path(inputs.text_file) == Path("text")
        assert context.path(inputs.model) == a_model
        folder = tmp_path / "isinglass-report" / "results"
        first, second = (
            results.load(folder / f"{name}.json").run.settings.inputs
            for name in ("toy-one", "toy-two")
        )
        assert {name: record.path for name, record in first.items()} == {
            "text": "text",
            "model": str(a_model),
        }
        assert [len(record.fingerprint) for record in first.values()] == [12, 12]
        assert list(second) == ["mnist"]

    def test_resume_keeps_the_same_and_runs_others_anew(
        self, isinglass_command, contexts, a_model, tmp_path
    ):
        def runs(*options):
            isinglass_command("reproduce", "toy-one", "--resume", *options)
            return len(contexts)

        assert runs("--text", "text") == 1
        assert runs("--text", tmp_path / "text") == 1
        (tmp_path / "text").write_text("other " * 100_000)
        assert runs("--text", "text") == 2
        assert runs("--text", "text", "--model", a_model) == 3
        assert runs("--text", "text", "--model", tmp_path / "." / "a model") == 3
        config = a_model / "config.json"
        config.write_text(config.read_text() + " ")
        assert runs("--text", "text", "--model", a_model) == 4
        assert runs() == 5


@SKETCHED
class TestFailure:
    def test_exits_with_1_and_one_line_and_runs_the_rest(self, isinglass_command, toys):
        fail(toys, "toy-one", ZeroDivisionError("by zero"))
        result = isinglass_command("reproduce", "all")
        assert result.exit_code == 1
        assert "toy-one: failed" in result.stderr
        assert "isinglass: error: ZeroDivisionError: by zero" in result.stderr
        assert "Traceback" not in result.output
        assert "Title of toy-three" in result.stdout

    def test_debug_shows_the_traceback(self, isinglass_command, toys):
        fail(toys, "toy-one", ZeroDivisionError("by zero"))
        result = isinglass_command("reproduce", "toy-one", "--debug")
        assert result.exit_code == 1
        assert "Traceback (most recent call last)" in result.stderr
        assert "fakes.py" in result.stderr

    def test_of_the_disk_while_writing_the_report(self, isinglass_command, monkeypatch):
        def full(*_):
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(html, "write", full)
        result = isinglass_command("reproduce", "toy-one")
        assert result.exit_code == 1
        assert "No space left on device" in result.stderr
        assert "Traceback" not in result.output
        assert "Title of toy-one" in result.stdout

    @pytest.mark.parametrize("name", ["ledger.json", "report.html"])
    def test_of_one_file_names_it_and_loses_nothing(
        self, isinglass_command, tmp_path, name
    ):
        (tmp_path / "out" / name).mkdir(parents=True)
        result = isinglass_command("reproduce", "all", "--out", "out")
        assert result.exit_code == 1
        assert f"out/{name}" in result.stderr
        assert "Traceback" not in result.output
        for toy in ("toy-one", "toy-two", "toy-three"):
            assert f"Title of {toy}" in result.stdout


class TestBadInput:
    """Each exits with 2, says why in one line on stderr, and runs nothing."""

    def refused(self, result, *fragments):
        assert result.exit_code == 2
        assert result.stdout == ""
        for fragment in fragments:
            assert fragment in result.stderr
        assert "Traceback" not in result.stderr
        assert len(result.stderr.splitlines()) == 1

    @pytest.fixture(autouse=True)
    def nothing_runs(self, toys):
        for name in toys:
            fail(toys, name, AssertionError("it ran"))

    def test_unknown_name(self, isinglass_command):
        result = isinglass_command("reproduce", "toy-tree")
        self.refused(result, "'toy-tree'", "did you mean toy-three")

    def test_output_folder_that_is_a_file(self, isinglass_command, tmp_path):
        (tmp_path / "file").write_text("precious")
        self.refused(
            isinglass_command("reproduce", "all", "--out", "file"), "it is a file"
        )
        assert (tmp_path / "file").read_text() == "precious"

    def test_output_folder_below_a_file(self, isinglass_command, tmp_path):
        (tmp_path / "file").write_text("")
        result = isinglass_command("reproduce", "all", "--out", "file/out")
        self.refused(result, "cannot write to the output folder file/out")

    def test_mnist_folder_that_is_empty(self, isinglass_command, tmp_path):
        result = isinglass_command("reproduce", "all", "--mnist", tmp_path)
        self.refused(result, str(tmp_path), "train-images-idx3-ubyte")
        assert list(tmp_path.iterdir()) == []

    def test_mnist_folder_of_the_environment(self, isinglass_command, monkeypatch):
        monkeypatch.setenv(ENVIRONMENT_VARIABLE, "nowhere")
        self.refused(
            isinglass_command("reproduce", "all"), f"{ENVIRONMENT_VARIABLE}: nowhere"
        )

    @pytest.mark.parametrize("option", ["--out", "--mnist", "--model"])
    def test_folder_without_a_name(self, isinglass_command, option):
        result = isinglass_command("reproduce", "all", option, "")
        assert result.exit_code == 2
        assert "must name a folder" in result.stderr

    def test_text_without_a_name(self, isinglass_command):
        result = isinglass_command("reproduce", "all", "--text", "")
        assert result.exit_code == 2
        assert "must name a file" in result.stderr

    @pytest.mark.parametrize(
        ("name", "reason"),
        [
            ("none", "no such file"),
            ("folder", "it is a folder"),
            ("short", "400,000 bytes, so"),
        ],
    )
    def test_text(self, isinglass_command, tmp_path, name, reason):
        (tmp_path / "folder").mkdir()
        (tmp_path / "short").write_text("a few words")
        result = isinglass_command("reproduce", "all", "--text", name)
        self.refused(result, f"--text {name}", reason)
        assert not (tmp_path / "isinglass-report").exists()

    @pytest.mark.parametrize(
        ("name", "reason"), [("none", "no folder of a model"), ("empty", "config.json")]
    )
    def test_model(self, isinglass_command, tmp_path, name, reason):
        (tmp_path / "empty").mkdir()
        result = isinglass_command("reproduce", "all", "--model", name)
        self.refused(result, f"--model {name}", reason)
        assert not (tmp_path / "isinglass-report").exists()

    def test_model_that_is_damaged(self, isinglass_command, a_model):
        (a_model / "model.safetensors").write_bytes(b"no tensors")
        result = isinglass_command("reproduce", "all", "--model", a_model)
        self.refused(result, f"--model {a_model}", "not a whole safetensors file")

    def test_model_without_its_tokens(self, isinglass_command, a_model):
        (a_model / "tokenizer.json").unlink()
        result = isinglass_command("reproduce", "all", "--model", a_model)
        self.refused(result, f"--model {a_model}", "no tokenizer in", "save_tokens")

    @pytest.mark.parametrize(
        ("option", "value"), [("--seeds", 10**6 + 1), ("--seed", 2**63)]
    )
    def test_enormous_numbers(self, isinglass_command, option, value):
        result = isinglass_command("reproduce", "all", option, value)
        self.refused(result, f"{option[2:]} must be", str(value))

    @pytest.mark.parametrize(
        ("option", "value"), [("--seeds", 0), ("--seeds", -3), ("--seed", -1)]
    )
    def test_impossible_numbers(self, isinglass_command, option, value):
        result = isinglass_command("reproduce", "all", option, value)
        self.refused(result, f"{option[2:]} must be at least", str(value))

    def test_damaged_result_in_the_folder(self, isinglass_command, tmp_path):
        (tmp_path / "out" / "results").mkdir(parents=True)
        (tmp_path / "out" / "results" / "toy-one.json").write_text('{"format": 1')
        self.refused(
            isinglass_command("reproduce", "all", "--out", "out"), "toy-one.json"
        )

    @pytest.mark.parametrize(
        "arguments", [["reproduce"], ["reproduce", "all", "--sedes", "3"], ["nothing"]]
    )
    def test_usage(self, isinglass_command, arguments):
        result = isinglass_command(*arguments)
        assert result.exit_code == 2
        assert "Traceback" not in result.output


@SKETCHED
class TestCtrlC:
    def test_keeps_finished_results_and_resume_goes_on(
        self, isinglass_command, toys, tmp_path
    ):
        fail(toys, "toy-two", KeyboardInterrupt())
        result = isinglass_command("reproduce", "all")
        assert result.exit_code == 130
        assert "1 finished result in isinglass-report" in result.stderr
        assert "--resume" in result.stderr
        out = tmp_path / "isinglass-report"
        assert [
            row.experiment for row in from_json((out / "ledger.json").read_text())
        ] == ["toy-one"]
        assert 'id="toy-one"' in (out / "report.html").read_text()

        fail(toys, "toy-one", AssertionError("ran again"))
        toys["toy-two"] = fakes.entry("toy-two")
        result = isinglass_command("reproduce", "all", "--resume")
        assert result.exit_code == 0
        assert "toy-one: kept" in result.stderr
        for name in ("toy-one", "toy-two", "toy-three"):
            assert f"Title of {name}" in result.stdout
            assert f'id="{name}"' in (out / "report.html").read_text()

    def test_before_anything_runs(self, isinglass_command, monkeypatch):
        monkeypatch.setattr(catalogue, "select", fakes.raising(KeyboardInterrupt()))
        assert isinglass_command("reproduce", "all").exit_code == 130


def in_a_new_process(
    *arguments, after="", stdout: int | IO[str] = subprocess.PIPE, **environment
):
    code = (
        "import sys\n"
        f"sys.argv = ['isinglass', *{list(arguments)!r}]\n"
        "from isinglass.cli import main\n"
        "try:\n    main()\nfinally:\n"
        f"    pass\n    {after}\n"
    )
    return subprocess.run(
        [sys.executable, "-c", code],
        stdout=stdout,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **environment},
    )


HEAVY = ("jax", "jaxlib", "matplotlib", "optax", "pandas", "xarray", "zarr")


def heavy_modules_of(*arguments, modules=HEAVY):
    """Which of these modules a command imports."""
    # Of what is there, as a module that waits for its first use has a name, too.
    after = f"print([m for m in {modules} if type(sys.modules.get(m)) is type(sys)])"
    done = in_a_new_process(*arguments, after=after)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()[-1]


def test_nothing_heavy_is_loaded_by_the_list():
    numbers = ("numpy", "scipy", "sklearn", "jinja2")
    assert heavy_modules_of("list", modules=(*HEAVY, *numbers)) == "[]"


@SKETCHED
def test_nothing_heavy_is_loaded_by_resume_with_nothing_to_do(tmp_path):
    command = ("reproduce", "interference-arrival", "--quick", "--seeds", "1")
    command += ("--out", str(tmp_path), "--resume")
    assert CliRunner().invoke(cli.app, command).exit_code == 0
    assert set(HEAVY) & set(sys.modules)  # what it takes to compute it
    assert heavy_modules_of(*command) == "[]"


def test_a_stdout_without_the_characters_gets_others():
    done = in_a_new_process("list", PYTHONIOENCODING="ascii")
    assert done.returncode == 0, done.stderr
    assert "interference-few-shot" in done.stdout


@pytest.mark.skipif(
    not Path("/dev/full").exists(), reason="needs /dev/full, which Linux has"
)
@pytest.mark.parametrize("argument", ["list", "--version"])
def test_a_full_stdout_is_told_in_one_line(argument):
    with Path("/dev/full").open("w") as full:
        done = in_a_new_process(argument, stdout=full)
    assert done.returncode == 1
    assert "No space left on device" in done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize("argument", ["--version", "--help"])
def test_answers_at_once(argument):
    heavy = "{'jax', 'numpy', 'matplotlib', 'sklearn', 'scipy'}"
    done = in_a_new_process(
        argument, after=f"print(sorted({heavy} & set(sys.modules)))"
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "[]"


# tests/system/test_signals.py sends both while a program is computing.
@pytest.mark.parametrize(
    ("name", "code_of_exit"),
    [("SIGINT", 130), pytest.param("SIGTERM", 143, marks=pytest.mark.slow)],
)
def test_a_real_signal_ends_the_process_with_its_code(tmp_path, name, code_of_exit):
    code = (
        "import os, signal, sys, time\n"
        # Shells let their background jobs ignore it, and so do these their children.
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "from helpers import fakes\n"
        "from isinglass import cli\n"
        "from isinglass.reproduce import catalogue\n"
        "def interrupted(context):\n"
        f"    os.kill(os.getpid(), signal.{name})\n"
        "    time.sleep(60)\n"
        "toys = [fakes.entry('toy-one'), fakes.entry('toy-two', interrupted)]\n"
        "catalogue.entries = lambda: {toy.name: toy for toy in toys}\n"
        "sys.argv = ['isinglass', 'reproduce', 'all', '--out', "
        f"{str(tmp_path / 'out')!r}]\n"
        "cli.main()\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        env=environment,
        timeout=50,
    )
    assert done.returncode == code_of_exit
    assert "1 finished result" in done.stderr
    assert (tmp_path / "out" / "results" / "toy-one.json").is_file()
