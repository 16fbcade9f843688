"""Where an experiment keeps long sweeps, so that a resumed run finds them."""

import json
import secrets
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from isinglass._common import files
from isinglass.reproduce.results import Settings

MARK = "settings.json"


@dataclass(frozen=True)
class Mark:
    """Whose a workspace is.

    Attributes:
        settings: Settings of the run; where its files lie does not count.
        versions: Versions of what its numbers depend on.
    """

    settings: Settings
    versions: Mapping[str, str]

    def text(self) -> str:
        """As it stands in the folder."""
        record = asdict(self.settings)
        for source in record["inputs"].values():
            del source["path"], source["description"]
        return json.dumps(
            {"settings": record, "versions": dict(self.versions)}, indent=2
        )


def folder(out: Path, name: str, mark: Mark, *, keep: bool) -> Path:
    """The folder of an experiment's sweeps and checkpoints, ``out/sweeps/NAME``.

    It belongs to one experiment, code and settings: what others left there is removed,
    and so is what these left unless it is to be kept.

    Args:
        out: Output folder of the run.
        name: Name of the experiment.
        mark: Whose it is.
        keep: Whether a sweep that was begun is to be gone on with.

    Raises:
        OSError: If the folder cannot be written to, or holds what is not ours.
    """
    path = out / "sweeps" / name
    for removed in path.parent.glob(f".{name}.*.removed"):  # by a killed run
        shutil.rmtree(removed)
    if keep and _read(path / MARK) == mark.text():
        return path
    if (path / MARK).exists():
        _remove(path)
    elif path.exists() and not all(map(_is_unfinished_mark, path.iterdir())):
        raise FileExistsError(f"{path} holds what no run has put there; move it away")
    path.mkdir(parents=True, exist_ok=True)
    files.write_text(path / MARK, mark.text())
    return path


def _remove(path: Path) -> None:
    """Remove a folder; a kill leaves it whole, or under a name that says so."""
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
