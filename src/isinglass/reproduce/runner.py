"""Runs experiments one after the other and keeps each result as soon as it is there."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from isinglass import _atomic
from isinglass.data import mnist
from isinglass.reproduce import provenance, results
from isinglass.reproduce.figures import house_style
from isinglass.reproduce.registry import Context, Experiment, Progress, Silent
from isinglass.reproduce.results import Drawing, Result, Settings


@dataclass(frozen=True)
class Request:
    """How experiments are to be run.

    Attributes:
        out: Output folder; made if it does not exist.
        seeds: Repetitions of each experiment, or None for its own default.
        seed: Base seed, at least 0.
        quick: Whether a rough answer in seconds is wanted.
        mnist: Folder of IDX files, or None for the default of `isinglass.data.mnist.load`.
        resume: Whether to keep results that the same code got with the same settings.

    Raises:
        ValueError: If ``seeds`` < 1 or ``seed`` < 0.
    """

    out: Path
    seeds: int | None = None
    seed: int = 0
    quick: bool = False
    mnist: Path | None = None
    resume: bool = False

    def __post_init__(self) -> None:
        if self.seeds is not None and self.seeds < 1:
            raise ValueError(f"seeds must be at least 1, got {self.seeds}")
        if self.seed < 0:
            raise ValueError(f"seed must be at least 0, got {self.seed}")


@dataclass(frozen=True)
class Finished:
    """An experiment that ran, or (``kept``) whose earlier result stands."""

    result: Result
    kept: bool


@dataclass(frozen=True)
class Failed:
    """An experiment that raised an error."""

    experiment: Experiment
    error: Exception


class OutputFolderError(OSError):
    """The output folder cannot be written to."""


def run(
    experiments: Sequence[Experiment], request: Request, progress: Progress | None = None
) -> Iterator[Finished | Failed]:
    """Check the request at once, then run one experiment for each item that is asked for.

    Whenever an item arrives, its result, its figures and the ledger of the output folder are
    on disk. An experiment that fails does not stop the others.

    Args:
        experiments: What to run, in this order.
        request: How to run it.
        progress: Where experiments say how far they are; None for nowhere.

    Raises:
        OutputFolderError: If the output folder cannot be written to.
        isinglass.data.mnist.MNISTFileError: If the digits cannot be read.
        isinglass.reproduce.results.ResultFileError: If the folder holds a damaged result.
    """
    digits = mnist.load(request.mnist).source
    results.load_all(request.out)
    make_writable_folder(request.out)
    return _run_each(experiments, request, digits, progress or Silent())


def make_writable_folder(folder: Path) -> None:
    """Make the folder if need be, and write and remove a file in it.

    Raises:
        OutputFolderError: If either cannot be done.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe = folder / ".isinglass-probe"
        _atomic.write_bytes(probe, b"")
        probe.unlink()
    except OSError as error:
        reason = "it is a file" if folder.is_file() else error.strerror or str(error)
        raise OutputFolderError(f"cannot write to the output folder {folder}: {reason}") from error


def _run_each(
    experiments: Sequence[Experiment], request: Request, digits: str, progress: Progress
) -> Iterator[Finished | Failed]:
    for experiment in progress.track(experiments, "Experiments"):
        progress.step(f"{experiment.name}: {experiment.title}")
        settings = _settings(experiment, request, digits)
        kept = _earlier_result(experiment, settings, request.out) if request.resume else None
        try:
            result = kept or _run(experiment, settings, request, progress)
        except Exception as error:
            yield Failed(experiment, error)
        else:
            results.save_ledger(results.load_all(request.out), request.out)
            yield Finished(result, kept=kept is not None)


def _settings(experiment: Experiment, request: Request, digits: str) -> Settings:
    default = experiment.quick_seeds if request.quick else experiment.default_seeds
    folder = mnist.find_folder(request.mnist)
    return Settings(
        seeds=default if request.seeds is None else request.seeds,
        seed=request.seed,
        quick=request.quick,
        mnist=None if folder is None else str(folder),
        digits=digits,
    )


def _earlier_result(experiment: Experiment, settings: Settings, out: Path) -> Result | None:
    file = results.result_file(out, experiment.name)
    if not file.is_file():
        return None
    result = results.load(file)
    same_code = (result.versions, result.commit) == (provenance.versions(), provenance.commit())
    return result if same_code and result.settings == settings else None


def _run(
    experiment: Experiment, settings: Settings, request: Request, progress: Progress
) -> Result:
    started, clock = datetime.now(UTC), time.monotonic()
    context = Context(settings.seeds, settings.quick, settings.seed, request.mnist, progress)
    with house_style():
        outcome = experiment.run(context)
    result = Result(
        name=experiment.name,
        title=experiment.title,
        paper=experiment.paper,
        source=experiment.source,
        question=experiment.question,
        rows=outcome.rows,
        drawings=[Drawing(figure.name, figure.caption) for figure in outcome.figures],
        findings=outcome.findings,
        settings=settings,
        versions=provenance.versions(),
        commit=provenance.commit(),
        machine=provenance.machine(),
        started=started.isoformat(timespec="seconds"),
        seconds=time.monotonic() - clock,
    )
    results.save(result, outcome.figures, request.out)
    return result
