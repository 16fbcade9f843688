"""Where an experiment keeps long sweeps, so that a resumed run finds them."""

import json
import secrets
import shutil
from dataclasses import fields
from pathlib import Path

from isinglass._common import files as _atomic
from isinglass.reproduce.results import Settings

MARK = "settings.json"


def folder(
    out: Path, name: str, settings: Settings, versions: dict[str, str], *, keep: bool
) -> Path:
    """The folder of an experiment's sweeps, ``out/sweeps/NAME``.

    It belongs to one experiment, code and settings: what others left there is removed,
    and so is what these left unless it is to be kept.

    Args:
        out: Output folder of the run.
        name: Name of the experiment.
        settings: Settings of the run; where its files lie does not count.
        versions: Versions of what its numbers depend on.
        keep: Whether a sweep that was begun is to be gone on with.

    Raises:
        OSError: If the folder cannot be written to, or holds what is not ours.
    """
    path = out / "sweeps" / name
    for removed in path.parent.glob(
        f".{name}.*.removed"
    ):  # by a run that was killed meanwhile
        shutil.rmtree(removed)
    mark = _mark(settings, versions)
    if keep and _read(path / MARK) == mark:
        return path
    if (path / MARK).exists():
        _remove(path)
    elif path.exists() and not all(map(_is_unfinished_mark, path.iterdir())):
        raise FileExistsError(f"{path} holds what no run has put there; move it away")
    path.mkdir(parents=True, exist_ok=True)
    _atomic.write_text(path / MARK, mark)
    return path


def _mark(settings: Settings, versions: dict[str, str]) -> str:
    decisive = {
        each.name: getattr(settings, each.name)
        for each in fields(settings)
        if each.compare
    }
    return json.dumps({"settings": decisive, "versions": versions}, indent=2)


def _remove(path: Path) -> None:
    """Remove a folder; a kill leaves it whole, or under a name that is known to be removed."""
    moved = path.with_name(f".{path.name}.{secrets.token_hex(4)}.removed")
    path.rename(moved)
    shutil.rmtree(moved)


def _is_unfinished_mark(path: Path) -> bool:
    return path.name.startswith(f".{MARK}.") and path.name.endswith(".tmp")


def _read(file: Path) -> str | None:
    try:
        return file.read_text()
    except (OSError, UnicodeDecodeError):
        return None
