"""Modules whose import waits, and what is left of one that was interrupted."""

import importlib
import sys

import pytest

from isinglass._common.lazy import lazy_module

INTERRUPTED = """
import pathlib
flag = pathlib.Path(__file__).with_suffix(".flag")
if not flag.exists():
    flag.touch()
    raise KeyboardInterrupt
value = 1
"""


@pytest.fixture
def name(tmp_path, monkeypatch):
    (tmp_path / "interrupted_module.py").write_text(INTERRUPTED)
    monkeypatch.syspath_prepend(tmp_path)
    yield "interrupted_module"
    sys.modules.pop("interrupted_module", None)


@pytest.mark.parametrize("by_statement", [False, True])
def test_an_import_that_is_interrupted_says_so_and_leaves_nothing(name, by_statement):
    module = lazy_module(name)
    assert name not in sys.modules
    with pytest.raises(KeyboardInterrupt):
        importlib.import_module(name) if by_statement else module.value
    assert name not in sys.modules
    assert module.value == 1


def test_it_is_the_module_that_all_others_have():
    module = lazy_module("isinglass._common.lazy")
    module.some_name = 3
    assert sys.modules["isinglass._common.lazy"].some_name == 3
    del module.some_name
    assert not hasattr(module, "some_name")


def test_a_module_that_is_not_there_is_missed_at_its_first_use():
    module = lazy_module("isinglass.no_such_module")
    with pytest.raises(ModuleNotFoundError, match="no_such_module"):
        _ = module.anything
