"""Where an experiment keeps long sweeps, so that a resumed run finds them."""

import json
import shutil
from dataclasses import asdict
from pathlib import Path

from isinglass import _atomic
from isinglass.reproduce.results import Settings

MARK = "settings.json"


def folder(
    out: Path, name: str, settings: Settings, versions: dict[str, str], *, keep: bool
) -> Path:
    """The folder of an experiment's sweeps, ``out/sweeps/NAME``; not yet made.

    It belongs to one experiment, code and settings: what others left there is removed, and so is
    what these left unless it is to be kept.

    Args:
        out: Output folder of the run.
        name: Name of the experiment.
        settings: Settings of the run.
        versions: Versions of what its numbers depend on.
        keep: Whether a sweep that was begun is to be gone on with.

    Raises:
        OSError: If the folder cannot be written to, or holds what is not ours.
    """
    path = out / "sweeps" / name
    mark = json.dumps({"settings": asdict(settings), "versions": versions}, indent=2)
    if keep and _read(path / MARK) == mark:
        return path
    if (path / MARK).exists():
        shutil.rmtree(path)
    elif path.exists() and any(path.iterdir()):
        raise FileExistsError(f"{path} holds what no run has put there; move it away")
    path.mkdir(parents=True, exist_ok=True)
    _atomic.write_text(path / MARK, mark)
    return path


def _read(file: Path) -> str | None:
    try:
        return file.read_text()
    except (OSError, UnicodeDecodeError):
        return None
