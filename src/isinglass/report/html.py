"""The HTML report: one page that needs no other file and no network."""

import base64
import re
import shlex
from collections.abc import Sequence
from importlib import resources
from pathlib import Path

import jinja2

from isinglass._common import files
from isinglass.report import links, numbers
from isinglass.report.counts import summary, verdict_counts, verdict_label
from isinglass.report.tables import by_rule, layout
from isinglass.reproduce.experiment import Resolution
from isinglass.reproduce.findings import paragraphs
from isinglass.reproduce.results import Drawing, Result, drawing_file
from isinglass.reproduce.verdicts import Verdict

NAME = "report.html"


def write(results: Sequence[Result], out: Path) -> Path:
    """Write the report of these results into their output folder.

    Args:
        results: What to report, in this order.
        out: The output folder, which holds their figures.

    Returns:
        The path of the report.

    Raises:
        OSError: If a figure cannot be read or the report cannot be written.
    """
    path = out / NAME
    files.write_text(path, render(results, out))
    return path


def render(results: Sequence[Result], out: Path) -> str:
    """The report as one string of HTML; figures are read from ``out`` and inlined."""
    environment = jinja2.Environment(
        loader=jinja2.FunctionLoader(_read),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["paragraphs"] = paragraphs
    environment.filters["prose"] = prose
    template = environment.get_template("report.html.jinja")
    environment.globals |= {
        "numbers": numbers,
        "classes": {verdict: verdict.name.lower() for verdict in Verdict},
    }
    return template.render(
        results=results,
        style=_read("report.css"),
        counts=verdict_counts(results),
        verdicts=list(Verdict),
        label=verdict_label,
        layouts={result.name: layout(result.rows) for result in results},
        by_rule=by_rule,
        summary=summary,
        command=command,
        documentation=links.documentation,
        page=links.page,
        source=links.source,
        image=lambda drawing: _data_address(out, drawing),
    )


def prose(text: str) -> str:
    """A text in which no line ends between a number and its percent sign."""
    return re.sub(r"(?<=[\d\]]) %", "\N{NO-BREAK SPACE}%", text)


def command(result: Result) -> str:
    """The command line that runs a result's experiment again with the same settings."""
    settings = result.run.settings
    words = ["isinglass", "reproduce", result.name, "--seeds", str(settings.seeds)]
    words += ["--seed", str(settings.seed)]
    for name, record in settings.inputs.items():
        words += [f"--{name}", record.path] if record.path else []
    if settings.resolution != Resolution.DEFAULT:
        words.append(f"--{settings.resolution}")
    return shlex.join(words)


def _read(name: str) -> str:
    return resources.files("isinglass.report").joinpath(name).read_text("utf-8")


def _data_address(out: Path, drawing: Drawing) -> str:
    image = base64.b64encode(drawing_file(out, drawing).read_bytes()).decode()
    return f"data:image/svg+xml;base64,{image}"
