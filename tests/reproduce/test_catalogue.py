import importlib
import sys
from dataclasses import replace
from types import ModuleType

import pytest

from helpers import fakes, toys
from isinglass._common.progress import Silent
from isinglass.reproduce import Paper, catalogue
from isinglass.reproduce.catalogue import UnknownExperimentError, select
from isinglass.reproduce.runner import Finished, Request, run


@pytest.fixture
def three(monkeypatch):
    names = ("toy-one", "toy-two", "other-one")
    toys = {name: fakes.entry(name) for name in names}
    monkeypatch.setattr(catalogue, "entries", lambda: toys)


def names(selection):
    return [entry.name for entry in select(selection)]


@pytest.mark.usefixtures("three")
class TestSelect:
    def test_takes_names_in_the_order_of_the_catalogue_and_once(self):
        assert names(["toy-two", "toy-one", "toy-two"]) == ["toy-one", "toy-two"]

    def test_takes_a_system(self):
        assert names(["toy"]) == ["toy-one", "toy-two"]

    def test_takes_all(self):
        assert names(["all"]) == ["toy-one", "toy-two", "other-one"]

    @pytest.mark.parametrize(
        ("wrong", "hint"), [("toy_two", "toy-two"), ("othr", "other"), ("al", "all")]
    )
    def test_suggests_what_was_meant(self, wrong, hint):
        with pytest.raises(
            UnknownExperimentError, match=f"{wrong}.*did you mean .*{hint}"
        ):
            select([wrong])

    @pytest.mark.parametrize("wrong", ["", "zzzzzzz"])
    def test_refers_to_the_list_where_nothing_is_close(self, wrong):
        with pytest.raises(UnknownExperimentError, match="isinglass list"):
            select([wrong])


def test_an_experiment_may_be_of_another_paper_than_its_group():
    other = Paper("Nobody 2001", "Another")
    changed = replace(toys.declare("one"), paper=other)
    group = ModuleType("toys")
    experiments = (toys.declare("two"), changed)
    vars(group).update(PAPER=toys.PAPER, EXPERIMENTS=experiments)

    own, another = catalogue._entries_of("toy", group)

    assert (own.paper, another.paper) == (toys.PAPER, other)


OUTSIDE = {
    "__init__.py": """
from isinglass.reproduce import Experiment, Paper

PAPER = Paper("Nobody 2000", "A paper of somebody else")
EXPERIMENTS = (
    Experiment(
        "mean-of-dice",
        title="Mean of dice",
        source="Table 9",
        question="Is the mean of a die 3.5?",
        seeds={"default": 20, "quick": 5},
        seconds={"default": 1, "quick": 1},
    ),
)
""",
    "mean_of_dice.py": """
import xarray as xr

from isinglass.plot.style import subplots
from isinglass.reproduce import Figure


def measure(context):
    means = context.table(seed=context.seeds)
    for (seed,) in context.cases(context.seeds):
        means.loc[seed] = context.rng("dice", seed).integers(1, 7, 1000).mean()
    return xr.Dataset({"mean_of_die": means})


def compare(measured, ledger):
    ledger.mean("mean of a die", measured.mean_of_die, 3.5)


def draw(measured):
    figure, axes = subplots()
    axes.plot(measured.mean_of_die)
    yield Figure(figure, "Means of a die.")
""",
    "mean_of_dice.md": "The mean is {{ mean_of_die | number('.2f') }}.",
}


@pytest.fixture
def outside_package(tmp_path, monkeypatch):
    """Experiments of another package, which names them by an entry point."""
    package = tmp_path / "somebody_elses"
    package.mkdir()
    for name, text in OUTSIDE.items():
        (package / name).write_text(text)
    about = tmp_path / "somebody_elses-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: somebody_elses\n")
    (about / "entry_points.txt").write_text(
        "[isinglass.experiments]\ndice = somebody_elses\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    importlib.invalidate_caches()
    yield
    for name in [name for name in sys.modules if name.startswith("somebody_elses")]:
        del sys.modules[name]


@pytest.mark.usefixtures("outside_package")
def test_an_experiment_of_another_package_is_listed_and_run(tmp_path):
    (entry,) = select(["dice"])
    assert entry.name == "dice-mean-of-dice"
    (outcome,) = run([entry], Request(tmp_path / "out"))
    assert isinstance(outcome, Finished), outcome
    assert outcome.result.rows[0].n == 20
    assert outcome.result.findings.startswith("The mean is 3.")


def test_silent_progress_hands_the_items_through():
    progress = Silent()
    progress.step("now")
    assert list(progress.track(iter("abc"), "letters")) == ["a", "b", "c"]
