"""What holds of every experiment, without running it."""

import inspect
from importlib import import_module, resources

import jinja2
import pytest

from isinglass.reproduce import Context, Ledger, entries
from isinglass.reproduce.findings import ENVIRONMENT

ENTRIES = entries()
every_entry = pytest.mark.parametrize("entry", ENTRIES.values(), ids=list(ENTRIES))


@every_entry
def test_describes_itself(entry):
    experiment = entry.experiment
    for text in (experiment.title, experiment.source, entry.paper.citation):
        assert text
    assert entry.paper.title
    assert experiment.question.strip().endswith((".", "?"))
    assert 0 < experiment.seconds["quick"] <= experiment.seconds["default"]
    assert 1 <= experiment.seeds["quick"] <= experiment.seeds["default"]


@every_entry
def test_has_a_module_that_measures_and_three_views(entry):
    module = import_module(entry.module)
    assert module.__doc__
    assert list(inspect.signature(module.measure).parameters) == ["context"]
    assert list(inspect.signature(module.compare).parameters) == ["measured", "ledger"]
    assert list(inspect.signature(module.draw).parameters) == ["measured"]
    if hasattr(module, "tell"):
        assert list(inspect.signature(module.tell).parameters) == ["measured"]
    assert inspect.signature(module.measure).parameters["context"].annotation in (
        Context,
        "Context",
    )
    assert inspect.signature(module.compare).parameters["ledger"].annotation in (
        Ledger,
        "Ledger",
    )


@every_entry
def test_has_settings_for_every_resolution_that_it_declares(entry):
    module = import_module(entry.module)
    if hasattr(module, "SETTINGS"):
        assert set(module.SETTINGS) >= set(entry.experiment.seconds)


@every_entry
def test_findings_are_a_text_that_can_be_read(entry):
    package, _, name = entry.module.rpartition(".")
    text = resources.files(package).joinpath(f"{name}.md").read_text("utf-8")
    assert text.strip()
    try:
        ENVIRONMENT.parse(text)
        ENVIRONMENT.compile(text)
    except jinja2.TemplateError as error:
        pytest.fail(f"{name}.md: {error}")
