"""Runs experiments one after the other and keeps each result as soon as it is there."""

import secrets
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from isinglass._common import files as _atomic
from isinglass.data import mnist
from isinglass.data.mnist import MNIST
from isinglass.figures.style import house_style
from isinglass.reproduce import inputs as given
from isinglass.reproduce import provenance, results
from isinglass.reproduce import workspace as sweeps
from isinglass.reproduce.experiment import Context, Experiment, Progress, Silent
from isinglass.reproduce.inputs import _digits_fingerprint, _load_digits
from isinglass.reproduce.results import Drawing, Result, Settings

MOST_SEEDS = 10**6
SEED_LIMIT = 2**63


@dataclass(frozen=True)
class Request:
    """How experiments are to be run.

    Attributes:
        out: Output folder; made if it does not exist.
        seeds: Repetitions of each experiment, or None for its own default.
        seed: Base seed, at least 0.
        quick: Whether a rough answer in seconds is wanted.
        full: Whether the published resolution is wanted, of experiments that have one.
        text: File of text for experiments that read one, or None.
        model: Folder of a GPT-2 for experiments that measure one, or None.
        mnist: Folder of IDX files, or None for the default of
            `isinglass.data.mnist.load`.
        resume: Whether to keep results that the same code got with the same settings.

    Raises:
        ValueError: If ``seeds`` is not in [1, 10⁶] or ``seed`` not in [0, 2⁶³), or both
            ``quick`` and ``full`` are wanted.
    """

    out: Path
    seeds: int | None = None
    seed: int = 0
    quick: bool = False
    mnist: Path | None = None
    resume: bool = False
    full: bool = False
    text: Path | None = None
    model: Path | None = None

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
    """An experiment that ran, or (``kept``) whose earlier result stands.

    Attributes:
        result: What it found, which is on disk.
        kept: Whether that is an earlier result.
        ledger_error: Why the ledger could not be written, or None.
    """

    result: Result
    kept: bool
    ledger_error: Exception | None = None


@dataclass(frozen=True)
class Failed:
    """An experiment that raised an error."""

    experiment: Experiment
    error: Exception


class OutputFolderError(OSError):
    """The output folder cannot be written to."""


def run(
    experiments: Sequence[Experiment],
    request: Request,
    progress: Progress | None = None,
) -> Iterator[Finished | Failed]:
    """Check the request at once, then run one experiment for each item that is asked for.

    Whenever an item arrives, its result, its figures and the ledger of the output
    folder are on disk. An experiment that fails, or a ledger that cannot be written,
    stops no other.

    Args:
        experiments: What to run, in this order.
        request: How to run it.
        progress: Where experiments say how far they are; None for nowhere.

    Raises:
        OutputFolderError: If the output folder cannot be written to.
        isinglass.data.mnist.MNISTFileError: If an experiment needs digits and they
            cannot be read or are too few.
        isinglass.reproduce.inputs.GivenError: If the text or the model cannot be read,
            or the text is too short.
        isinglass.reproduce.results.ResultFileError: If the folder holds a damaged
            result.
    """
    needed = any(experiment.needs_digits for experiment in experiments)
    digits = _load_digits(request.mnist) if needed else None
    prints = (
        given.text_fingerprint(request.text),
        given.model_fingerprint(request.model, request.text),
    )
    results.load_all(request.out)
    make_writable_folder(request.out)
    return _run_each(experiments, request, digits, prints, progress or Silent())


def make_writable_folder(folder: Path) -> None:
    """Make the folder and its subfolders if need be, and write and remove a file in each.

    Raises:
        OutputFolderError: If either cannot be done.
    """
    for part in (folder, folder / "results", folder / "figures"):
        probe = part / f".probe.{secrets.token_hex(4)}"
        try:
            part.mkdir(parents=True, exist_ok=True)
            _atomic.write_bytes(probe, b"")
            probe.unlink(missing_ok=True)
        except OSError as error:
            reason = "it is a file" if part.is_file() else error.strerror or str(error)
            raise OutputFolderError(
                f"cannot write to the output folder {part}: {reason}"
            ) from error


def _run_each(
    experiments: Sequence[Experiment],
    request: Request,
    digits: MNIST | None,
    prints: tuple[str | None, str | None],
    progress: Progress,
) -> Iterator[Finished | Failed]:
    fingerprint = None if digits is None else _digits_fingerprint(digits)
    for experiment in progress.track(experiments, "Experiments"):
        progress.step(f"{experiment.name}: {experiment.title}")
        settings = _settings(experiment, request, digits, fingerprint, prints)
        kept = (
            _earlier_result(experiment, settings, request.out)
            if request.resume
            else None
        )
        try:
            result = kept or _run(experiment, settings, request, progress)
        except Exception as error:
            yield Failed(experiment, error)
        else:
            yield Finished(result, kept is not None, _update_ledger(request.out))


def _update_ledger(out: Path) -> Exception | None:
    try:
        results.save_ledger(results.load_all(out), out)
    except (OSError, results.ResultFileError) as error:
        return error
    return None


def _settings(
    experiment: Experiment,
    request: Request,
    digits: MNIST | None,
    fingerprint: str | None,
    prints: tuple[str | None, str | None],
) -> Settings:
    default = experiment.quick_seeds if request.quick else experiment.default_seeds
    seeds = default if request.seeds is None else request.seeds
    full = request.full and experiment.full_duration is not None
    if experiment.needs_digits and digits is not None:
        folder, source = mnist.find_folder(request.mnist), digits.source
    else:
        folder = source = fingerprint = None
    text, text_print = (
        (request.text, prints[0]) if experiment.uses_text else (None, None)
    )
    model, model_print = (
        (request.model, prints[1]) if experiment.uses_model else (None, None)
    )
    return Settings(
        seeds,
        request.seed,
        request.quick,
        mnist=None if folder is None else str(folder),
        digits=source,
        fingerprint=fingerprint,
        full=full,
        text=None if text is None else str(text),
        text_fingerprint=text_print,
        model=None if model is None else str(model),
        model_fingerprint=model_print,
    )


def _earlier_result(
    experiment: Experiment, settings: Settings, out: Path
) -> Result | None:
    file = results.result_file(out, experiment.name)
    if not file.is_file():
        return None
    result = results.load(file)
    same_code = result.versions == provenance.versions()
    return result if same_code and result.settings == settings else None


def _run(
    experiment: Experiment, settings: Settings, request: Request, progress: Progress
) -> Result:
    started, clock = datetime.now(UTC), time.monotonic()
    versions, commit = provenance.versions(), provenance.commit()
    context = Context(
        settings.seeds,
        settings.quick,
        settings.seed,
        settings.mnist,
        progress,
        settings.full,
        sweeps.folder(
            request.out, experiment.name, settings, versions, keep=request.resume
        )
        if experiment.is_long
        else None,
        None if settings.text is None else Path(settings.text),
        None if settings.model is None else Path(settings.model),
    )
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
        versions=versions,
        commit=commit,
        machine=provenance.machine(),
        started=started.isoformat(timespec="seconds"),
        seconds=time.monotonic() - clock,
    )
    results.save(result, outcome.figures, request.out)
    return result
