import csv
import io
import json

import numpy as np
import pytest
import xarray as xr

from isinglass._common.intervals import Interval
from isinglass.reproduce.ledger import (
    Cell,
    Ledger,
    Row,
    from_json,
    to_csv,
    to_json,
)
from isinglass.reproduce.verdicts import Verdict

SAMPLES = [79.0, 79.0, 80.0, 81.0, 81.0]  # mean 80, deviation 1, interval 80 ± 1.2417


def row_of(method, *args, unit="", **options):
    """The row that a method of a ledger writes."""
    ledger = Ledger("toy", "Table 1", unit=unit)
    getattr(ledger, method)("accuracy", *args, **options)
    (row,) = ledger.rows
    return row


def verdict_of(paper, **options):
    return row_of("mean", SAMPLES, paper, unit="%", **options)


def test_an_estimate_has_an_interval_of_its_own():
    interval = Interval(0.9, 0.7, 1.2)
    row, other = (
        row_of("estimate", interval, 16, paper, unit="bits") for paper in (1.0, 2.0)
    )

    assert (row.ours, row.low, row.high, row.n) == (0.9, 0.7, 1.2, 16)
    assert (row.unit, row.verdict) == ("bits", Verdict.IN_INTERVAL)
    assert other.verdict is Verdict.DIFFERS


class TestRule:
    @pytest.mark.parametrize("paper", [80, 78.8, 81.2])
    def test_inside_the_interval(self, paper):
        row = verdict_of(paper)
        assert (row.verdict, row.tolerance) == (Verdict.IN_INTERVAL, None)
        assert "confidence interval" in row.rule

    @pytest.mark.parametrize(("paper", "side"), [(78.7, "below"), (81.3, "above")])
    def test_outside_the_interval_differs(self, paper, side):
        row = verdict_of(paper)
        assert row.verdict is Verdict.DIFFERS
        assert f"1.3 % {side} our mean" in row.rule

    def test_within_a_tolerance_says_so_with_its_reason(self):
        row = verdict_of(85, tolerance=5, because="one draw of theirs")
        assert (row.verdict, row.tolerance) == (Verdict.IN_INTERVAL, 5)
        assert "tolerance of 5 %" in row.rule
        assert "one draw of theirs" in row.rule

    def test_outside_the_tolerance_differs_and_says_so(self):
        row = verdict_of(85.1, tolerance=5, because="one draw of theirs")
        assert row.verdict is Verdict.DIFFERS
        assert "outside the tolerance of 5 %" in row.rule

    def test_a_difference_keeps_its_explanation(self):
        assert "undertrained" in verdict_of(90, because="theirs is undertrained").rule

    def test_no_published_value_is_called_that(self):
        row = verdict_of(None, because="the paper has no such peer")
        assert (row.verdict, row.paper) == (Verdict.UNPUBLISHED, None)
        assert row.verdict == "no published value"
        assert row.rule == "The paper has no such peer."

    def test_a_value_measured_otherwise_is_shown_and_not_compared(self):
        row = row_of("other_setting", SAMPLES, 80, because="another test set")
        assert (row.verdict, row.paper) == (Verdict.NOT_COMPARABLE, 80)

    @pytest.mark.parametrize(("paper", "holds"), [(2.1, True), (2.3, False)])
    def test_an_exact_number_needs_no_seeds(self, paper, holds):
        row = row_of("exact", 2.0, paper, tolerance=0.2, because="rounding")
        assert (row.verdict is Verdict.IN_INTERVAL) == holds
        assert row.verdict.is_judgement
        assert "our exact value" in row.rule

    @pytest.mark.parametrize("n", [1, 2, 4])
    @pytest.mark.parametrize("method", ["mean", "one_run", "estimate", "claim"])
    def test_fewer_than_five_runs_judge_nothing(self, method, n):
        rows = {
            "mean": lambda: row_of("mean", SAMPLES[:n], 80),
            "one_run": lambda: row_of("one_run", SAMPLES[:n], 80),
            "estimate": lambda: row_of("estimate", Interval(80, 79, 81), n, 80),
            "claim": lambda: row_of("claim", n, n),
        }
        row = rows[method]()
        assert row.verdict is Verdict.TOO_FEW
        assert "fewer than 5" in row.rule

    def test_the_row_carries_the_interval_and_the_count(self):
        row = verdict_of(80)
        assert (row.ours, row.n, row.unit) == (80, 5, "%")
        assert (
            row.high - 80
            == pytest.approx(80 - row.low)
            == pytest.approx(1.2417, abs=1e-4)
        )


