"""The gallery: every example with what it prints and the picture that it draws."""

import ast
import hashlib
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"
# Where what examples print and draw is kept, until they change.
CACHE = ROOT / "build" / "gallery"
INTRODUCTION = """# Gallery

Scripts to start from. Each stands alone, prints numbers and draws a picture:
`python examples/NAME.py`.
"""


@dataclass(frozen=True)
class Shown:
    """What an example printed, and the picture that it drew."""

    printed: str
    picture: bytes


def run_all() -> dict[str, Shown]:
    """Run the examples whose text has changed since they were last run.

    Raises:
        RuntimeError: If one fails or draws no picture.
    """
    with ThreadPoolExecutor(2) as workers:
        names = [path.stem for path in sorted(EXAMPLES.glob("*.py"))]
        return dict(zip(names, workers.map(_run, names), strict=True))


def page(shown: dict[str, Shown]) -> str:
    """Return Markdown of the gallery; what was not run has its code alone."""
    paths = sorted(EXAMPLES.glob("*.py"))
    cards, parts = [], []
    for path in paths:
        code = path.read_text("utf-8")
        about = ast.get_docstring(ast.parse(code)) or ""
        title = about.split("\n")[0].rstrip(".")
        parts.append(f"## {title} {{ #{path.stem} }}\n\n`examples/{path.stem}.py`")
        if path.stem in shown:
            picture = f"gallery/{path.stem}.png"
            cards.append(f"[![]({picture}) {title}](#{path.stem}){{ .card }}")
            parts.append(f"![{title}]({picture})")
            parts.append(f"```text\n{shown[path.stem].printed.rstrip()}\n```")
        parts.append(f"```python\n{code.rstrip()}\n```")
    grid = '<div class="cards" markdown="span">\n' + "\n".join(cards) + "\n</div>"
    return "\n\n".join([INTRODUCTION, *([grid] if cards else []), *parts]) + "\n"


def _run(name: str) -> Shown:
    code = (EXAMPLES / f"{name}.py").read_bytes()
    folder = CACHE / f"{name}-{hashlib.sha256(code).hexdigest()[:16]}"
    picture, text = folder / f"{name}.png", folder / "printed.txt"
    if not (picture.is_file() and text.is_file()):
        folder.mkdir(parents=True, exist_ok=True)
        script = [sys.executable, str(EXAMPLES / f"{name}.py")]
        result = subprocess.run(script, cwd=folder, capture_output=True, text=True)
        if result.returncode or not picture.is_file():
            raise RuntimeError(f"{name} drew no {picture.name}: {result.stderr}")
        text.write_text(result.stdout, "utf-8")
    return Shown(text.read_text("utf-8"), picture.read_bytes())
