"""Runs experiments one after the other and keeps each result as soon as it is there."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path

from isinglass._common import files
from isinglass._common.lazy import lazy_module
from isinglass._common.progress import Progress, Silent
from isinglass.reproduce import provenance, results, workspace
from isinglass.reproduce.catalogue import Entry
from isinglass.reproduce.experiment import Resolution
from isinglass.reproduce.inputs import INPUTS, InputRecord
from isinglass.reproduce.results import Result, Run, Settings

# Loaded when something is measured or told: they import xarray and Matplotlib.
context = lazy_module("isinglass.reproduce.context")
views = lazy_module("isinglass.reproduce.views")

MOST_SEEDS = 10**6
SEED_LIMIT = 2**63

Records = Mapping[str, InputRecord | None]


@dataclass(frozen=True)
class Request:
    """How experiments are to be run.

    Attributes:
        out: Output folder; made if it does not exist.
        seeds: Repetitions of each experiment, or None for its own default.
        seed: Base seed, at least 0.
        quick: Whether a rough answer in seconds is wanted.
        full: Whether the published resolution is wanted, of experiments that have one.
        resume: Whether to keep results that the same code got with the same settings.
        paths: Files and folders that the user named, by the name of the input.

    Raises:
        ValueError: If ``seeds`` is not in [1, 10⁶] or ``seed`` not in [0, 2⁶³), or both
            ``quick`` and ``full`` are wanted.
    """

    out: Path
    seeds: int | None = None
    seed: int = 0
    quick: bool = False
    full: bool = False
    resume: bool = False
    paths: Mapping[str, Path | None] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.seeds is not None and self.seeds < 1:
            raise ValueError(f"seeds must be at least 1, got {self.seeds}")
        if self.seed < 0:
            raise ValueError(f"seed must be at least 0, got {self.seed}")
        if self.seeds is not None and self.seeds > MOST_SEEDS:
            raise ValueError(f"seeds must be at most {MOST_SEEDS}, got {self.seeds}")
        if self.seed >= SEED_LIMIT:
            raise ValueError(
                f"seed must be less than 2**63 = {SEED_LIMIT}, got {self.seed}"
            )
        if self.quick and self.full:
            raise ValueError("quick and full exclude each other: give one of them")


@dataclass(frozen=True)
class Finished:
    """An experiment that ran, or (``is_earlier``) whose earlier result stands.

    Attributes:
        result: What came out, which is on disk.
        is_earlier: Whether that is an earlier result.
        ledger_error: Why the ledger could not be written, or None.
    """

    result: Result
    is_earlier: bool = False
    ledger_error: Exception | None = None


@dataclass(frozen=True)
class Failed:
    """An experiment that raised an error."""

    entry: Entry
    error: Exception


class OutputFolderError(OSError):
    """The output folder cannot be written to."""


def run(
    entries: Sequence[Entry], request: Request, progress: Progress | None = None
) -> Iterator[Finished | Failed]:
    """Check the request at once, then run one experiment for each item taken.

    Whenever an item arrives, its result, its figures and the ledger of the output
    folder are on disk. An experiment that fails, or a ledger that cannot be written,
    stops no other.

    Args:
        entries: What to run, in this order.
        request: How to run it.
        progress: Where experiments say how far they are; None for nowhere.

    Raises:
        OutputFolderError: If the output folder cannot be written to.
        ValueError: If an input cannot be read, or an experiment needs digits and they
            are too few.
        isinglass.reproduce.results.ResultFileError: If the folder holds a damaged
            result.
    """
    records = {
        source.name: source.check(request.paths.get(source.name), request.paths)
        for source in INPUTS
        if request.paths.get(source.name) is not None
        or any(source in entry.experiment.inputs for entry in entries)
    }
    results.load_all(request.out)
    make_writable_folder(request.out)
    return _run_in_turn(entries, request, records, progress or Silent())


def tell(
    entries: Mapping[str, Entry], out: Path, progress: Progress | None = None
) -> Iterator[Finished | Failed]:
    """Tell every measurement in an output folder anew: nothing is measured.

    Args:
        entries: All experiments by name; measurements of others are left as they are.
        out: The output folder.
        progress: Where to say how far it is.

    Raises:
        OutputFolderError: If the output folder cannot be written to.
        isinglass.reproduce.results.ResultFileError: If a measurement is damaged, or
            there is none.
    """
    measurements = results.measurements(out)
    if not measurements:
        raise results.ResultFileError(f"{out}: holds no measurement of an experiment")
    make_writable_folder(out)
    return _tell_in_turn(entries, out, measurements, progress or Silent())


def _tell_in_turn(
    entries: Mapping[str, Entry],
    out: Path,
    measurements: Mapping[str, tuple],
    progress: Progress,
) -> Iterator[Finished | Failed]:
    progress.step("")
    names = [name for name in entries if name in measurements]
    results.remove_unreadable(out, names)
    for name in progress.track(names, "experiments"):
        path, measured, run_record = measurements[name]
        try:
            content = views.views(entries[name], measured)
            result = results.save(entries[name], content, run_record, path)
        except Exception as error:
            yield Failed(entries[name], error)
        else:
            yield Finished(result, ledger_error=_update_ledger(out))


def make_writable_folder(folder: Path) -> None:
    """Make the folder and its subfolders if need be, and try to write in each.

    Raises:
        OutputFolderError: If either cannot be done.
    """
    for part in (folder, folder / "results", folder / "figures"):
        probe = part / f".probe.{secrets.token_hex(4)}"
        try:
            part.mkdir(parents=True, exist_ok=True)
            files.write_bytes(probe, b"")
            probe.unlink(missing_ok=True)
        except OSError as error:
            reason = "it is a file" if part.is_file() else error.strerror or str(error)
            raise OutputFolderError(
                f"cannot write to the output folder {part}: {reason}"
            ) from error


def _run_in_turn(
    entries: Sequence[Entry], request: Request, records: Records, progress: Progress
) -> Iterator[Finished | Failed]:
    progress.step("")
    settings_of = [_settings(entry, request, records) for entry in entries]
    seconds = [
        entry.experiment.expected_seconds(
            Resolution(settings.resolution), settings.seeds
        )
        for entry, settings in zip(entries, settings_of, strict=True)
    ]
    turns = list(zip(entries, settings_of, seconds, strict=True))
    counted = progress.track(turns, "experiments", seconds=seconds)
    for entry, settings, expected in counted if len(turns) > 1 else turns:
        earlier = (
            _earlier_result(entry, settings, request.out) if request.resume else None
        )
        what = f"{entry.name}: {entry.experiment.title}"
        try:
            with progress.expect(what, expected):
                result = earlier or _run(entry, settings, request, progress)
        except Exception as error:
            yield Failed(entry, error)
        else:
            yield Finished(result, earlier is not None, _update_ledger(request.out))


def _update_ledger(out: Path) -> Exception | None:
    try:
        results.save_ledger(results.load_all(out), out)
    except (OSError, results.ResultFileError) as error:
        return error
    return None


def _settings(entry: Entry, request: Request, records: Records) -> Settings:
    experiment = entry.experiment
    resolution = experiment.resolution(quick=request.quick, full=request.full)
    seeds = request.seeds or experiment.repetitions(resolution)
    named = {source.name: records.get(source.name) for source in experiment.inputs}
    inputs = {name: record for name, record in named.items() if record is not None}
    return Settings(seeds, request.seed, str(resolution), inputs)


def _earlier_result(entry: Entry, settings: Settings, out: Path) -> Result | None:
    file = results.result_file(out, entry.name)
    if not file.is_file():
        return None
    result = results.load(file)
    same_code = result.run.versions == provenance.versions()
    return result if same_code and result.run.settings == settings else None


def _run(
    entry: Entry, settings: Settings, request: Request, progress: Progress
) -> Result:
    started, clock = datetime.now(UTC), time.monotonic()
    versions, commit = provenance.versions(), provenance.commit()
    folder = None
    if entry.experiment.is_long:
        mark = workspace.Mark(settings, versions)
        folder = workspace.folder(request.out, entry.name, mark, keep=request.resume)
    setting = context.Context(
        seeds=range(settings.seeds),
        seed=settings.seed,
        resolution=Resolution(settings.resolution),
        paths={
            name: None if record.path is None else Path(record.path)
            for name, record in settings.inputs.items()
        },
        workspace=folder,
        progress=progress,
    )
    module = import_module(entry.module)
    progress.step("")  # JAX is there now: what is shown can say when it compiles
    measured = module.measure(setting)
    record = Run(
        settings=settings,
        versions=versions,
        commit=commit,
        machine=provenance.machine(),
        started=started.isoformat(timespec="seconds"),
        seconds=time.monotonic() - clock,
    )
    path = results.save_measurement(entry.name, measured, record, request.out)
    return results.save(entry, views.views(entry, measured), record, path)
