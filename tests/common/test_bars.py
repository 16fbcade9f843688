import io
import threading
import time
from contextlib import ExitStack
from types import SimpleNamespace

import jax
import pyte
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from isinglass._common import bars, compiling
from isinglass._common.bars import Bars, Row, clock
from isinglass._common.progress import Progress
from isinglass._common.shared_console import SharedConsole
from isinglass.reproduce import catalogue

WIDTHS = (60, 80, 120)


def console(width=80, file=None):
    file = file or io.StringIO()
    return SharedConsole(file=file, force_terminal=True, width=width, color_system=None)


def lines(drawn):
    """What the bars show, line by line."""
    text = io.StringIO()
    width = drawn._console.width
    Console(file=text, width=width, color_system=None).print(drawn.table())
    return [line.rstrip() for line in text.getvalue().splitlines()]


def test_bars_are_a_progress_and_hand_the_items_through():
    text = io.StringIO()
    with Bars(console(file=text)) as drawn:
        assert isinstance(drawn, Progress)
        assert list(drawn.track(range(3), "samples")) == [0, 1, 2]
        assert list(drawn.track(iter("ab"), "letters", total=2)) == ["a", "b"]
    assert "samples" in text.getvalue()


def test_they_are_silent_where_there_is_no_terminal():
    text = io.StringIO()
    with Bars(SharedConsole(file=text)) as drawn:
        drawn.step("toy")
        assert list(drawn.track(range(3), "samples")) == [0, 1, 2]
    assert text.getvalue() == ""


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("name", catalogue.entries())
def test_of_every_experiment_only_the_description_is_cut(name, width):
    experiment = catalogue.entries()[name].experiment
    drawn = Bars(console(width))
    seconds = [100.0] * 8
    every = this = part = ""
    for _ in drawn.track(range(8), "experiments", seconds=seconds):
        with (
            drawn.expect(f"{name}: {experiment.title}", experiment.seconds["default"]),
            drawn.follow(f"{name}, a long name of something that is counted") as report,
        ):
            report(10, 1000)
            time.sleep(1e-3)
            report(1000, 1000)
            every, this, part = lines(drawn)
        break
    assert max(map(len, (every, this, part))) <= width
    for line, count in ((every, "0/8"), (this, " %"), (part, "1000/1000")):
        assert count in line
        assert line.endswith(" left")
        assert "0:00" in line.partition(count)[2]  # elapsed
    assert "━━━━━━" in part
    assert name[:15] in this
    assert "…" in part or width == 120


def test_a_share_of_what_was_expected_is_never_the_whole():
    drawn = Bars(console())
    with drawn.expect("work", 1e-3):
        time.sleep(2e-3)
        (line,) = lines(drawn)
    assert "99 %" in line
    assert line.endswith("overdue")


def test_what_cannot_be_counted_shows_no_count():
    drawn = Bars(console())
    drawn.step("first")
    drawn.step("thinking")
    with drawn.follow("waiting"):
        step, waiting = lines(drawn)
    assert step.split()[1:] == ["thinking", "0:00", "elapsed"]
    assert waiting.split()[1:] == ["waiting", "0:00", "elapsed", "starting"]
    drawn.step("")
    assert lines(drawn) == []


def test_an_expected_block_takes_its_steps_with_it():
    drawn = Bars(console())
    with drawn.expect("work", 9.0):
        drawn.step("part")
        assert len(lines(drawn)) == 2
    assert lines(drawn) == []


@given(
    slow=st.floats(0, 1e3),
    pace=st.floats(1e-3, 1e3),
    total=st.integers(2, 300),
    share=st.floats(0, 1),
    resumed=st.integers(0, 100),
)
def test_the_time_left_is_exact_at_an_even_pace_after_a_slow_start(
    slow, pace, total, share, resumed
):
    row = Row("x", begun=0.0)
    done = 2 + int(share * (total - 2))
    row.report(resumed, resumed + total, 1.0)
    now = 1.0
    for step in range(1, done + 1):
        now += pace + (slow if step == 1 else 0.0)
        row.report(resumed + step, resumed + total, now)
    assert row.left(now) == pytest.approx(pace * (total - done), rel=1e-6, abs=1e-6)
    # It counts down while the next part takes as long, and up where that takes longer.
    rest = max(pace * (total - done - 1), 0.0)
    assert row.left(now + pace) == pytest.approx(rest, rel=1e-6, abs=1e-6)
    late = row.left(now + 9 * pace)
    assert late is not None
    assert late > rest or late == pytest.approx(rest, rel=1e-6, abs=1e-6)
    if total > done + 1:
        assert late > 1.01 * rest


