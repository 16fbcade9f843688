"""Data are drawn by `isinglass.plot` and by nothing else.

Titles, labels, limits, legends, guide lines and words are set on the axes that its
functions return; marks for data are not.
"""

import ast
from pathlib import Path

import pytest

import isinglass

PACKAGE = Path(isinglass.__file__).parent
ROOT = PACKAGE.parents[1]
# Methods of axes that draw data.
MARKS = frozenset(
    {"plot", "loglog", "semilogx", "semilogy", "errorbar", "scatter", "stairs"}
    | {"bar", "barh", "hist", "fill_between", "fill_betweenx", "vlines", "hlines"}
    | {"imshow", "matshow", "pcolor", "pcolormesh", "contour", "contourf"}
    | {"streamplot", "quiver", "add_collection", "add_collection3d", "boxplot"}
)


def marks(source: str) -> list[str]:
    """Return the calls that draw data by methods of Matplotlib's axes."""
    return [
        f"line {node.lineno}: .{node.func.attr}(…)"
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in MARKS
        and not (isinstance(node.func.value, ast.Name) and node.func.value.id == "plot")
    ]


def files() -> list[Path]:
    """Files of whatever has something to draw; of a wheel those of the package."""
    rooms = [PACKAGE / name for name in ("experiments", "reproduce", "report", "cli")]
    others = [ROOT / name for name in ("examples", "docs", "benchmarks")]
    return [path for folder in (*rooms, *others) for path in folder.rglob("*.py")]


def test_only_plots_draw_data():
    drawn = [
        f"{path.relative_to(ROOT)}, {mark}"
        for path in files()
        for mark in marks(path.read_text("utf-8"))
    ]
    assert not drawn, "\n".join(drawn)


@pytest.mark.parametrize(
    ("source", "count"),
    [
        ("axes.plot(x, y)", 1),
        ("panels[0].imshow(x)\naxes.errorbar(x, y, z)", 2),
        ("plot.line(x, y, axes)\nplot.contours(x, y, z, axes, levels=[0])", 0),
        ("axes.set(title=name)\naxes.axhline(0)\naxes.text(0, 0, name)", 0),
    ],
)
def test_a_mark_of_matplotlib_is_reported(source, count):
    assert len(marks(source)) == count
