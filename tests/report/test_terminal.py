import io
from dataclasses import replace

import pytest
from rich.console import Console

from helpers import fakes
from isinglass.report import experiment_list, terminal
from isinglass.reproduce.runner import Finished, Request, run
from isinglass.reproduce.verdicts import Verdict


def printed(renderable, width=80):
    text = io.StringIO()
    Console(file=text, width=width, color_system=None).print(renderable)
    return text.getvalue()


@pytest.fixture
def result(tmp_path):
    (outcome,) = run([fakes.entry()], Request(tmp_path))
    assert isinstance(outcome, Finished)
    return outcome.result


def test_the_table_can_be_read_without_colour(result):
    text = printed(terminal.result_table(result))
    assert "toy-one: Title of toy-one (Nobody 1999, Table 1)" in text
    assert "0.10 ± 0.25 s" in text
    assert "too few runs to judge" in " ".join(text.split())


def test_at_60_columns_no_verdict_is_cut_off(result):
    row = replace(
        result.rows[0], quantity="learner 0, digit 1", verdict=Verdict.ONE_RUN
    )
    text = printed(terminal.result_table(replace(result, rows=[row]), 60), 60)
    assert "consistent" in text
    assert "with one run" in text


def test_square_brackets_are_text_not_markup(result):
    named = replace(
        result, rows=[replace(result.rows[0], quantity="t in [19, 24] [bold]x")]
    )
    assert "t in [19, 24] [bold]x" in printed(terminal.result_table(named), width=120)


@pytest.mark.parametrize("verdict", list(Verdict))
def test_nothing_is_cut_off_in_80_columns(result, verdict):
    row = replace(
        result.rows[0],
        quantity="a long name " * 6,
        unit="%",
        paper=88.65,
        verdict=verdict,
    )
    text = printed(terminal.result_table(replace(result, rows=[row])))
    assert "…" not in text
    assert set(verdict.value.split()) <= set(text.split())
    assert "a long name a long name" in text  # names keep room to be read


def test_the_summary_counts(result):
    verdicts = [Verdict.IN_INTERVAL, Verdict.UNPUBLISHED, Verdict.UNPUBLISHED]
    rows = [replace(result.rows[0], verdict=verdict) for verdict in verdicts]
    assert printed(terminal.summary([replace(result, rows=rows)]), 200) == (
        "3 numbers: 1 in our interval, 0 consistent with one run, 0 differ, "
        "2 without a published value.\n"
    )


def test_judged_rows_come_first_and_ours_alone_last(result):
    places = (
        ("ours alone", None, Verdict.UNPUBLISHED),
        ("other setting", 1.0, Verdict.NOT_COMPARABLE),
        ("judged", 1.0, Verdict.DIFFERS),
    )
    rows = [
        replace(result.rows[0], quantity=quantity, paper=paper, verdict=verdict)
        for quantity, paper, verdict in places
    ]
    text = printed(terminal.result_table(replace(result, rows=rows)), 120)
    assert text.index("judged") < text.index("other setting") < text.index("ours alone")


def test_the_list_shows_names_whole():
    text = printed(experiment_list.table([fakes.entry("toy-of-a-very-long-name")]))
    assert "toy-of-a-very-long-name" in text
    assert "Nobody 1999" in text
    assert "0.1 s" in text
