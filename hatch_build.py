"""Stamps a wheel with the commit it is built from, for reports to name."""

import subprocess
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class CommitStamp(BuildHookInterface):
    """Adds ``isinglass/_commit.txt`` to a wheel that is built in a git checkout."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Write the stamp; an editable install needs none: it runs from a checkout."""
        if self.target_name != "wheel" or version == "editable":
            return
        if self._git("rev-parse", "--show-toplevel") != str(Path(self.root).resolve()):
            return  # an unpacked source archive, perhaps in another checkout
        commit = self._git("rev-parse", "HEAD")
        if commit is None:
            return
        modified = bool(self._git("status", "--porcelain", "--untracked-files=no"))
        stamp = Path(self.directory) / "_commit.txt"
        stamp.parent.mkdir(parents=True, exist_ok=True)
        stamp.write_text(f"{commit}{'+modified' if modified else ''}\n")
        build_data["force_include"][str(stamp)] = "isinglass/_commit.txt"

    def _git(self, *arguments: str) -> str | None:
        command = ["git", "-C", self.root, *arguments]
        try:
            return subprocess.run(
                command, capture_output=True, text=True, check=True
            ).stdout.strip()
        except (OSError, subprocess.CalledProcessError):
            return None
