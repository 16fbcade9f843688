import json
from pathlib import Path

import numpy as np
import pytest

from helpers import fakes
from isinglass._common.progress import Silent
from isinglass.data.mnist import ENVIRONMENT_VARIABLE, MNISTFileError
from isinglass.reproduce import inputs, provenance, results, runner
from isinglass.reproduce.catalogue import entries
from isinglass.reproduce.ledger import from_json
from isinglass.reproduce.results import ResultFileError
from isinglass.reproduce.runner import (
    Failed,
    Finished,
    OutputFolderError,
    Request,
    run,
    tell,
)

SKETCHED = pytest.mark.usefixtures("sketches")


@pytest.fixture(autouse=True)
def no_environment(monkeypatch):
    monkeypatch.delenv(ENVIRONMENT_VARIABLE, raising=False)


def test_a_finished_experiment_leaves_result_figures_and_ledger(tmp_path):
    (outcome,) = run([fakes.entry()], Request(tmp_path, seed=4))
    assert isinstance(outcome, Finished)
    assert results.load(tmp_path / "results" / "toy-one.json") == outcome.result
    assert outcome.result.rows[0].n == 3
    assert outcome.result.run.settings.seed == 4
    assert (tmp_path / "figures" / "toy-one.png").read_bytes().startswith(b"\x89PNG")
    assert b"<svg" in (tmp_path / "figures" / "toy-one.svg").read_bytes()
    (row,) = from_json((tmp_path / "ledger.json").read_text())
    assert row == outcome.result.rows[0]
    assert "toy-one" in (tmp_path / "ledger.csv").read_text()
    assert not list(tmp_path.rglob("*.tmp"))


@SKETCHED
class TestFiles:
    def test_each_is_on_disk_before_the_next_begins(self, tmp_path):
        outcomes = run(
            [fakes.entry("toy-one"), fakes.entry("toy-two")],
            Request(tmp_path),
        )
        next(outcomes)
        assert [
            row.experiment for row in from_json((tmp_path / "ledger.json").read_text())
        ] == ["toy-one"]
        assert not (tmp_path / "results" / "toy-two.json").exists()

    def test_a_second_run_adds_to_the_ledger_and_a_rerun_replaces(self, tmp_path):
        list(run([fakes.entry("toy-one")], Request(tmp_path)))
        list(run([fakes.entry("toy-two")], Request(tmp_path)))
        list(run([fakes.entry("toy-one")], Request(tmp_path, seeds=7)))
        rows = from_json((tmp_path / "ledger.json").read_text())
        assert [(row.experiment, row.n) for row in rows] == [
            ("toy-one", 7),
            ("toy-two", 3),
        ]

    def test_a_kill_while_a_result_is_replaced_leaves_no_old_table_beside_new_figures(
        self, tmp_path, monkeypatch
    ):
        list(run([fakes.entry()], Request(tmp_path)))

        move, moved = Path.replace, []

        def killed_at_the_second(path, target):
            if moved:
                raise KeyboardInterrupt
            moved.append(target)
            return move(path, target)

        monkeypatch.setattr(Path, "replace", killed_at_the_second)
        settings = results.load(tmp_path / "results" / "toy-one.json").run.settings
        with pytest.raises(KeyboardInterrupt):
            runner._run(fakes.entry(), settings, Request(tmp_path), Silent())
        assert results.load_all(tmp_path) == []
        assert not list(tmp_path.rglob("*.tmp"))

    def test_a_rerun_that_cannot_write_leaves_the_earlier_result(
        self, tmp_path, monkeypatch
    ):
        (before,) = run([fakes.entry()], Request(tmp_path))
        again = run([fakes.entry()], Request(tmp_path, seed=9))

        def full(*_):
            raise OSError(28, "No space left on device")

        monkeypatch.setattr("os.fsync", full)
        (failed,) = again
        assert isinstance(before, Finished)
        assert isinstance(failed, Failed)
        assert "toy-one" in str(failed.error)
        assert results.load_all(tmp_path) == [before.result]
        assert not list(tmp_path.rglob("*.tmp"))

    def test_a_ledger_that_cannot_be_written_is_named_and_stops_nothing(self, tmp_path):
        (tmp_path / "ledger.json").mkdir()
        outcomes = list(
            run(
                [fakes.entry("toy-one"), fakes.entry("toy-two")],
                Request(tmp_path),
            )
        )
        assert all(
            "ledger.json" in str(getattr(it, "ledger_error", "")) for it in outcomes
        )
        assert len(results.load_all(tmp_path)) == 2

    def test_a_result_that_vanishes_while_all_are_read(self, tmp_path, monkeypatch):
        list(
            run(
                [fakes.entry("toy-one"), fakes.entry("toy-two")],
                Request(tmp_path),
            )
        )
        load = results.load

        def vanishing(file):
            if file.stem == "toy-one":
                file.unlink()
            return load(file)

        monkeypatch.setattr(results, "load", vanishing)
        assert [result.name for result in results.load_all(tmp_path)] == ["toy-two"]

    def test_another_process_may_probe_the_same_folder(self, tmp_path, monkeypatch):
        unlink = Path.unlink

        def twice(path, missing_ok=False):
            if "probe" in path.name:
                unlink(path, missing_ok=True)
            unlink(path, missing_ok)

        monkeypatch.setattr(Path, "unlink", twice)
        runner.make_writable_folder(tmp_path)


