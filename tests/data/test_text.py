"""The standard library as a text, and the parts and shares of any."""

import numpy as np
import pytest

from isinglass.data import text as module
from isinglass.data.text import (
    PIECE,
    PythonTextError,
    digest,
    hold_out,
    python_text,
    shares,
    windows,
)


def test_the_running_python_has_megabytes_of_it_and_always_the_same():
    text = python_text()

    assert 5_000_000 < len(text) < 20_000_000
    assert b"class Decimal" in text
    assert digest(text) == digest(python_text())
    text.decode()


def test_files_come_in_the_order_of_their_paths_without_tests_and_what_was_built(
    tmp_path, monkeypatch
):
    files = {
        "email/header.py": b"1",
        "email/__init__.py": b"2\n",
        "email/test/a.py": b"no",
        "bisect.py": b"3\n",
        "test/b.py": b"no",
        "idlelib/c.py": b"no",
        "site-packages/numpy/d.py": b"no",
        "_sysconfigdata__linux_.py": b"no",
        "sitecustomize.py": b"no",
        "json/data.txt": b"no",
        "zipfile.py": b"",
    }
    for name, content in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(content)
    monkeypatch.setattr(module, "LEAST", 1)

    assert python_text(tmp_path) == b"3\n2\n1\n"


@pytest.mark.parametrize("made", [True, False])
def test_a_python_without_sources_is_told(tmp_path, made):
    folder = tmp_path / "lib"
    if made:
        folder.mkdir()
        (folder / "bisect.py").write_text("pass\n")

    with pytest.raises(
        PythonTextError, match=r"at least 2,000,000 bytes, in .*lib, found"
    ):
        python_text(folder)


def test_a_file_that_cannot_be_read_is_named(tmp_path):
    (tmp_path / "bisect.py").mkdir()

    with pytest.raises(PythonTextError, match=r"cannot read .*bisect\.py: "):
        python_text(tmp_path)


def test_no_share_holds_what_is_held_out():
    whole = np.arange(50_007)
    training, held_out = hold_out(whole)

    assert len(held_out) / len(whole) == pytest.approx(0.1, abs=0.001)
    assert sorted([*training, *held_out]) == list(whole)
    assert (np.diff(held_out) != 1).sum() == 4  # five whole stretches


def test_a_share_is_a_part_of_the_larger_ones():
    training = np.arange(9_000_000)
    parts = shares(training, (1.0, 0.01, 0.001), seed=3)
    hundredth, thousandth = parts.texts[0.01], parts.texts[0.001]

    assert parts.texts[1.0] is training
    assert len(hundredth) == pytest.approx(90_000, rel=0.01)
    assert len(thousandth) == pytest.approx(9_000, rel=0.01)
    assert parts.piece <= PIECE
    assert set(thousandth) < set(hundredth)
    assert (parts.smallest.ravel() == thousandth).all()
    assert (np.diff(parts.smallest, axis=1) == 1).all()


def test_seeds_have_other_shares():
    first, second = (
        shares(np.arange(10**6), (0.001,), seed).texts[0.001] for seed in (0, 1)
    )
    assert set(first).isdisjoint(second)


@pytest.mark.parametrize("pieces", [np.arange(1000), np.arange(1000).reshape(4, 250)])
def test_a_window_is_of_one_piece(pieces):
    texts = windows(pieces, 9, 128)

    assert texts.shape == (9, 128)
    assert (np.diff(texts, axis=1) == 1).all()
    rows = np.atleast_2d(pieces)
    is_inside = (rows[:, :1] <= texts[:, 0]) & (texts[:, -1] <= rows[:, -1:])
    assert is_inside.any(0).all()
    assert (texts[0, 0], texts[-1, -1]) == (0, 999)
