"""What is told of a measurement: the ledger's rows, the figures, the findings.

An experiment's module has ``measure(context) -> xarray.Dataset``, which is all that
computes, and three views of what it returns::

    compare(measured, ledger)       writes the rows of the ledger
    draw(measured) -> Figures       yields the figures
    MODULE.md                       the findings, as `isinglass.reproduce.findings` says
    tell(measured) -> Mapping       adds names for the findings (optional)

The views need nothing else, so that a stored measurement can be told anew.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from importlib import import_module, resources
from types import ModuleType

import xarray as xr
from matplotlib.figure import Figure as MatplotlibFigure

from isinglass.plot.style import house_style
from isinglass.reproduce import findings
from isinglass.reproduce.catalogue import Entry
from isinglass.reproduce.ledger import Ledger, Row


@dataclass(frozen=True)
class Figure:
    """A figure of an experiment.

    Attributes:
        figure: The Matplotlib figure.
        caption: What it shows and how to read it, in plain text.
        part: What tells it from the experiment's other figures, such as "gamma"; "" for
            the only or the first one.
    """

    figure: MatplotlibFigure
    caption: str
    part: str = ""

    def stem(self, experiment: str) -> str:
        """Name of its file, such as "meanfield-phase-gamma"."""
        return f"{experiment}-{self.part}" if self.part else experiment


@dataclass(frozen=True)
class Views:
    """All views of one measurement.

    Attributes:
        rows: Its part of the ledger.
        figures: Its figures, in order.
        findings: What came out, as plain paragraphs with a blank line between them.
    """

    rows: list[Row]
    figures: list[Figure]
    findings: str


def views(entry: Entry, measured: xr.Dataset) -> Views:
    """Tell a measurement: nothing is measured for it."""
    module = import_module(entry.module)
    ledger = Ledger(entry.name, entry.experiment.source)
    module.compare(measured, ledger)
    with house_style():
        figures: Iterable[Figure] = list(module.draw(measured))
    return Views(ledger.rows, list(figures), text(module, measured))


def text(module: ModuleType, measured: xr.Dataset) -> str:
    """The findings of a measurement: of the template that lies beside the module."""
    package, _, name = module.__name__.rpartition(".")
    template = resources.files(package).joinpath(f"{name}.md").read_text("utf-8")
    names = {str(name): measured[name] for name in measured.variables}
    names |= {"measured": measured, **measured.attrs}
    if hasattr(module, "tell"):
        names |= module.tell(measured)
    return findings.render(template, names)