@SKETCHED
class TestSettings:
    @pytest.mark.parametrize(
        ("options", "seeds"),
        [({}, 3), ({"quick": True}, 2), ({"quick": True, "seeds": 5}, 5)],
    )
    def test_seeds_default_to_the_experiments_own(self, tmp_path, options, seeds):
        experiment, contexts = fakes.counting()
        list(run([experiment], Request(tmp_path, **options)))
        assert len(contexts[0].seeds) == seeds
        assert (contexts[0].resolution == "quick") == options.get("quick", False)

    @pytest.mark.parametrize("options", [{"seeds": 10**6 + 1}, {"seed": 2**63}])
    def test_enormous_ones_are_refused(self, tmp_path, options):
        with pytest.raises(ValueError, match=r"must be (at most|less than)"):
            Request(tmp_path, **options)

    @pytest.mark.parametrize("options", [{"seeds": 0}, {"seeds": -1}, {"seed": -1}])
    def test_impossible_ones_are_refused(self, tmp_path, options):
        with pytest.raises(ValueError, match="must be at least"):
            Request(tmp_path, **options)


@SKETCHED
class TestFailure:
    def test_does_not_stop_the_others(self, tmp_path):
        broken = fakes.entry("toy-two", fakes.raising(ZeroDivisionError("oh")))
        first, second = run([broken, fakes.entry()], Request(tmp_path))
        assert isinstance(first, Failed)
        assert isinstance(first.error, ZeroDivisionError)
        assert isinstance(second, Finished)
        assert not (tmp_path / "results" / "toy-two.json").exists()

    def test_leaves_the_earlier_result_of_that_experiment(self, tmp_path):
        list(run([fakes.entry()], Request(tmp_path)))
        list(
            run(
                [fakes.entry(measure=fakes.raising(ValueError("no")))],
                Request(tmp_path),
            )
        )
        assert len(results.load_all(tmp_path)) == 1

    def test_ctrl_c_goes_through(self, tmp_path):
        with pytest.raises(KeyboardInterrupt):
            list(
                run(
                    [fakes.entry(measure=fakes.raising(KeyboardInterrupt()))],
                    Request(tmp_path),
                )
            )


@SKETCHED
class TestResume:
    def test_keeps_what_the_same_code_got_with_the_same_settings(self, tmp_path):
        experiment, contexts = fakes.counting()
        list(run([experiment], Request(tmp_path)))
        (tmp_path / "ledger.json").unlink()
        (outcome,) = run([experiment], Request(tmp_path, resume=True))
        assert isinstance(outcome, Finished)
        assert outcome.is_earlier
        assert len(contexts) == 1
        assert len(from_json((tmp_path / "ledger.json").read_text())) == 1

    def test_is_not_the_default(self, tmp_path):
        experiment, contexts = fakes.counting()
        for _ in range(2):
            list(run([experiment], Request(tmp_path)))
        assert len(contexts) == 2

    @pytest.mark.parametrize("options", [{"seeds": 4}, {"seed": 1}, {"quick": True}])
    def test_other_settings_run_anew(self, tmp_path, options):
        experiment, contexts = fakes.counting()
        list(run([experiment], Request(tmp_path)))
        list(run([experiment], Request(tmp_path, resume=True, **options)))
        assert len(contexts) == 2

    @pytest.mark.parametrize(
        ("name", "value"), [("source", "0" * 12), ("versions", {"isinglass": "9"})]
    )
    def test_other_code_runs_anew(self, tmp_path, monkeypatch, name, value):
        experiment, contexts = fakes.counting()
        list(run([experiment], Request(tmp_path)))
        monkeypatch.setattr(f"isinglass.reproduce.provenance.{name}", lambda: value)
        list(run([experiment], Request(tmp_path, resume=True)))
        assert len(contexts) == 2


