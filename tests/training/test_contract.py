"""What every training keeps to, whatever it trains.

A new system adds its training to `CASES`; `helpers.toy_training` shows how little an
engine needs.
"""

import os
import shutil

import numpy as np
import pytest

from helpers.toy_training import descend
from helpers.trainings import (
    LANES,
    LOOPED,
    LOOPED_BASELINE,
    MEMORY,
    Case,
    StopError,
    assert_same,
    leaves,
    stopping_at,
    with_arguments,
)
from isinglass.training import Runtime, TrainingDivergedError
from isinglass.training.checkpoint import FILE

TOY = Case(
    descend,
    {"rate is 0.1 there, 0.2 asked for": with_arguments(descend, rate=0.2)},
    diverging=with_arguments(descend, breaks_at=4),
    step=4,
    term="loss",
)
CASES = {
    "toy": TOY,
    "looped": LOOPED,
    "looped-baseline": LOOPED_BASELINE,
    "memory": MEMORY,
    "lanes": LANES,
}
REFUSALS = [(name, text) for name, case in CASES.items() for text in case.others]


@pytest.fixture(scope="module", params=CASES)
def name(request):
    return request.param


@pytest.fixture
def case(name):
    return CASES[name]


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """By name, what a training gives, its store, and what was reported meanwhile."""
    ready = {}

    def finish(name):
        if name not in ready:
            store, reports = tmp_path_factory.mktemp(name) / "a" / "b", []
            result = CASES[name].run(runtime=Runtime(str(store), reports.append))
            ready[name] = result, store, reports
        return ready[name]

    return finish


@pytest.fixture
def halfway(name, finished, tmp_path):
    """A store with the checkpoint before the last, and nothing else."""
    last = finished(name)[2][-1].step
    with pytest.raises(StopError):
        CASES[name].run(runtime=Runtime(tmp_path, stopping_at(last)))
    assert [path.name for path in tmp_path.iterdir()] == [FILE]
    return tmp_path


def content(store):
    return {path.name: path.read_bytes() for path in store.iterdir()}


def fail_at_once(now):
    pytest.fail(f"a step was taken: {now}")


def test_progress_is_reported_in_order_to_the_end(name, finished):
    result, _, reports = finished(name)
    steps = [report.step for report in reports]

    assert steps == sorted(set(steps))
    assert {report.steps for report in reports} == {steps[-1]}
    assert set(result.metrics.step.values) <= set(steps)
    assert all(np.isfinite(report.loss).all() for report in reports)
    for report in reports:
        text = f"step {report.step} of {steps[-1]}, loss "
        assert str(report).startswith(text)


def test_metrics_are_numbers_with_units(name, finished):
    metrics = finished(name)[0].metrics

    assert (np.diff(metrics.step) > 0).all()
    for metric in metrics.values():
        assert np.isfinite(metric).all()
        assert metric.attrs["units"]
        assert metric.attrs["long_name"]


def test_a_training_is_the_same_again_stored_or_not(name, case, finished):
    assert_same(case.run(), finished(name)[0])


def test_a_finished_training_is_only_read(name, case, finished):
    result, store, _ = finished(name)
    before = content(store)

    again = case.run(runtime=Runtime(store, fail_at_once))

    assert_same(again, result)
    assert content(store) == before


def test_stopped_at_every_report_it_ends_as_if_it_had_not_been(
    name, case, finished, tmp_path
):
    result, _, reports = finished(name)
    for report in reports:
        with pytest.raises(StopError):
            case.run(runtime=Runtime(tmp_path, stopping_at(report.step)))

    assert_same(case.run(runtime=Runtime(tmp_path)), result)


@pytest.mark.parametrize(("name", "text"), REFUSALS)
def test_another_training_is_refused_by_what_differs(name, text, finished):
    store = finished(name)[1]
    before = content(store)

    with pytest.raises(ValueError, match=f"holds another training.*{text}"):
        CASES[name].others[text](runtime=Runtime(store))
    assert content(store) == before


def test_a_damaged_checkpoint_is_refused(name, case, finished, tmp_path):
    shutil.copytree(finished(name)[1], tmp_path, dirs_exist_ok=True)
    whole = (tmp_path / FILE).read_bytes()
    for damaged in (whole[:-7], whole[:-90] + b"?" + whole[-89:], b"\x80\x04pickle"):
        (tmp_path / FILE).write_bytes(damaged)
        with pytest.raises(ValueError, match="is damaged"):
            case.run(runtime=Runtime(tmp_path))


def test_a_file_is_no_store(case, tmp_path):
    (tmp_path / "a").write_text("x")
    with pytest.raises(ValueError, match=r"store must be a folder, and .* is a file"):
        case.run(runtime=Runtime(tmp_path / "a"))


def test_a_full_disk_leaves_the_checkpoint_before(
    name, case, halfway, finished, monkeypatch
):
    def full(_):
        raise OSError(28, "No space left on device")

    before = content(halfway)
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(OSError, match=r"No space left on device: .*checkpoint"):
            case.run(runtime=Runtime(halfway))
    assert content(halfway) == before
    assert_same(case.run(runtime=Runtime(halfway)), finished(name)[0])


@pytest.mark.filterwarnings("ignore::isinglass.systems.looped.training.DivergedWarning")
def test_divergence_is_reported_with_the_last_good_parameters(case, tmp_path):
    with pytest.raises(TrainingDivergedError) as first:
        case.diverging(runtime=Runtime(tmp_path))
    error = first.value

    assert (error.step, error.term) == (case.step, case.term)
    assert f"diverged at step {case.step}: the {case.term} is not finite" in str(error)
    assert all(np.isfinite(leaf).all() for leaf in leaves(error.run))
    assert error.run.metrics.step.values[-1] > case.step

    # The checkpoint says so, too: no step is taken again.
    with pytest.raises(TrainingDivergedError, match=str(case.step)) as again:
        case.diverging(runtime=Runtime(tmp_path, fail_at_once))
    assert_same(again.value.run, error.run)
