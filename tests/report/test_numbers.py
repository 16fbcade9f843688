import dataclasses

import pytest

from isinglass.report.numbers import duration, our_value, paper_value, verdict
from isinglass.reproduce.ledger import Row
from isinglass.reproduce.verdicts import Verdict


def row(ours, low, high, paper=None, unit=""):
    return Row(
        "toy",
        "Table 1",
        "x",
        paper,
        ours,
        low,
        high,
        3,
        unit,
        None,
        Verdict.DIFFERS,
        "So.",
    )


@pytest.mark.parametrize(
    ("ours", "low", "high", "unit", "text"),
    [
        (83.1234, 82.6, 83.6468, "%", "83.12 ± 0.52 %"),
        (83.1234, 79.0, 87.2468, "%", "83.1 ± 4.1 %"),
        (1234.5, 1000.0, 1469.0, "", "1234 ± 234"),
        (-0.00123, -0.00125, -0.00121, "", "−0.001230 ± 0.000020"),
        (97.0, 91.5, 99.0, "%", "97.0 [91.5, 99.0] %"),
        (100.0, 96.3, 100.0, "%", "100.0 [96.3, 100.0] %"),
        (11.2, 11.2, 11.2, "", "11.20"),
        (0.0, 0.0, 0.0, "", "0"),
        (2.22e-16, 2.22e-16, 2.22e-16, "", "2.2 × 10⁻¹⁶"),
        (-9.99e-5, -9.99e-5, -9.99e-5, "nats", "−1.0 × 10⁻⁴ nats"),
        (0.0001, 0.0001, 0.0001, "", "0.0001000"),
        (123456.0, 123456.0, 123456.0, "", "123,456"),
        (-0.001, -0.511, 0.509, "", "0.00 ± 0.51"),
    ],
)
def test_our_value_has_two_digits_of_its_interval(ours, low, high, unit, text):
    assert our_value(row(ours, low, high, unit=unit)) == text


@pytest.mark.parametrize(
    ("paper", "unit", "text"),
    [
        (None, "%", "–"),
        (66.63, "%", "66.63 %"),
        (-2.0, "", "−2"),
        (0.1, "bit", "0.1 bit"),
    ],
)
def test_the_papers_value_stands_as_published(paper, unit, text):
    assert paper_value(row(0.0, 0.0, 0.0, paper, unit)) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.04, "0.0 s"),
        (0.44, "0.4 s"),
        (12.4, "12 s"),
        (89, "89 s"),
        (100, "2 min"),
        (4800, "80 min"),
        (7300, "2 h 2 min"),
        (7200, "2 h"),
        (35_900, "9 h 58 min"),
        (110_000, "31 h"),
        (450_000, "5 days"),
    ],
)
def test_durations_are_in_words(seconds, text):
    assert duration(seconds) == text


@pytest.mark.parametrize(
    ("kind", "tolerance", "text"),
    [
        (Verdict.DIFFERS, None, "differs"),
        (Verdict.DIFFERS, 15.93, "differs ± 16"),
        (Verdict.ONE_RUN, 15.93, "consistent with one run ± 16"),
        (Verdict.IN_INTERVAL, None, "in our interval"),
        (Verdict.IN_INTERVAL, 0.05, "within ± 0.05"),
    ],
)
def test_a_verdict_names_what_it_turned_on(kind, tolerance, text):
    judged = dataclasses.replace(row(1.0, 0.5, 1.5), verdict=kind, tolerance=tolerance)
    assert verdict(judged) == text