def test_expected_durations_count_down_whatever_the_pace():
    row = Row("x", 3, (10.0, 20.0, 30.0), begun=0.0)
    row.report(0, 3, 0.0)
    assert row.left(4.0) == 56.0
    row.report(1, 3, 5.0)
    assert row.left(5.0) == 50.0
    assert row.left(100.0) == 30.0


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0:00"),
        (59.6, "1:00"),
        (754, "12:34"),
        (3723, "1:02:03"),
        (359_999, "99:59:59"),
        (2.3e6, "27 days"),
    ],
)
def test_clock(seconds, text):
    assert clock(seconds) == text


@pytest.fixture
def at(monkeypatch):
    """Sets the clock of the watch, and a watch that listens to JAX."""
    now = [1000.0]
    monkeypatch.setattr(compiling, "time", SimpleNamespace(monotonic=lambda: now[0]))
    watch = compiling.Watch()
    watch.listen()
    monkeypatch.setattr(bars, "WATCH", watch)

    def at(seconds):
        now[0] = 1000.0 + seconds
        return watch

    yield at
    jax.monitoring.unregister_event_duration_listener(watch._hear)  # pyright: ignore[reportArgumentType]


def hear(event, duration):
    jax.monitoring.record_event_duration_secs(f"/jax/core/compile/{event}", duration)


class TestCompiling:
    def test_is_seen_from_the_end_of_lowering_to_that_of_xla(self, at):
        assert not at(0).is_compiling()
        hear("jaxpr_to_mlir_module_duration", 0.1)
        assert not at(0.2).is_compiling()  # too short to be worth a word
        assert at(9.0).is_compiling()
        hear("backend_compile_duration", 9.0)
        assert not at(10.0).is_compiling()

    def test_is_seen_while_inner_functions_are_traced(self, at):
        for seconds in (0.0, 0.3, 0.6):
            at(seconds)
            hear("jaxpr_trace_duration", 0.01)
        assert at(0.7).is_compiling()
        assert not at(2.0).is_compiling()

    def test_many_small_ones_far_apart_are_not(self, at):
        for seconds in range(10):
            assert not at(float(seconds)).is_compiling()
            hear("jaxpr_to_mlir_module_duration", 0.01)
            hear("backend_compile_duration", 0.01)

    def test_stands_for_the_time_left_but_of_what_is_expected(self, at):
        drawn = Bars(console())
        hear("jaxpr_to_mlir_module_duration", 1.0)
        at(9.0)
        with drawn.expect("work", 60.0):
            work, note = lines(drawn)
            assert work.endswith("left")
            assert note.split()[1:] == ["compiling"]
            with drawn.follow("training") as report:
                report(0, 10)
                assert lines(drawn)[-1].endswith("0/10 0:00 elapsed  compiling")


def test_lines_outlive_bars_that_shrink_while_one_is_printed():
    text = io.StringIO()
    shared = console(file=text)
    with Bars(shared) as drawn:
        shared.print("first")
        rows = ExitStack()
        for name in "abc":
            rows.enter_context(drawn.follow(name))

        class Slow:
            def __rich_console__(self, *_):
                rows.close()
                other = threading.Thread(target=drawn.step, args=("d",))
                other.start()
                other.join(0.3)  # it waits until this is printed
                yield "second"

        shared.print(Slow())
    screen = pyte.Screen(80, 20)
    pyte.Stream(screen).feed(text.getvalue().replace("\n", "\r\n"))
    assert [line.strip() for line in screen.display[:2]] == ["first", "second"]
