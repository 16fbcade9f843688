"""``isinglass radius``."""

import csv
import json
import xml.etree.ElementTree as ET

import numpy as np
import pytest
from typer.testing import CliRunner

from helpers.memory_training import random_model
from isinglass import cli
from isinglass.data import ByteTokens, save_tokens
from isinglass.systems.memory import (
    Reading,
    TransformerConfig,
    layer_radius,
    save_gpt2,
    sequences_of,
)

CONFIG = TransformerConfig(vocabulary=256, context=12, width=8, heads=2, layers=2)


@pytest.fixture(scope="module")
def model():
    return random_model(CONFIG)


@pytest.fixture
def folder(model, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    save_gpt2(model, tmp_path / "model")
    save_tokens(ByteTokens(), tmp_path / "model")
    (tmp_path / "text").write_bytes(
        np.random.default_rng(1).integers(0, 256, 500, "u1").tobytes()
    )
    return tmp_path


def command(*arguments):
    usual = ("radius", "--model", "model", "--text", "text", "--batch", 16, *arguments)
    return CliRunner().invoke(cli.app, [str(argument) for argument in usual])


def test_the_report_is_printed_and_written(folder, model):
    result = command("--out", "here", "--fraction", 0.5, "--fraction", 1)
    assert result.exit_code == 0, result.output
    text = np.frombuffer((folder / "text").read_bytes(), np.uint8)
    sequences, reading = sequences_of(text, 12), Reading(batch=16)
    expected = layer_radius(model, sequences, reading, fractions=(0.5, 1.0))
    for part in (
        "Memory radius of model on text",
        "√(n/2πe)",
        "final",
        "here/radius.csv",
    ):
        assert part in result.stdout
    record = json.loads((folder / "here/radius.json").read_text())
    with (folder / "here/radius.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == len(record["rows"]) == 4 * 2
    assert record["about"]["sequences"] == 41
    assert record["about"]["context"] == 12
    for row, again in zip(record["rows"], rows, strict=True):
        measured = expected.sel(layer=row["layer"], fraction=row["fraction"])
        assert row["median"] == float(again["median"]) == float(measured["median"])
        assert row["asymptote"] == float(expected.asymptote)
        assert f"{row['median']:.4g}" in result.stdout
    assert (folder / "here/radius.png").read_bytes().startswith(b"\x89PNG")
    assert ET.parse(folder / "here/radius.svg").getroot().tag.endswith("svg")
    assert sorted(path.name for path in (folder / "here").iterdir()) == [
        "radius.csv",
        "radius.json",
        "radius.png",
        "radius.svg",
    ]


@pytest.mark.usefixtures("sketches")
def test_one_layer_can_be_asked_for(folder):
    result = command(
        "--layer", "final", "--samples", 20, "--context", 8, "--position", "mean"
    )
    assert result.exit_code == 0, result.output
    record = json.loads((folder / "isinglass-radius/radius.json").read_text())
    assert {row["layer"] for row in record["rows"]} == {"final"}
    assert record["about"]["sequences"] == record["rows"][-1]["vectors"] == 20


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--layer", "7"), "layers must be 0 to 2 or 'final', got '7'"),
        (("--context", 13), "--context must be 1 to the model's 12, got 13"),
        (("--context", 0), "--context must be 1 to the model's 12, got 0"),
        (("--samples", 1), "--samples must be at least 2, got 1"),
        (("--position", "all"), "--position must be last or mean, got 'all'"),
        (
            ("--precision", "float16"),
            "--precision must be float32 or bfloat16, got 'float16'",
        ),
        (
            ("--fraction", 0.03),
            "--fraction must each leave two vectors at least, got 0.03 of 41 ",
        ),
        (
            ("--samples", 5),
            "--fraction must each leave two vectors at least, got 0.25 of --samples",
        ),
        (("--fraction", 2), "--fraction must be in (0, 1], got 2"),
        (
            ("--fraction", 0.5, "--fraction", 0.5),
            "--fraction must be different numbers, got",
        ),
        (("--seed", -1), "--seed must be at least 0, got -1"),
        (("--text", "none"), "no file of text at none"),
        (("--model", "none"), "no folder of a model at none"),
        (("--model", "."), "no file config.json"),
    ],
)
def test_bad_options_are_refused_in_one_line(arguments, message, folder):
    result = command(*arguments)
    assert result.exit_code == 2, result.output
    assert result.stdout == ""
    assert message in result.stderr
    assert len(result.stderr.splitlines()) == 1


@pytest.mark.usefixtures("sketches")
def test_a_folder_without_a_tokenizer_is_bytes_only_if_that_is_said(folder):
    for path in (folder / "model").glob("tokenizer*"):
        path.unlink()
    result = command()
    assert result.exit_code == 2
    assert "no tokenizer in model: neither tokenizer.json nor" in result.stderr
    assert "or give --tokens bytes" in result.stderr
    assert command("--tokens", "bytes").exit_code == 0
    result = command("--tokens", "words")
    assert "--tokens must be folder or bytes, got 'words'" in result.stderr


def test_a_text_too_short_is_refused(folder):
    (folder / "text").write_bytes(b"x" * 23)
    result = command()
    assert result.exit_code == 2
    assert "text must have two sequences of 12 tokens at least" in result.stderr
