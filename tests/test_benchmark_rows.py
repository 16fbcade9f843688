"""What benchmarks write with `--json`, by programs that do nothing."""

import json
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[1] / "benchmarks"
KEYS = [
    *("work", "program", "unit", "median", "least", "most"),
    *("times_ours", "share_of_limit"),
]


@pytest.mark.skipif(not FOLDER.exists(), reason="an sdist has no benchmarks")
def test_rows_of_a_work(tmp_path, monkeypatch, capsys):
    monkeypatch.syspath_prepend(FOLDER)
    monkeypatch.delitem(sys.modules, "harness", raising=False)
    import harness  # pyright: ignore[reportMissingImports]

    programs = {
        "ours": harness.Program(lambda: None),
        "theirs": harness.Program(lambda: sum(range(9)), amount=2.0, once=True),
    }
    limit = harness.Ceiling("sums", lambda: sum(range(9)), 9.0)
    work = harness.Work("nothing", programs, "µs", 1e6, limit, operations=1.0)
    options = harness.options_of("For a test.", patterns=3).parse_args(
        ["--rounds", "2", "--json", str(tmp_path / "rows")]
    )
    assert (options.rounds, options.patterns) == (2, 3)
    harness.report(harness.measure(work, options.rounds), options)
    rows = json.loads((tmp_path / "rows").read_text())
    assert [list(row) for row in rows] == 5 * [KEYS]
    assert [(row["program"], row["unit"]) for row in rows] == [
        *(("ours", "µs"), ("ours", "processor µs")),
        *(("theirs", "µs"), ("theirs", "processor µs")),
        ("limit: sums", "10⁹/s"),
    ]
    assert all(row["least"] <= row["median"] <= row["most"] for row in rows)
    assert rows[0]["times_ours"] == 1
    assert rows[-1]["times_ours"] is None
    assert "theirs" in capsys.readouterr().out
