import subprocess
import sys

import pytest

from helpers import fakes
from isinglass.reproduce import catalogue as registry
from isinglass.reproduce.catalogue import UnknownExperimentError, experiments, select
from isinglass.reproduce.experiment import Silent


@pytest.fixture
def three(monkeypatch):
    known = {
        name: fakes.experiment(name) for name in ("toy-one", "toy-two", "other-one")
    }
    monkeypatch.setattr(registry, "experiments", lambda: known)


def names(selection):
    return [experiment.name for experiment in select(selection)]


@pytest.mark.usefixtures("three")
class TestSelect:
    def test_takes_names_in_the_order_of_the_registry_and_once(self):
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


def test_the_real_experiments_describe_themselves():
    known = experiments()
    assert len(known) == len(registry.MODULES)
    for name, experiment in known.items():
        assert name == experiment.name
        assert "-" in name
        assert experiment.title
        assert experiment.paper
        assert experiment.source
        assert experiment.question.strip().endswith((".", "?"))
        assert 0 < experiment.quick_duration <= experiment.duration
        assert 1 <= experiment.quick_seeds <= experiment.default_seeds


def test_the_list_loads_none_of_the_heavy_libraries():
    check = (
        "import sys; from isinglass.reproduce.catalogue import experiments; "
        "experiments();heavy = {'jax', 'optax', 'sklearn', 'matplotlib', 'pandas'} & "
        "set(sys.modules);sys.exit(f'loaded: {sorted(heavy)}' if heavy else 0)"
    )
    done = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_silent_progress_hands_the_items_through():
    progress = Silent()
    progress.step("now")
    assert list(progress.track(iter("abc"), "letters")) == ["a", "b", "c"]
