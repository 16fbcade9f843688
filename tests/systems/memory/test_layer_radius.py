import csv
import inspect
import json
import xml.etree.ElementTree as ET

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from typer.testing import CliRunner

from helpers.memory_training import random_model
from isinglass import cli
from isinglass.systems.memory import (
    Execution,
    TransformerConfig,
    activations,
    continue_greedily,
    layer_radius,
    nearest_neighbour_radius,
    save_gpt2,
    sequences_of,
)

CONFIG = TransformerConfig(vocabulary=256, context=12, width=8, heads=2, layers=2)
TOKENS = np.random.default_rng(0).integers(0, 256, (11, 6)).astype(np.uint8)


@pytest.fixture(scope="module")
def model():
    return random_model(CONFIG)


@pytest.fixture(scope="module")
def passes(model):
    return jax.jit(jax.vmap(model.run))(TOKENS.astype(int))


@pytest.mark.parametrize("positions", ["last", "mean", "all"])
def test_activations_are_those_of_the_model(positions, model, passes, tmp_path):
    found = activations(model, TOKENS, positions=positions, batch=4)
    assert found.layers == ("0", "1", "2", "final")
    whole = np.concatenate([np.moveaxis(passes.stream, 1, 0), passes.final[None]])
    expected = {
        "last": whole[:, :, -1],
        "mean": whole.mean(2),
        "all": whole.reshape(4, -1, 8),
    }[positions]
    np.testing.assert_allclose(found.vectors, expected, rtol=1e-4, atol=1e-6)
    on_disk = activations(
        model, TOKENS, positions=positions, batch=4, out=tmp_path / "a.npy"
    )
    assert isinstance(on_disk.vectors, np.memmap)
    np.testing.assert_array_equal(on_disk.vectors, found.vectors)
    some = activations(model, TOKENS, layers=["final", 1], positions=positions, batch=4)
    np.testing.assert_array_equal(some.of(1), found.of("1"))
    np.testing.assert_array_equal(some.vectors[0], found.of("final"))
    with pytest.raises(ValueError, match=r"layer must be one of .* got 0"):
        some.of(0)


def test_progress_counts_sequences(model):
    told = []
    activations(model, TOKENS, batch=4, progress=lambda *each: told.append(each))
    assert told == [(4, 11), (8, 11), (11, 11)]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"layers": ["3"]}, "layers must be 0 to 2 or 'final', got '3'"),
        ({"layers": [1, "1"]}, "layers must be different ones, at least one"),
        ({"layers": []}, "layers must be different ones, at least one"),
        ({"positions": "first"}, "positions must be one of"),
        ({"batch": 0}, "batch must be at least 1, got 0"),
        ({"tokens": TOKENS.astype(int) + 200}, r"tokens must be in \[0, 255\], got"),
        (
            {"tokens": np.zeros((2, 13), int)},
            "tokens must be sequences of 1 to 12 tokens",
        ),
        (
            {"tokens": np.zeros((0, 5), int)},
            "tokens must be sequences of 1 to 12 tokens",
        ),
    ],
)
def test_bad_input_is_refused(changes, message, model):
    with pytest.raises(ValueError, match=message):
        activations(model, **{"tokens": TOKENS} | changes)


@pytest.mark.parametrize(
    ("tokens", "error", "message"),
    [
        ([[1, 2]], TypeError, "tokens must be an array of NumPy or JAX, got list"),
        (TOKENS[0], ValueError, r"tokens must be a 2-D array .* shape \(6,\)"),
        (
            TOKENS * 0.5,
            ValueError,
            "tokens must be a 2-D array of whole numbers, got float",
        ),
    ],
)
def test_what_are_no_sequences_is_refused(tokens, error, message, model):
    with pytest.raises(error, match=message):
        inspect.unwrap(activations)(model, tokens)
    if error is ValueError:
        with pytest.raises(error, match=message.replace("tokens", "prompts")):
            inspect.unwrap(continue_greedily)(model, tokens, 1)


def test_bad_tokens_leave_no_file(model, tmp_path):
    tokens = TOKENS.astype(int)
    tokens[-1, -1] = 256
    with pytest.raises(ValueError, match=r"tokens must be in \[0, 255\], got 256"):
        activations(model, tokens, batch=4, out=tmp_path / "a.npy")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("fractions", "message"),
    [
        ((2.0,), r"fractions must be numbers in \(0, 1\], one at least, got \(2.0,\)"),
        ((0.5, 0.5), r"fractions must be different numbers, got \(0.5, 0.5\)"),
        ((0.1,), "fractions must each leave two vectors at least, got 0.1 of 11: 1"),
    ],
)
def test_bad_shares_are_refused_before_anything_is_computed(fractions, message, model):
    with pytest.raises(ValueError, match=message):
        layer_radius(
            model, TOKENS, fractions=fractions, progress=lambda *_: pytest.fail("late")
        )


