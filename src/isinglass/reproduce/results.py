"""Results on disk: what each experiment measured, what is told of it, and the ledger.

An output folder holds the measurement of an experiment as ``results/NAME.HASH.arrays``,
what is told of it as ``results/NAME.json``, the figures as ``figures/FIGURE.png`` and
``.svg``, and ``ledger.json`` and ``ledger.csv``, which are rebuilt from all results.
The measurement is on disk before anything is told of it, and says how it was made: all
else can be made again from it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from isinglass._common import files
from isinglass._common.lazy import lazy_module
from isinglass.reproduce.catalogue import Entry
from isinglass.reproduce.inputs import InputRecord
from isinglass.reproduce.ledger import Row, to_csv, to_json

if TYPE_CHECKING:
    import xarray as xr

    from isinglass.reproduce.views import Views

# Loaded when a measurement is read or told: they import xarray and Matplotlib.
measurement = lazy_module("isinglass.reproduce.measurement")
style = lazy_module("isinglass.plot.style")

FORMAT = 3


class ResultFileError(ValueError):
    """A result file in the output folder is not what it should be."""


@dataclass(frozen=True)
class Settings:
    """What decides the numbers of a run.

    Attributes:
        seeds: Number of independent repetitions.
        seed: Base seed.
        resolution: "quick", "default" or "full".
        inputs: What the user handed in that the experiment reads, by the input's name.
    """

    seeds: int
    seed: int
    resolution: str
    inputs: Mapping[str, InputRecord] = field(default_factory=dict)

    @classmethod
    def from_dict(cls, record: Mapping[str, Any]) -> Settings:
        """Read settings back from what ``dataclasses.asdict`` or JSON gave."""
        inputs = {
            name: InputRecord(**source) for name, source in record["inputs"].items()
        }
        return cls(**{**record, "inputs": inputs})


@dataclass(frozen=True)
class Run:
    """How a measurement was made.

    Attributes:
        settings: What decided the numbers.
        versions: Version of each package that they depend on.
        commit: Commit of the code, or None if unknown.
        machine: What it ran on.
        started: When it started, ISO 8601 in UTC.
        seconds: How long it took.
    """

    settings: Settings
    versions: Mapping[str, str]
    commit: str | None
    machine: Mapping[str, str]
    started: str
    seconds: float

    @classmethod
    def from_dict(cls, record: Mapping[str, Any]) -> Run:
        """Read it back from what ``dataclasses.asdict`` or JSON gave."""
        return cls(**{**record, "settings": Settings.from_dict(record["settings"])})


@dataclass(frozen=True)
class Drawing:
    """A saved figure: its file stem under ``figures/`` and its caption."""

    name: str
    caption: str


@dataclass(frozen=True)
class Result:
    """A finished experiment, with all that a report says of it.

    Attributes:
        name: Name of the experiment, such as "interference-double-slit".
        title: What it is, in a few words.
        paper: Short citation.
        address: Where the paper can be read, or "".
        module: Name of the module that measures it.
        source: What of the paper it reproduces.
        question: What was asked.
        rows: Its part of the ledger.
        drawings: Its figures.
        findings: What came out, plain paragraphs.
        run: How it was measured.
        measurement: Name of the file that it is told from.
    """

    name: str
    title: str
    paper: str
    address: str
    module: str
    source: str
    question: str
    rows: Sequence[Row]
    drawings: Sequence[Drawing]
    findings: str
    run: Run
    measurement: str


def save_measurement(name: str, measured: xr.Dataset, run: Run, out: Path) -> Path:
    """Write what an experiment measured; earlier measurements stay until `save`.

    Args:
        name: Name of the experiment.
        measured: What its ``measure`` returned; its attributes get the run's.
        run: How it was made.
        out: The output folder.

    Returns:
        The file.

    Raises:
        OSError: If the folder cannot be written to.
    """
    settings = run.settings
    measured.attrs |= {
        "resolution": settings.resolution,
        "seeds": settings.seeds,
        "seed": settings.seed,
        "run": asdict(run),
    }
    data = measurement.to_bytes(measured)
    path = out / "results" / f"{name}.{hashlib.sha256(data).hexdigest()[:12]}.arrays"
    path.parent.mkdir(parents=True, exist_ok=True)
    files.write_bytes(path, data)
    return path


def save(entry: Entry, content: Views, run: Run, path: Path) -> Result:
    """Write what is told of a measurement beside it.

    A killed run leaves the experiment finished or unfinished, never an old table beside
    a new figure; a run that cannot write leaves the earlier result.

    Args:
        entry: The experiment.
        content: What is told.
        run: How it was measured.
        path: The measurement's file, as `save_measurement` gave it.

    Raises:
        OSError: If the folder cannot be written to.
    """
    out, experiment = path.parents[1], entry.experiment
    result = Result(
        name=entry.name,
        title=experiment.title,
        paper=entry.paper.citation,
        address=entry.paper.address,
        module=entry.module,
        source=experiment.source,
        question=experiment.question,
        rows=content.rows,
        drawings=[
            Drawing(figure.stem(entry.name), figure.caption)
            for figure in content.figures
        ],
        findings=content.findings,
        run=run,
        measurement=path.name,
    )
    images = {
        out / "figures" / f"{figure.stem(entry.name)}.{kind}": style.render(
            figure.figure, kind
        )
        for figure in content.figures
        for kind in ("png", "svg")
    }
    (out / "figures").mkdir(parents=True, exist_ok=True)
    text = json.dumps(
        {"format": FORMAT, **asdict(result)}, indent=2, ensure_ascii=False
    )
    files.write_together({**images, result_file(out, entry.name): f"{text}\n".encode()})
    for earlier in path.parent.glob(f"{entry.name}.*.arrays"):
        if earlier != path:
            earlier.unlink(missing_ok=True)
    return result


def measured_experiments(out: Path) -> set[str]:
    """Names of the experiments that have a measurement, without reading any."""
    return {_experiment_of(path) for path in (out / "results").glob("*.arrays")}


def _experiment_of(path: Path) -> str:
    return path.name.split(".")[0]


def measurements(out: Path) -> dict[str, tuple[Path, xr.Dataset, Run]]:
    """The newest measurement of every experiment in the output folder, by name.

    Raises:
        ResultFileError: If one is damaged.
    """
    newest: dict[str, tuple[Path, xr.Dataset, Run]] = {}
    for path in sorted((out / "results").glob("*.arrays")):
        try:
            measured = measurement.load(path)
            run = Run.from_dict(measured.attrs["run"])
        except (KeyError, TypeError, ValueError) as error:
            raise ResultFileError(
                f"{path}: not a measurement of this version: {error}; delete it"
            ) from error
        name = _experiment_of(path)
        if name not in newest or newest[name][2].started <= run.started:
            newest[name] = (path, measured, run)
    return newest


def load(file: Path) -> Result:
    """Read a result file.

    Raises:
        ResultFileError: If it is truncated, of another format, or one of its figures is
            missing. The message names the file.
    """
    try:
        record = json.loads(file.read_bytes())
        if record.get("format") != FORMAT:
            raise ValueError(
                f"expected format {FORMAT}, found {record.get('format')!r}"
            )
        result = _from_record(record)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise ResultFileError(
            f"{file}: not a result of this version: {error}; "
            f"`isinglass report {file.parents[1]}` writes it anew from its "
            "measurement, or delete it to run that experiment anew"
        ) from error
    for drawing in result.drawings:
        image = drawing_file(file.parents[1], drawing)
        if not image.is_file():
            raise ResultFileError(
                f"{image}: expected this figure of {result.name}, found nothing; "
                f"`isinglass report {file.parents[1]}` draws it anew"
            )
    return result


def load_all(out: Path, order: Sequence[str] = ()) -> list[Result]:
    """Read every result in the output folder.

    Args:
        out: The output folder.
        order: Names that come first, in this order; others follow by name.

    Raises:
        ResultFileError: If one of them cannot be read.
    """
    results: list[Result] = []
    for file in sorted((out / "results").glob("*.json")):
        with suppress(FileNotFoundError):  # another run is just replacing it
            results.append(load(file))
    rank = {name: position for position, name in enumerate(order)}
    return sorted(results, key=lambda result: rank.get(result.name, len(rank)))


def remove_unreadable(out: Path, names: Iterable[str]) -> None:
    """Remove the results of these experiments that this version cannot read.

    Args:
        out: The output folder.
        names: Experiments whose results are about to be written anew.
    """
    for file in (result_file(out, name) for name in names):
        try:
            load(file)
        except (FileNotFoundError, ResultFileError):
            file.unlink(missing_ok=True)


def save_ledger(results: Sequence[Result], out: Path) -> None:
    """Write the ledger of these results as ``ledger.json`` and ``ledger.csv``.

    Raises:
        OSError: If the folder cannot be written to.
    """
    rows = [row for result in results for row in result.rows]
    files.write_text(out / "ledger.json", to_json(rows))
    files.write_text(out / "ledger.csv", to_csv(rows))


def result_file(out: Path, name: str) -> Path:
    """Where the result of the experiment ``name`` lies."""
    return out / "results" / f"{name}.json"


def drawing_file(out: Path, drawing: Drawing) -> Path:
    """Where the vector image of a figure lies."""
    return out / "figures" / f"{drawing.name}.svg"


def _from_record(record: Mapping[str, Any]) -> Result:
    fields = {key: value for key, value in record.items() if key != "format"}
    return Result(
        **{
            **fields,
            "rows": [Row.from_dict(row) for row in record["rows"]],
            "drawings": [Drawing(**drawing) for drawing in record["drawings"]],
            "run": Run.from_dict(record["run"]),
        }
    )
