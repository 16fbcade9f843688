"""The reference has every public name, wherever it is defined."""

import re
from importlib import import_module

import pytest

from helpers.pages import ROOT


@pytest.fixture(scope="module")
def reference():
    return import_module("reference")


@pytest.mark.parametrize(
    "package",
    sorted(
        ".".join(stub.parent.relative_to(ROOT / "src").parts)
        for stub in [
            *(ROOT / "src").rglob("__init__.pyi"),
            ROOT / "src/isinglass/energy/__init__.py",
        ]
    ),
)
def test_every_public_name_is_on_the_page_of_its_package(reference, package):
    module = import_module(package)
    place = "index" if package == "isinglass" else package
    page = reference.pages()[f"reference/{place}.md"]
    shown = set(re.findall(r"::: ([\w.]+)|\]\[([\w.]+)\]|\]\(([\w.]+)\.md\)", page))
    last = {path.rpartition(".")[2] for paths in shown for path in paths}
    assert set(module.__all__) - last == set()


def test_what_is_documented_is_documented_once(reference):
    paths = [
        path
        for page in reference.pages().values()
        for path in re.findall(r"^::: ([\w.]+)", page, flags=re.MULTILINE)
    ]
    assert len(paths) == len(set(paths))


def test_a_name_is_followed_to_where_it_is_defined(reference):
    (capacity,) = [
        name
        for name in reference.public_names("isinglass.energy")
        if name.name == "capacity"
    ]
    assert capacity.path == "isinglass.energy.capacity.capacity"
    assert not capacity.is_module
