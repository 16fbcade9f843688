"""A text and a model that were given: what is refused before anything runs."""

import json

import pytest

from helpers.memory_training import random_model
from isinglass.data import ByteTokens, save_tokens
from isinglass.data.tokenizer_folder import letters
from isinglass.reproduce import inputs, runner
from isinglass.systems.memory import TransformerConfig, save_gpt2


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """A folder with a model of byte pairs."""
    folder = tmp_path_factory.mktemp("model")
    (folder / "vocab.json").write_text(
        json.dumps({letter: i for i, letter in enumerate(letters())})
    )
    (folder / "merges.txt").write_text("#version: 0.2\n")
    save_gpt2(random_model(TransformerConfig(256, 8, 4, 1, 1)), folder)
    return folder


@pytest.mark.parametrize(
    ("text", "place"),
    [
        (b"walrus\xe9 and newt", 6),
        ("é".encode() * 7 + b"\xff", 14),  # the parts cut letters in two
        (b"walrus" + "é".encode()[:1], 6),  # the last letter is cut off
    ],
)
def test_a_text_that_is_no_utf8_is_refused_at_once(
    model, tmp_path, monkeypatch, text, place
):
    monkeypatch.setattr(inputs, "_PART", 5)
    (tmp_path / "text").write_bytes(text)

    with pytest.raises(
        inputs.InputError, match=rf"--text .*: must be UTF-8.* byte {place} \("
    ):
        inputs.model.check(model, {"text": tmp_path / "text"})


def test_a_text_that_is_utf8_is_taken_and_bytes_take_any(model, tmp_path, monkeypatch):
    monkeypatch.setattr(inputs, "_PART", 5)
    text = tmp_path / "text"
    text.write_text("é" * 7, "utf-8")
    assert inputs.model.check(model, {"text": text}) == inputs.model.check(model, {})

    of_bytes = tmp_path / "bytes"
    save_gpt2(random_model(TransformerConfig(256, 8, 4, 1, 1)), of_bytes)
    with pytest.raises(inputs.InputError, match="no tokenizer in"):
        inputs.model.check(of_bytes, {})
    save_tokens(ByteTokens(), of_bytes)
    text.write_bytes(b"\xff")
    assert inputs.model.check(of_bytes, {"text": text}) == inputs.model.check(
        of_bytes, {}
    )


def test_a_run_with_both_begins_with_that_check(model, tmp_path):
    text = tmp_path / "text"
    text.write_bytes(b"a" * inputs.LEAST_TEXT + b"\xe9")
    request = runner.Request(tmp_path / "out", paths={"text": text, "model": model})

    with pytest.raises(
        inputs.InputError, match=r"byte 400,000 \(400,001 in all, from 0\)"
    ):
        runner.run([], request)
    assert not (tmp_path / "out").exists()
