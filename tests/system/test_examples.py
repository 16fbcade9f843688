"""Examples run."""

import runpy
import warnings
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
EXAMPLES = sorted((ROOT / "examples").glob("*.py"))
# What takes long in an example, and what stands for it here.
BRIEFER = {
    "looped_induction": {
        "steps=1_000": "steps=40",
        "warmup=100": "warmup=10",
        "every=100": "every=20",
    },
    "many_shots": {"(5, 10, 50, 100, 200)": "(5, 10)", "range(10)": "range(2)"},
    "mean_field_zoom": {
        "1.28, 200)": "1.28, 4)",
        "transient=4_000, steps=4_000": "transient=200, steps=400",
    },
}


@pytest.fixture
def printed(tmp_path, monkeypatch, capsys):
    """What a script prints, run here: starting JAX for each would take longest."""
    monkeypatch.chdir(tmp_path)

    def run(code: str) -> str:
        (tmp_path / "script.py").write_text(code)
        with warnings.catch_warnings(action="error"):
            runpy.run_path(str(tmp_path / "script.py"), run_name="__main__")
        return capsys.readouterr().out

    return run


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
@pytest.mark.usefixtures("sketches")
def test_an_example_runs_prints_its_results_and_draws(path, printed, tmp_path) -> None:
    code = path.read_text()
    for long, brief in BRIEFER.get(path.stem, {}).items():
        assert long in code
        code = code.replace(long, brief)

    output = printed(code)

    assert output.strip()
    assert "False" not in output
    assert (tmp_path / f"{path.stem}.png").is_file()
