import json

import pytest

import fakes
from isinglass.data.mnist import ENVIRONMENT_VARIABLE, MNISTFileError
from isinglass.reproduce import registry, results, runner
from isinglass.reproduce.ledger import from_json
from isinglass.reproduce.results import ResultFileError
from isinglass.reproduce.runner import Failed, Finished, OutputFolderError, Request, run


@pytest.fixture(autouse=True)
def no_environment(monkeypatch):
    monkeypatch.delenv(ENVIRONMENT_VARIABLE, raising=False)


def counting(name="toy-one"):
    """An experiment that keeps the contexts it was run with."""
    contexts = []

    def measure(context):
        contexts.append(context)
        return fakes.measure(context, name)

    return fakes.experiment(name, measure), contexts


class TestFiles:
    def test_a_finished_experiment_leaves_result_figures_and_ledger(self, tmp_path):
        (outcome,) = run([fakes.experiment()], Request(tmp_path, seed=4))
        assert isinstance(outcome, Finished)
        assert results.load(tmp_path / "results" / "toy-one.json") == outcome.result
        assert outcome.result.rows[0].n == 3
        assert outcome.result.settings.seed == 4
        assert (tmp_path / "figures" / "toy-one.png").read_bytes().startswith(b"\x89PNG")
        assert b"<svg" in (tmp_path / "figures" / "toy-one.svg").read_bytes()
        (row,) = from_json((tmp_path / "ledger.json").read_text())
        assert row == outcome.result.rows[0]
        assert "toy-one" in (tmp_path / "ledger.csv").read_text()
        assert not list(tmp_path.rglob("*.tmp"))

    def test_each_is_on_disk_before_the_next_begins(self, tmp_path):
        outcomes = run(
            [fakes.experiment("toy-one"), fakes.experiment("toy-two")], Request(tmp_path)
        )
        next(outcomes)
        assert [row.experiment for row in from_json((tmp_path / "ledger.json").read_text())] == [
            "toy-one"
        ]
        assert not (tmp_path / "results" / "toy-two.json").exists()

    def test_a_second_run_adds_to_the_ledger_and_a_rerun_replaces(self, tmp_path):
        list(run([fakes.experiment("toy-one")], Request(tmp_path)))
        list(run([fakes.experiment("toy-two")], Request(tmp_path)))
        list(run([fakes.experiment("toy-one")], Request(tmp_path, seeds=7)))
        rows = from_json((tmp_path / "ledger.json").read_text())
        assert [(row.experiment, row.n) for row in rows] == [("toy-one", 7), ("toy-two", 3)]

    def test_a_kill_while_a_result_is_replaced_leaves_no_old_table_beside_new_figures(
        self, tmp_path, monkeypatch
    ):
        list(run([fakes.experiment()], Request(tmp_path)))

        def killed(*_):
            raise KeyboardInterrupt

        monkeypatch.setattr("isinglass._atomic.write_bytes", killed)
        settings = results.load(tmp_path / "results" / "toy-one.json").settings
        with pytest.raises(KeyboardInterrupt):
            runner._run(fakes.experiment(), settings, Request(tmp_path), registry.Silent())
        assert results.load_all(tmp_path) == []


class TestSettings:
    @pytest.mark.parametrize(
        ("options", "seeds"), [({}, 3), ({"quick": True}, 2), ({"quick": True, "seeds": 5}, 5)]
    )
    def test_seeds_default_to_the_experiments_own(self, tmp_path, options, seeds):
        experiment, contexts = counting()
        list(run([experiment], Request(tmp_path, **options)))
        assert contexts[0].seeds == seeds
        assert contexts[0].quick == options.get("quick", False)

    @pytest.mark.parametrize("options", [{"seeds": 0}, {"seeds": -1}, {"seed": -1}])
    def test_impossible_ones_are_refused(self, tmp_path, options):
        with pytest.raises(ValueError, match="must be at least"):
            Request(tmp_path, **options)


class TestFailure:
    def test_does_not_stop_the_others(self, tmp_path):
        broken = fakes.experiment("toy-broken", fakes.raising(ZeroDivisionError("oh")))
        first, second = run([broken, fakes.experiment()], Request(tmp_path))
        assert isinstance(first, Failed)
        assert isinstance(first.error, ZeroDivisionError)
        assert isinstance(second, Finished)
        assert not (tmp_path / "results" / "toy-broken.json").exists()

    def test_leaves_the_earlier_result_of_that_experiment(self, tmp_path):
        list(run([fakes.experiment()], Request(tmp_path)))
        list(run([fakes.experiment(run=fakes.raising(ValueError("no")))], Request(tmp_path)))
        assert len(results.load_all(tmp_path)) == 1

    def test_ctrl_c_goes_through(self, tmp_path):
        with pytest.raises(KeyboardInterrupt):
            list(run([fakes.experiment(run=fakes.raising(KeyboardInterrupt()))], Request(tmp_path)))