class TestRefused:
    @pytest.mark.parametrize("samples", [[], [np.nan], [1.0, np.inf]])
    def test_samples(self, samples):
        with pytest.raises(ValueError, match="samples"):
            row_of("mean", samples, 1)

    @pytest.mark.parametrize("paper", [np.nan, np.inf])
    def test_paper(self, paper):
        with pytest.raises(ValueError, match="paper"):
            verdict_of(paper)

    @pytest.mark.parametrize("tolerance", [-1, np.nan, np.inf])
    def test_tolerance(self, tolerance):
        with pytest.raises(ValueError, match="tolerance"):
            verdict_of(1, tolerance=tolerance, because="so")

    @pytest.mark.parametrize(
        ("paper", "options"),
        [(None, {}), (80, {"tolerance": 1})],
    )
    def test_a_missing_reason(self, paper, options):
        with pytest.raises(ValueError, match="because"):
            verdict_of(paper, **options)

    @pytest.mark.parametrize(
        ("method", "paper"), [("other_setting", [80]), ("ours_alone", [])]
    )
    def test_a_missing_reason_where_nothing_is_compared(self, method, paper):
        with pytest.raises(ValueError, match="because"):
            row_of(method, SAMPLES, *paper)


class TestShares:
    def test_are_in_percent_with_wilsons_interval(self):
        row = row_of("share", 97, 100, 97)
        assert (row.ours, row.n, row.unit) == (97, 100, "%")
        assert row.low == pytest.approx(91.55, abs=0.01)
        assert row.high == pytest.approx(98.97, abs=0.01)
        assert row.verdict is Verdict.IN_INTERVAL

    @pytest.mark.parametrize(
        ("count", "verdict"),
        [
            (100, Verdict.IN_INTERVAL),
            (66, Verdict.ONE_RUN),
            (6, Verdict.ONE_RUN),
            (5, Verdict.DIFFERS),
        ],
    )
    def test_a_statement_about_one_run_must_not_be_rare_among_ours(
        self, count, verdict
    ):
        row = row_of("claim", count, 100)
        assert row.verdict is verdict
        assert (row.paper, row.ours) == (100, count)
        words = "all of ours" if count == 100 else f"{count} % of ours"
        assert words in row.rule


def ledger_of(experiment, quantity, samples, paper, **fields):
    ledger = Ledger(experiment, "§4", **fields)
    ledger.mean(quantity, samples, paper)
    return ledger.rows


class TestFiles:
    ROWS = (
        *ledger_of("a", 'a "b", ≥ c', [0.1, 0.2, 0.2, 0.4, 0.5], 1 / 3, unit="bit"),
        *ledger_of("b", "d", 1e-300, None, because="none given"),
    )

    def test_json_brings_back_the_same_rows(self):
        assert tuple(from_json(to_json(self.ROWS))) == self.ROWS

    def test_csv_has_every_field_and_an_empty_cell_for_a_missing_value(self):
        first, second = csv.DictReader(io.StringIO(to_csv(self.ROWS)))
        assert first["quantity"] == 'a "b", ≥ c'
        assert float(first["paper"]) == 1 / 3
        assert first["verdict"] == "in our interval"
        assert second["paper"] == ""

    @pytest.mark.parametrize(
        "change",
        [
            {"ours": None},
            {"ours": float("nan")},
            {"paper": "x"},
            {"verdict": "maybe"},
            {"extra": 1},
        ],
    )
    def test_a_damaged_row_is_refused(self, change):
        record = json.loads(to_json(self.ROWS))[0] | change
        with pytest.raises(ValueError, match=r"ledger row|valid Verdict"):
            Row.from_dict(record)

    @pytest.mark.parametrize("text", ["", "{}", "[1"])
    def test_what_is_no_ledger_is_refused(self, text):
        with pytest.raises(ValueError, match=r"Expecting|a ledger is a JSON array"):
            from_json(text)


