"""Results on disk: one file per finished experiment, and the ledger made of all of them.

An output folder holds ``results/NAME.json``, the figures as ``figures/FIGURE.png`` and
``.svg``, and ``ledger.json`` and ``ledger.csv``, which are rebuilt from all results in
it.
"""

import json
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from isinglass._common import files as _atomic
from isinglass.reproduce.experiment import Figure
from isinglass.reproduce.ledger import Row, to_csv, to_json

FORMAT = 1


class ResultFileError(ValueError):
    """A result file in the output folder is not what it should be."""


@dataclass(frozen=True)
class Settings:
    """What decides the numbers of a run. Two that differ only in where files lie are equal.

    Attributes:
        seeds: Number of independent repetitions.
        seed: Base seed.
        quick: Whether a rough answer was wanted.
        mnist: Folder of IDX files that was given, or None.
        digits: One sentence that says where the MNIST digits came from, or None where
            the experiment uses none.
        fingerprint: Short hash of those digits, or None.
        full: Whether the published resolution was wanted, and the experiment has one.
        text: File of text that was given, or None, as where the experiment reads none.
        text_fingerprint: Short hash of it, or None.
        model: Folder of a model that was given, or None, as where the experiment reads
            none.
        model_fingerprint: Short hash of its files, or None.
    """

    seeds: int
    seed: int
    quick: bool
    mnist: str | None = field(compare=False)
    digits: str | None = field(compare=False)
    fingerprint: str | None = None
    full: bool = False
    text: str | None = field(default=None, compare=False)
    text_fingerprint: str | None = None
    model: str | None = field(default=None, compare=False)
    model_fingerprint: str | None = None


@dataclass(frozen=True)
class Drawing:
    """A saved figure: its file stem under ``figures/`` and its caption."""

    name: str
    caption: str


@dataclass(frozen=True)
class Result:
    """A finished experiment, with all that a report says of it.

    Attributes:
        name: Name of the experiment; ``title``, ``paper``, ``source`` and ``question``
            are those of `isinglass.reproduce.catalogue.Experiment`.
        title: See above.
        paper: See above.
        source: See above.
        question: See above.
        rows: Its part of the ledger.
        drawings: Its figures.
        findings: What came out, plain paragraphs.
        settings: What decided the numbers.
        versions: Version of each package that they depend on.
        commit: Commit of the code, or None if unknown.
        machine: What it ran on.
        started: When it started, ISO 8601 in UTC.
        seconds: How long it took.
    """

    name: str
    title: str
    paper: str
    source: str
    question: str
    rows: Sequence[Row]
    drawings: Sequence[Drawing]
    findings: str
    settings: Settings
    versions: dict[str, str]
    commit: str | None
    machine: dict[str, str]
    started: str
    seconds: float


def save(result: Result, figures: Sequence[Figure], out: Path) -> None:
    """Write a result and its figures into the output folder.

    A killed run leaves the experiment finished or unfinished, never an old table beside
    a new figure; a run that cannot write leaves the earlier result.

    Raises:
        OSError: If the folder cannot be written to.
    """
    from isinglass.figures.style import render  # here: it imports matplotlib

    images = {
        out / "figures" / f"{figure.name}.{kind}": render(figure.figure, kind)
        for figure in figures
        for kind in ("png", "svg")
    }
    file = result_file(out, result.name)
    for folder in (file.parent, out / "figures"):
        folder.mkdir(parents=True, exist_ok=True)
    record = {"format": FORMAT, **asdict(result)}
    text = json.dumps(record, indent=2, ensure_ascii=False) + "\n"
    _atomic.write_together({**images, file: text.encode()})


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
            f"{file}: not a result of this version: {error}; delete it to run that "
            "experiment anew"
        ) from error
    for drawing in result.drawings:
        if not drawing_file(file.parents[1], drawing).is_file():
            raise ResultFileError(
                f"{drawing_file(file.parents[1], drawing)}: expected this figure of "
                f"{result.name}, found nothing; delete {file} to run that experiment "
                "anew"
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
    found: list[Result] = []
    for file in sorted((out / "results").glob("*.json")):
        with suppress(FileNotFoundError):  # another run is just replacing it
            found.append(load(file))
    rank = {name: position for position, name in enumerate(order)}
    return sorted(found, key=lambda result: rank.get(result.name, len(rank)))


def save_ledger(results: Sequence[Result], out: Path) -> None:
    """Write the ledger of these results as ``ledger.json`` and ``ledger.csv``.

    Raises:
        OSError: If the folder cannot be written to.
    """
    rows = [row for result in results for row in result.rows]
    _atomic.write_text(out / "ledger.json", to_json(rows))
    _atomic.write_text(out / "ledger.csv", to_csv(rows))


def result_file(out: Path, name: str) -> Path:
    """Where the result of the experiment ``name`` lies."""
    return out / "results" / f"{name}.json"


def drawing_file(out: Path, drawing: Drawing) -> Path:
    """Where the vector image of a figure lies."""
    return out / "figures" / f"{drawing.name}.svg"


def _from_record(record: dict[str, Any]) -> Result:
    fields = {key: value for key, value in record.items() if key != "format"}
    return Result(
        **{
            **fields,
            "rows": [Row.from_dict(row) for row in record["rows"]],
            "drawings": [Drawing(**drawing) for drawing in record["drawings"]],
            "settings": Settings(**record["settings"]),
        }
    )
