"""The standard library as a text."""

import pytest

from isinglass.data import text as module
from isinglass.data.text import PythonTextError, digest, python_text


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