class TestOneRunOfThePaper:
    # Standard deviation 1, n = 5: t(4) · √(1 + 1/5) = 3.0415
    @pytest.mark.parametrize(
        ("paper", "verdict"),
        [
            (81.2, Verdict.IN_INTERVAL),
            (83.0, Verdict.ONE_RUN),
            (77.0, Verdict.ONE_RUN),
            (83.1, Verdict.DIFFERS),
        ],
    )
    def test_it_may_lie_where_single_runs_do(self, paper, verdict):
        row = row_of("one_run", SAMPLES, paper, unit="%")
        assert row.verdict is verdict
        assert ("one run" in row.rule) == (verdict is not Verdict.IN_INTERVAL)

    @pytest.mark.parametrize(
        ("paper", "verdict"), [(81.75, Verdict.ONE_RUN), (81.76, Verdict.DIFFERS)]
    )
    def test_a_mean_of_several_runs_spreads_less(self, paper, verdict):
        row = row_of("one_run", SAMPLES, paper, runs=3)
        assert row.verdict is verdict
        assert "3 runs" in row.rule

    def test_it_may_differ_by_more_with_a_reason(self):
        row = row_of("one_run", SAMPLES, 83.5, more=(0.5, "theirs is rounded"))
        assert row.verdict is Verdict.ONE_RUN
        assert "theirs is rounded" in row.rule


class TestTables:
    def test_a_cell_says_its_place_and_has_a_name_of_its_own(self):
        table = Ledger("toy", "Table 1").using(table="Energies")
        table.one_run(Cell("learner 0", "digit 1"), SAMPLES, 80)
        table.one_run(Cell("learner 0", "digit 2", "second"), SAMPLES, 80)
        first, second = table.rows
        assert (first.table, first.row, first.column) == (
            "Energies",
            "learner 0",
            "digit 1",
        )
        assert (first.quantity, second.quantity) == ("learner 0, digit 1", "second")

    def test_what_is_no_cell_has_no_place(self):
        row = row_of("mean", SAMPLES, 80)
        assert (row.table, row.row, row.column) == ("", "", "")


class TestSharedWords:
    def test_what_rows_share_is_said_once(self):
        ledger = Ledger("toy", "Table 1")
        shares = ledger.using(unit="%", source="Table 2", because="Ours alone")
        shares.ours_alone("a", [1.0])
        shares.ours_alone("b", [2.0], because="Another reason")
        ledger.mean("c", [1.0, 2.0], 1.5)
        assert [row.source for row in ledger.rows] == ["Table 2", "Table 2", "Table 1"]
        assert [row.unit for row in ledger.rows] == ["%", "%", ""]
        assert [row.rule for row in ledger.rows[:2]] == [
            "Ours alone.",
            "Another reason.",
        ]

    def test_a_data_array_says_its_unit_and_range(self):
        samples = xr.DataArray(
            [99.0, 100.0, 100.0], attrs={"units": "%", "valid_range": [0, 100]}
        )
        row = row_of("mean", samples, 100)
        assert row.unit == "%"
        assert 0 < row.low < row.ours < row.high < 100

    def test_an_interval_stays_where_its_quantity_does(self):
        ledger = Ledger("toy", "Table 1", valid_range=(0, 100))
        ledger.mean("accuracy", [0.0, 1.0, 1.0], 0)
        assert 0 < ledger.rows[0].low < ledger.rows[0].ours < ledger.rows[0].high

    def test_a_sample_out_of_range_is_refused(self):
        ledger = Ledger("toy", "Table 1", valid_range=(0, 100))
        with pytest.raises(ValueError, match="valid range 0 to 100"):
            ledger.mean("accuracy", [50.0, 101.0], 0)