def test_the_radius_of_each_layer_is_that_of_its_activations(model, tmp_path):
    told = []
    found = layer_radius(
        model,
        TOKENS,
        fractions=(0.5, 1.0),
        batch=4,
        scratch=tmp_path,
        progress=lambda *each: told.append(each),
    )
    assert list(tmp_path.iterdir()) == []
    assert {what for what, *_ in told} == {
        "activations",
        *(f"layer {n}" for n in found.layer.values),
    }
    seen = activations(model, TOKENS, batch=4)
    for name in seen.layers:
        expected = nearest_neighbour_radius(seen.of(name), (0.5, 1.0))
        one = found.sel(layer=name)
        for each in ("mean", "median", "distance", "histogram", "duplicates"):
            np.testing.assert_array_equal(one[each], expected[each])
        np.testing.assert_array_equal(one.bin_edges, expected.bin_edges)
    assert float(found.asymptote) == pytest.approx((8 / (2 * np.pi * np.e)) ** 0.5)


def test_equal_sequences_are_reported(model):
    found = layer_radius(
        model, TOKENS[[0, 0, 1, 2]], layers=["final"], fractions=(1.0,)
    )
    assert found.duplicates.values.tolist() == [[2]]


def test_one_sequence_has_no_neighbour(model):
    with pytest.raises(
        ValueError, match="tokens must be two sequences at least, got 1"
    ):
        layer_radius(model, TOKENS[:1])


def test_sequences_are_a_text_in_pieces():
    text = np.arange(23)
    assert sequences_of(text, 5).tolist() == np.arange(20).reshape(4, 5).tolist()
    assert sequences_of(text, 5, 2)[:, 0].tolist() == [0, 10]
    assert np.shares_memory(sequences_of(text, 5, 4), text)
    with pytest.raises(
        ValueError, match="text must have two sequences of 12 tokens at least"
    ):
        sequences_of(text, 12)
    with pytest.raises(ValueError, match="most must be at least 1, got 0"):
        sequences_of(text, 5, 0)


def test_a_continuation_is_the_likeliest_token_each_time(model):
    prompts = TOKENS[:3, :4].astype(int)
    found = continue_greedily(model, prompts, 3)
    for _ in range(3):
        following = np.stack(
            [np.asarray(model(jnp.asarray(each)))[-1].argmax() for each in prompts]
        )
        prompts = np.concatenate([prompts, following[:, None]], axis=1)
    np.testing.assert_array_equal(found, prompts[:, 4:])
    with pytest.raises(
        ValueError, match="must be at least 1 token each and 12 together"
    ):
        continue_greedily(model, prompts, 6)
    with pytest.raises(ValueError, match=r"prompts must be in \[0, 255\], got -"):
        continue_greedily(model, prompts - 300, 1)


# -- isinglass radius ------------------------------------------------------------------


@pytest.fixture
def folder(model, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    save_gpt2(model, tmp_path / "model")
    (tmp_path / "text").write_bytes(
        np.random.default_rng(1).integers(0, 256, 500, "u1").tobytes()
    )
    return tmp_path


def command(*arguments):
    usual = ("radius", "--model", "model", "--text", "text", "--batch", 16, *arguments)
    return CliRunner().invoke(cli.app, [str(each) for each in usual])


def test_the_report_is_printed_and_written(folder, model):
    result = command("--out", "here", "--fraction", 0.5, "--fraction", 1)
    assert result.exit_code == 0, result.output
    text = np.frombuffer((folder / "text").read_bytes(), np.uint8)
    expected = layer_radius(
        model, sequences_of(text, 12), fractions=(0.5, 1.0), batch=16
    )
    for part in (
        "Memory radius of model on text",
        "√(n/2πe)",
        "final",
        "here/radius.csv",
    ):
        assert part in result.stdout
    told = json.loads((folder / "here/radius.json").read_text())
    with (folder / "here/radius.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == len(told["rows"]) == 4 * 2
    assert told["about"]["sequences"] == 41
    assert told["about"]["context"] == 12
    for row, again in zip(told["rows"], rows, strict=True):
        one = expected.sel(layer=row["layer"], fraction=row["fraction"])
        assert row["median"] == float(again["median"]) == float(one["median"])
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


def test_one_layer_can_be_asked_for(folder):
    result = command(
        "--layer", "final", "--samples", 20, "--context", 8, "--position", "mean"
    )
    assert result.exit_code == 0, result.output
    told = json.loads((folder / "isinglass-radius/radius.json").read_text())
    assert {row["layer"] for row in told["rows"]} == {"final"}
    assert told["about"]["sequences"] == told["rows"][-1]["vectors"] == 20


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
        (("--fraction", 2), "--fraction must be numbers in (0, 1], one at least, got"),
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


def test_a_text_too_short_is_refused(folder):
    (folder / "text").write_bytes(b"x" * 23)
    result = command()
    assert result.exit_code == 2
    assert "text must have two sequences of 12 tokens at least" in result.stderr


def test_half_the_bits_give_nearly_the_same(model):
    exact, rounded = (
        activations(model, TOKENS, layers=["final"], execution=each).vectors
        for each in (Execution(), Execution("bfloat16"))
    )
    assert not (exact == rounded).all()
    np.testing.assert_allclose(rounded, exact, atol=0.03 * abs(exact).max())
