"""``isinglass list`` and ``show``, completion, help, and usage errors."""

import json
import os
import subprocess
import sys

import pytest
from typer.testing import CliRunner

from isinglass import cli
from isinglass.reproduce import catalogue

COMMANDS = (
    "list",
    "show",
    "reproduce",
    "report",
    "sweep",
    "resume",
    "radius",
    "explore",
)


def run(*arguments):
    return CliRunner(env={"COLUMNS": "80"}).invoke(
        cli.app, list(arguments), prog_name="isinglass"
    )


def test_the_list_of_a_system_has_its_experiments_only():
    result = run("list", "looped")
    assert result.exit_code == 0
    for name in catalogue.entries():
        assert (name in result.stdout) == name.startswith("looped-")


def test_the_list_of_an_unknown_system_is_refused():
    result = run("list", "meanfeild")
    assert result.exit_code == 2
    assert "did you mean meanfield" in result.stderr


def test_the_list_as_json_has_all_experiments():
    records = json.loads(run("list", "--json").stdout)
    assert [record["name"] for record in records] == list(catalogue.entries())
    (partition,) = [r for r in records if r["name"] == "memory-partition"]
    assert partition == json.loads(run("show", "memory-partition", "--json").stdout)
    assert partition["paper"]["url"] == "https://arxiv.org/abs/2405.08707"
    assert partition["seeds"] == {"default": 1, "quick": 1}
    assert partition["commands"]["quick"] == (
        "isinglass reproduce memory-partition --quick"
    )


@pytest.mark.parametrize("name", catalogue.entries())
def test_one_experiment_is_shown_whole_in_80_columns(name):
    entry = catalogue.entries()[name]
    result = run("show", name)
    assert result.exit_code == 0
    assert max(map(len, result.stdout.splitlines())) <= 80
    words = " ".join(result.stdout.split())
    for text in (
        f"{name}: {entry.experiment.title}",
        entry.experiment.question,
        entry.experiment.source,
        entry.paper.title,
        f"https://arxiv.org/abs/{entry.paper.arxiv}",
        f"isinglass reproduce {name} --quick",
        *(f"--{source.name}" for source in entry.experiment.inputs),
    ):
        assert " ".join(text.split()) in words
    assert ("--full" in words) == ("full" in entry.experiment.seconds)


@pytest.mark.parametrize("name", ["memory", "all"])
def test_several_experiments_are_not_shown(name):
    result = run("show", name)
    assert result.exit_code == 2
    assert "stands for several experiments" in result.stderr


@pytest.mark.parametrize("command", COMMANDS)
def test_help_names_no_type_of_a_flag(command):
    text = run(command, "--help").stdout
    assert "--debug" in text
    assert "bool" not in text


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("reproduce x --seeds q", "--seeds must be a whole number, got 'q' (see"),
        ("sweep henon --vary a=1,2 --section-tolerance z", "must be a number, got 'z'"),
        ("radius --model a --text b --fraction h", "--fraction must be a number"),
        ("reproduce", "reproduce needs NAME (see `isinglass reproduce --help`)"),
        ("reproduce x --sedes 3", "no option --sedes: did you mean --seed or --seeds?"),
        ("reproduce x --quick=3", "--quick takes no value"),
        ("sweep henon --vary", "--vary needs a value"),
        ("repro", "there is no command 'repro': did you mean report or reproduce?"),
        ("report a b", "unexpected extra argument(s) (b)"),
        ("reproduce x --out=", "--out: it must name a folder, got an empty text"),
    ],
)
def test_what_is_no_command_line_is_refused_in_one_line_of_our_own(line, message):
    result = run(*line.split())
    assert result.exit_code == 2
    assert result.stderr.startswith("isinglass: error: ")
    assert len(result.stderr.splitlines()) == 1
    assert message in result.stderr


def test_no_command_shows_the_help_and_is_bad_usage():
    result = run()
    assert result.exit_code == 2
    assert "Usage: isinglass" in result.output


def completions(line):
    """What bash is told for the last word of a line."""
    words = line.split(" ")
    environment = {
        **os.environ,
        "COMP_WORDS": line,
        "COMP_CWORD": str(len(words) - 1),
        "_ISINGLASS_COMPLETE": "complete_bash",
    }
    command = [sys.executable, "-m", "isinglass"]
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    return done.stdout.split()


def test_shells_complete_names_and_options():
    assert completions("isinglass re") == ["reproduce", "report", "resume"]
    names = [name for name in catalogue.entries() if name.startswith("meanfield-")]
    assert completions("isinglass reproduce mea") == ["meanfield", *names]
    assert completions("isinglass show memory-q") == ["memory-question-formation"]
    assert completions("isinglass list i") == ["interference"]
    assert completions("isinglass reproduce --q") == ["--quick"]
