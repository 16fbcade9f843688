"""What the documentation shows, runs."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
EXAMPLES = sorted((ROOT / "examples").glob("*.py"))
# What takes long in an example, and what stands for it here.
BRIEFER = {
    "looped_induction": ("steps=1_000", "steps=500"),
    "mean_field_zoom": ("1.28, 200)", "1.28, 10)"),
}


def run(code: str, where: Path) -> str:
    command = [sys.executable, "-W", "error", "-c", code]
    done = subprocess.run(
        command, capture_output=True, text=True, cwd=where, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_runs_and_prints_its_results(path: Path, tmp_path: Path) -> None:
    code = path.read_text()
    long, brief = BRIEFER.get(path.stem, ("", ""))
    assert long in code

    printed = run(code.replace(long, brief) if long else code, tmp_path)

    assert printed.strip()
    assert "False" not in printed


def test_the_readmes_python_runs(tmp_path: Path) -> None:
    blocks = re.findall(
        r"```python\n(.*?)```", (ROOT / "README.md").read_text(), flags=re.DOTALL
    )

    assert blocks
    for block in blocks:
        assert run(block, tmp_path).strip()


@pytest.mark.parametrize(
    "page", [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))], ids=str
)
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    targets = re.findall(r"\]\(([^)\s:]+)\)", page.read_text())

    missing = []
    for target in targets:
        file, _, anchor = target.partition("#")
        place = page.parent / file if file else page
        if not place.exists() or (anchor and anchor not in headings(place)):
            missing.append(target)
    assert not missing


def headings(page: Path) -> set[str]:
    """What the headings of a page are called in links, as GitHub does."""
    lines = re.findall(r"^#+ (.*)$", page.read_text(), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", line.lower()).replace(" ", "-") for line in lines}