def write_digits(folder, per_class=370, classes=range(10), grey=0):
    """A training pair, as large as the experiments need."""
    labels = np.repeat(np.array(classes, np.uint8), per_class)
    images = np.full((len(labels), 28, 28), grey, np.uint8)
    folder.mkdir(exist_ok=True)
    for name, magic, items in (
        ("images-idx3", 2051, images),
        ("labels-idx1", 2049, labels),
    ):
        header = np.array([magic, *items.shape], ">u4").tobytes()
        (folder / f"train-{name}-ubyte").write_bytes(header + items.tobytes())
    return folder


@SKETCHED
class TestDigits:
    def stands(self, out, folder):
        (outcome,) = run(
            [fakes.entry()], Request(out, paths={"mnist": folder}, resume=True)
        )
        assert isinstance(outcome, Finished)
        return outcome.is_earlier

    def test_replaced_files_run_anew_and_another_spelling_of_the_folder_does_not(
        self, tmp_path
    ):
        folder, out = write_digits(tmp_path / "digits"), tmp_path / "out"
        assert not self.stands(out, folder)
        assert self.stands(out, folder / ".." / "digits")
        write_digits(folder, grey=1)
        assert not self.stands(out, folder)

    @pytest.mark.parametrize(
        ("options", "reason"),
        [
            ({"per_class": 369}, "at least 370 samples of digit 0.*369"),
            ({"classes": range(9)}, "digit 9 .*found 0"),
        ],
    )
    def test_too_few_are_refused_by_the_name_of_their_folder(
        self, tmp_path, options, reason
    ):
        folder = write_digits(tmp_path / "digits", **options)
        with pytest.raises(MNISTFileError, match=f"{folder}.*{reason}"):
            run([fakes.entry()], Request(tmp_path / "out", paths={"mnist": folder}))
        assert not (tmp_path / "out").exists()

    def test_a_bad_variable_is_named(self, tmp_path, monkeypatch):
        monkeypatch.setenv(ENVIRONMENT_VARIABLE, str(tmp_path / "none"))
        with pytest.raises(MNISTFileError, match=rf"{ENVIRONMENT_VARIABLE}: .*none"):
            run([fakes.entry()], Request(tmp_path / "out"))

    def test_are_not_read_where_none_are_needed(self, tmp_path, monkeypatch):
        monkeypatch.setenv(ENVIRONMENT_VARIABLE, str(tmp_path / "none"))
        (outcome,) = run([fakes.entry(inputs=())], Request(tmp_path / "out"))
        assert isinstance(outcome, Finished)
        assert outcome.result.run.settings.inputs == {}

    def test_interference_needs_them_but_for_what_has_no_pictures(self):
        catalogue = entries()
        needing = {
            name
            for name, entry in catalogue.items()
            if inputs.digits in entry.experiment.inputs
        }
        interference = {name for name in catalogue if name.startswith("interference-")}
        without = (
            "agreement",
            "avalanches",
            "double-slit",
            "regulated",
            "response",
            "second-law",
        )
        pictures = interference - {f"interference-{name}" for name in without}
        assert needing == pictures | {
            "convergence-digits",
            "descent-completion",
            "diffusion-digits",
            "heat-digits",
            "heat-resolution",
            "lookup-digits",
            "lookup-transformer",
            "quantum-digits",
        }


def test_the_hash_of_the_source_tells_names_and_contents(tmp_path):
    hashes = []
    for name, text in (("a.py", "1"), ("a.py", "2"), ("b.py", "2"), ("b.txt", "2")):
        folder = tmp_path / str(len(hashes)) / "part"
        folder.mkdir(parents=True)
        (folder / name).write_text(text)
        hashes.append(provenance.source(folder.parent))
    assert len(set(hashes)) == 4
    assert provenance.versions()["isinglass source"] == provenance.source()


