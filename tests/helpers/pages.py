"""Pages of the documentation, taken apart."""

import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")),
    *sorted((ROOT / "docs").rglob("*.md")),
]
FENCE = re.compile(
    r"^(?P<marks>(?:<!-- [^\n]* -->\n)?)(?P<ticks>```+)(?P<language>\w*)\n"
    r"(?P<text>.*?)^(?P=ticks)$",
    re.DOTALL | re.MULTILINE,
)
ONE_PROGRAM = "<!-- the blocks of this page are one program"


@dataclass(frozen=True)
class Block:
    """A block of code, and what a comment above it says of it."""

    language: str
    text: str
    mark: str = ""

    @property
    def is_slow(self) -> bool:
        """Whether running it takes more than a few seconds."""
        return "slow" in self.mark


@dataclass(frozen=True)
class Page:
    """A page of the documentation."""

    path: Path

    @property
    def name(self) -> str:
        """Its place in the repository."""
        return self.path.relative_to(ROOT).as_posix()

    @cached_property
    def text(self) -> str:
        """All of it."""
        return self.path.read_text("utf-8")

    @cached_property
    def blocks(self) -> list[Block]:
        """Blocks of code in their order."""
        return [
            Block(match["language"], match["text"], match["marks"].strip())
            for match in FENCE.finditer(self.text)
        ]

    @cached_property
    def prose(self) -> str:
        """What is no block of code."""
        return FENCE.sub("", self.text)

    @property
    def is_one_program(self) -> bool:
        """Whether its blocks of Python go on from each other."""
        return f"\n{ONE_PROGRAM}" in self.text

    def of_language(self, language: str) -> list[Block]:
        """Blocks in a language."""
        return [block for block in self.blocks if block.language == language]


def all_pages() -> list[Page]:
    """README, CONTRIBUTING, CHANGELOG and docs/."""
    return [Page(path) for path in PAGES]