class TestResume:
    def test_keeps_what_the_same_code_got_with_the_same_settings(self, tmp_path):
        experiment, contexts = counting()
        list(run([experiment], Request(tmp_path)))
        (tmp_path / "ledger.json").unlink()
        (outcome,) = run([experiment], Request(tmp_path, resume=True))
        assert isinstance(outcome, Finished)
        assert outcome.kept
        assert len(contexts) == 1
        assert len(from_json((tmp_path / "ledger.json").read_text())) == 1

    def test_is_not_the_default(self, tmp_path):
        experiment, contexts = counting()
        for _ in range(2):
            list(run([experiment], Request(tmp_path)))
        assert len(contexts) == 2

    @pytest.mark.parametrize("options", [{"seeds": 4}, {"seed": 1}, {"quick": True}])
    def test_other_settings_run_anew(self, tmp_path, options):
        experiment, contexts = counting()
        list(run([experiment], Request(tmp_path)))
        list(run([experiment], Request(tmp_path, resume=True, **options)))
        assert len(contexts) == 2

    @pytest.mark.parametrize(
        ("name", "value"), [("commit", "0" * 40), ("versions", {"isinglass": "9"})]
    )
    def test_other_code_runs_anew(self, tmp_path, monkeypatch, name, value):
        experiment, contexts = counting()
        list(run([experiment], Request(tmp_path)))
        monkeypatch.setattr(f"isinglass.reproduce.provenance.{name}", lambda: value)
        list(run([experiment], Request(tmp_path, resume=True)))
        assert len(contexts) == 2


class TestRefusedBeforeAnythingRuns:
    """None of these asks for a first item: the call itself refuses."""

    def test_an_output_folder_that_is_a_file(self, tmp_path):
        (tmp_path / "file").write_text("precious")
        with pytest.raises(OutputFolderError, match=r"file.*it is a file"):
            run([fakes.experiment()], Request(tmp_path / "file"))
        assert (tmp_path / "file").read_text() == "precious"

    def test_an_output_folder_below_a_file(self, tmp_path):
        (tmp_path / "file").write_text("")
        with pytest.raises(OutputFolderError, match="cannot write to the output folder"):
            run([fakes.experiment()], Request(tmp_path / "file" / "out"))

    def test_an_output_folder_that_takes_no_file(self, tmp_path, monkeypatch):
        def full(*_):
            raise OSError(28, "No space left on device")

        monkeypatch.setattr("isinglass._atomic.write_bytes", full)
        with pytest.raises(OutputFolderError, match="No space left"):
            run([fakes.experiment()], Request(tmp_path))

    def test_an_mnist_folder_that_is_missing(self, tmp_path):
        with pytest.raises(MNISTFileError, match="none"):
            run([fakes.experiment()], Request(tmp_path / "out", mnist=tmp_path / "none"))
        assert not (tmp_path / "out").exists()

    @pytest.mark.parametrize(
        "damage",
        [
            lambda text: text[:-20],
            lambda text: "",
            lambda text: "[]",
            lambda text: text.replace('"format": 1', '"format": 2'),
            lambda text: text.replace('"findings"', '"findngs"'),
            lambda text: text.replace('"verdict": "reproduced"', '"verdict": "maybe"'),
        ],
    )
    def test_a_damaged_result(self, tmp_path, damage):
        list(run([fakes.experiment()], Request(tmp_path)))
        file = tmp_path / "results" / "toy-one.json"
        before = file.read_text()
        file.write_text(damage(before))
        assert file.read_text() != before
        with pytest.raises(ResultFileError, match=r"toy-one\.json"):
            run([fakes.experiment()], Request(tmp_path))

    def test_a_result_whose_figure_is_missing(self, tmp_path):
        list(run([fakes.experiment()], Request(tmp_path)))
        (tmp_path / "figures" / "toy-one.svg").unlink()
        with pytest.raises(ResultFileError, match=r"toy-one\.svg"):
            run([fakes.experiment()], Request(tmp_path))


def test_results_come_in_the_order_asked_for_and_the_rest_by_name(tmp_path):
    for name in ("toy-b", "toy-c", "toy-a"):
        list(run([fakes.experiment(name)], Request(tmp_path)))
    found = results.load_all(tmp_path, order=["toy-c"])
    assert [result.name for result in found] == ["toy-c", "toy-a", "toy-b"]


def test_a_result_file_is_plain_json(tmp_path):
    list(run([fakes.experiment()], Request(tmp_path)))
    record = json.loads((tmp_path / "results" / "toy-one.json").read_text())
    assert record["format"] == 1
    assert record["settings"]["digits"].startswith("Training digits")
    assert record["rows"][0]["verdict"] in ("reproduced", "differs")