@SKETCHED
class TestRefusedBeforeAnythingRuns:
    """None of these asks for a first item: the call itself refuses."""

    def test_an_output_folder_that_is_a_file(self, tmp_path):
        (tmp_path / "file").write_text("precious")
        with pytest.raises(OutputFolderError, match=r"file.*it is a file"):
            run([fakes.entry()], Request(tmp_path / "file"))
        assert (tmp_path / "file").read_text() == "precious"

    def test_an_output_folder_below_a_file(self, tmp_path):
        (tmp_path / "file").write_text("")
        with pytest.raises(
            OutputFolderError, match="cannot write to the output folder"
        ):
            run([fakes.entry()], Request(tmp_path / "file" / "out"))

    def test_an_output_folder_that_takes_no_file(self, tmp_path, monkeypatch):
        def full(*_):
            raise OSError(28, "No space left on device")

        monkeypatch.setattr("isinglass._common.files.write_bytes", full)
        with pytest.raises(OutputFolderError, match="No space left"):
            run([fakes.entry()], Request(tmp_path))

    @pytest.mark.parametrize("part", ["results", "figures"])
    def test_a_subfolder_that_is_a_file(self, tmp_path, part):
        (tmp_path / part).write_text("")
        with pytest.raises(OutputFolderError, match=rf"{part}: it is a file"):
            run([fakes.entry()], Request(tmp_path))

    def test_an_mnist_folder_that_is_missing(self, tmp_path):
        with pytest.raises(MNISTFileError, match="none"):
            run(
                [fakes.entry()],
                Request(tmp_path / "out", paths={"mnist": tmp_path / "none"}),
            )
        assert not (tmp_path / "out").exists()

    @pytest.mark.parametrize(
        "damage",
        [
            lambda text: text[:-20],
            lambda text: "",
            lambda text: "[]",
            lambda text: text.replace('"format": 3', '"format": 2'),
            lambda text: text.replace('"findings"', '"findngs"'),
            lambda text: text.replace(
                '"verdict": "too few runs to judge"', '"verdict": "maybe"'
            ),
        ],
    )
    def test_a_damaged_result(self, tmp_path, damage):
        list(run([fakes.entry()], Request(tmp_path)))
        file = tmp_path / "results" / "toy-one.json"
        before = file.read_text()
        file.write_text(damage(before))
        assert file.read_text() != before
        with pytest.raises(ResultFileError, match=r"toy-one\.json"):
            run([fakes.entry()], Request(tmp_path))

    def test_a_result_whose_figure_is_missing(self, tmp_path):
        list(run([fakes.entry()], Request(tmp_path)))
        (tmp_path / "figures" / "toy-one.svg").unlink()
        with pytest.raises(ResultFileError, match=r"toy-one\.svg"):
            run([fakes.entry()], Request(tmp_path))


@SKETCHED
def test_results_come_in_the_order_asked_for_and_the_rest_by_name(tmp_path):
    for name in ("toy-two", "toy-three", "toy-one"):
        list(run([fakes.entry(name)], Request(tmp_path)))
    stored = results.load_all(tmp_path, order=["toy-three"])
    assert [result.name for result in stored] == ["toy-three", "toy-one", "toy-two"]


def test_a_result_file_is_plain_json(tmp_path):
    list(run([fakes.entry()], Request(tmp_path)))
    record = json.loads((tmp_path / "results" / "toy-one.json").read_text())
    assert record["format"] == 3
    digits = record["run"]["settings"]["inputs"]["mnist"]
    assert digits["description"].startswith("Training digits")
    assert record["rows"][0]["verdict"] == "too few runs to judge"


@SKETCHED
class TestTellingAnew:
    """`isinglass report` tells from the stored measurement, and measures nothing."""

    def test_brings_back_table_figures_and_findings(self, tmp_path):
        toy, contexts = fakes.counting()
        (before,) = run([toy], Request(tmp_path, seed=4))
        assert isinstance(before, Finished)
        for file in tmp_path.rglob("*"):
            if file.suffix in (".json", ".png", ".svg", ".csv"):
                file.unlink()
        (after,) = tell({toy.name: toy}, tmp_path)
        assert isinstance(after, Finished)
        assert after.result == before.result
        assert results.load_all(tmp_path) == [before.result]
        assert (tmp_path / "figures" / "toy-one.svg").exists()
        assert (tmp_path / "ledger.csv").exists()
        assert len(contexts) == 1

    def test_a_measurement_whose_telling_fails_is_not_lost(self, tmp_path, monkeypatch):
        def broken(measured, ledger):
            raise ZeroDivisionError

        with monkeypatch.context() as patch:
            patch.setattr("helpers.toys.one.compare", broken)
            (outcome,) = run([fakes.entry()], Request(tmp_path))
            assert isinstance(outcome, Failed)
        (outcome,) = tell({"toy-one": fakes.entry()}, tmp_path)
        assert isinstance(outcome, Finished)
        assert outcome.result.rows[0].n == 3

    def test_the_measurement_of_an_earlier_run_is_removed(self, tmp_path):
        for seed in (1, 2):
            list(run([fakes.entry()], Request(tmp_path, seed=seed)))
        (file,) = (tmp_path / "results").glob("*.arrays")
        assert file.name == results.load_all(tmp_path)[0].measurement

    def test_a_folder_without_measurements_is_refused(self, tmp_path):
        with pytest.raises(ResultFileError, match="holds no measurement"):
            tell({}, tmp_path)

    def test_a_damaged_measurement_is_refused_by_name(self, tmp_path):
        list(run([fakes.entry()], Request(tmp_path)))
        (file,) = (tmp_path / "results").glob("*.arrays")
        file.write_bytes(file.read_bytes()[:-1])
        with pytest.raises(ResultFileError, match=file.name):
            tell({"toy-one": fakes.entry()}, tmp_path)
