import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from distill_core import uploads
from distill_core.__main__ import _table, main
from distill_core.data import datasets
from distill_core.geometry.problems import load_problem
from distill_core.learning import training
from distill_core.specs import ReproductionSpec, Schedule, SpecError
from distill_core.studies import CapacitySpec, command, exported_file
from distill_core.studies.reproduce import Reproduction, Trial
from tests import tiny
from tests.conftest import PROJECT

INTERVALS = [
    "ensemble_accuracy",
    "distilled_accuracy",
    "baseline_accuracy",
    "gain_points",
    "agreement",
    "baseline_agreement",
]


def trial(seed, distilled, baseline):
    """A seed whose student answers other than its twin on as many of 1,000 rows as it must."""
    gained = round(1000 * (distilled - baseline))
    gains = np.zeros(1000, np.int8)
    gains[: abs(gained)] = np.sign(gained)
    return Trial(seed, 0.975, distilled, baseline, 0.99, 0.98, 3.0, 0.5, gains)


def reproduction(*trials):
    return Reproduction(trials, 46658, 559896, 3490)


@pytest.fixture(scope="module")
def two_seeds():
    done = subprocess.run(
        [sys.executable, "-m", "distill_core", "reproduce", "--seeds", "2", "--json"],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout), done.stderr


def test_reproduce_prints_json_with_the_promised_keys(two_seeds):
    result, _ = two_seeds
    assert set(result) == {*INTERVALS, "parameters", "compression", "seconds", "seeds"}
    for name in INTERVALS:
        assert set(result[name]) == {"mean", "low", "high"}
        assert result[name]["low"] <= result[name]["mean"] <= result[name]["high"]
    assert set(result["seconds"]) == {"ensemble", "students"}
    assert all(seconds > 0 for seconds in result["seconds"].values())
    assert result["seeds"] == 2


def test_reproduce_finds_the_tutorials_sizes_and_accuracies(two_seeds):
    result, _ = two_seeds
    assert result["parameters"] == {"teacher": 46658, "ensemble": 559896, "student": 3490}
    assert result["compression"] == pytest.approx(559896 / 3490)
    assert 0.97 <= result["ensemble_accuracy"]["mean"] <= 0.985
    for who in ("distilled", "baseline"):
        assert 0.955 <= result[f"{who}_accuracy"]["mean"] <= 0.98
    for agreement in ("agreement", "baseline_agreement"):
        assert 0.96 <= result[agreement]["mean"] < 1
        assert result[agreement]["high"] <= 1
    # What makes the student a student: it follows the ensemble more closely than its twin does.
    assert result["agreement"]["mean"] > result["baseline_agreement"]["mean"]
    gain = result["distilled_accuracy"]["mean"] - result["baseline_accuracy"]["mean"]
    assert result["gain_points"]["mean"] == pytest.approx(100 * gain)


def test_progress_goes_to_standard_error_one_line_per_seed(two_seeds):
    lines = two_seeds[1].splitlines()
    assert [line.split(":")[0] for line in lines] == ["seed 0 (1 of 2)", "seed 1 (2 of 2)"]


def test_figures_are_those_of_one_training_of_all_teachers_here(two_seeds):
    printed, said = two_seeds
    trained = [trained_here(ReproductionSpec().student(seed)) for seed in range(2)]
    # One decimal of a percent is one of the 1000 test points.
    for line, figures in zip(said.splitlines(), trained, strict=True):
        assert re.findall(r"([\d.]+)%", line) == [f"{100 * share:.1f}" for share in figures[:3]]
    means = np.mean(trained, 0)
    names = [name for name in INTERVALS if name != "gain_points"]
    assert [printed[name]["mean"] for name in names] == pytest.approx(list(means), abs=1e-12)


def trained_here(student):
    """Accuracies of ensemble, student and twin, and the agreement of both, in one process."""
    problem = load_problem(student.ensemble.problem)
    X, y, y_test = problem.X_train, problem.y_train, problem.y_test
    teachers = training.fit_ensemble(student.ensemble, X, y)
    pair = training.fit_students([student, student.twin()], X, y, teachers.logits(X))
    whole = teachers.logits(problem.X_test).mean(0).argmax(-1)
    distilled, baseline = pair.logits(problem.X_test).argmax(-1)
    compared = [(whole, y_test), (distilled, y_test), (baseline, y_test)]
    compared += [(distilled, whole), (baseline, whole)]
    return [float((one == other).double().mean()) for one, other in compared]


def test_gain_is_paired_by_seed():
    result = reproduction(trial(0, 0.96, 0.95), trial(1, 0.98, 0.97), trial(2, 0.97, 0.96))
    gain = result.gain_points()
    # Each seed gains one point, however different the seeds are; other rows may give another.
    assert gain.mean == pytest.approx(1)
    assert 0.3 < gain.low < 1 < gain.high < 1.7
    assert result.over_seeds("distilled_accuracy").low < 0.96


def test_an_interval_of_a_share_ends_at_one():
    shares = reproduction(trial(0, 1.0, 0.9), trial(1, 0.96, 0.9)).over_seeds("distilled_accuracy")
    assert shares.high == 1
    assert shares.low < 0.96


def test_one_seed_has_no_interval():
    result = reproduction(trial(0, 0.97, 0.96))
    printed = json.loads(json.dumps(result.to_json(), allow_nan=False))
    for name in INTERVALS:
        assert printed[name]["low"] is None
        assert printed[name]["high"] is None
    assert printed["gain_points"]["mean"] == pytest.approx(1)
    text = _table(ReproductionSpec(seeds=1), result, 4.0)
    assert "One seed: how much these numbers vary from seed to seed cannot be said." in text
    assert "[" not in text
    assert "nan" not in text


def test_table_says_what_is_compared_and_never_a_share_recovered():
    result = reproduction(*(trial(s, 0.97, 0.96 + 0.02 * (s % 2)) for s in range(8)))
    text = _table(ReproductionSpec(seeds=8), result, 4.0)
    for words in (
        "95% intervals over seeds",
        "paired by seed",
        "hard-label twin",
        "interval holds 0",
    ):
        assert words in text
    for number in ("46,658", "559,896", "3,490", "160.4 times", "97.00 %"):
        assert number in text
    assert "recover" not in text
    assert all(len(line) <= 100 for line in text.splitlines())


def test_a_clear_gain_is_called_one():
    trials = [trial(seed, 0.97, 0.96 - seed / 1000) for seed in range(8)]
    text = _table(ReproductionSpec(seeds=8), reproduction(*trials), 4.0)
    assert "beyond the chance of seeds and rows" in text
    assert "for rows like these 1,000" in text
    assert "interval holds 0" not in text
    # Three of them say the same, and are too few to be asked.
    text = _table(ReproductionSpec(seeds=3), reproduction(*trials[:3]), 4.0)
    assert "No verdict from fewer than 8 seeds" in text
    assert "makes a difference" not in text


def test_more_seeds_on_few_rows_are_no_clear_gain():
    """Eight seeds that all gain on the same 2 of 1,000 rows: on other rows, who knows."""
    text = _table(
        ReproductionSpec(seeds=8), reproduction(*(trial(s, 0.962, 0.96) for s in range(8))), 4.0
    )
    assert "interval holds 0" in text


def test_schedules_are_the_projects_or_the_tutorials():
    ours, theirs = (ReproductionSpec(schedule=name).student(3) for name in ("project", "tutorial"))
    assert (ours.ensemble.schedule, ours.schedule) == (Schedule.ENSEMBLE, Schedule.STUDENT)
    assert theirs.ensemble.schedule == Schedule.TUTORIAL_ENSEMBLE
    assert theirs.schedule == Schedule.TUTORIAL_STUDENT
    for student in (ours, theirs):
        assert (student.width, student.temperature, student.alpha) == (64, 3, 0.7)
        assert (student.seed, student.ensemble.seed, student.ensemble.n_members) == (3, 3, 12)
        assert student.ensemble.problem.plane is None


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["reproduce", "--seeds", "0"], "seeds should be greater than or equal to 1, got 0."),
        (["reproduce", "--seeds", "-1"], "seeds should be greater than or equal to 1, got -1."),
        (
            ["reproduce", "--seeds", "1000000000"],
            "seeds should be less than or equal to 256, got 1000000000.",
        ),
        (["reproduce", "--seeds", "many"], "argument --seeds: invalid int value: 'many'."),
        (["reproduce", "--schedule", "fast"], "invalid choice: 'fast'"),
        (["reproduce", "--speed"], "unrecognized arguments: --speed."),
        (["dance"], "invalid choice: 'dance'"),
        ([], "the following arguments are required: command."),
    ],
)
def test_bad_input_gets_one_sentence_and_code_2(arguments, said, capsys):
    with pytest.raises(SystemExit) as stopped:
        main(arguments)
    assert stopped.value.code == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    assert said in err


# The visitor's own data


@pytest.fixture
def small(monkeypatch, store):
    """Studies of the data that was asked for, too small to take long."""
    monkeypatch.setenv("DISTILL_STORE", str(store.root))
    monkeypatch.delenv("DISTILL_SCHEDULER", raising=False)
    asked = []

    def spec_of(_, dataset):
        asked.append(dataset)
        once = tiny.schedule(1)
        teachers = tiny.teachers(dataset, n_members=1, hidden=(4,), schedule=once)
        return CapacitySpec(ensemble=teachers, widths=(1, 2), n_seeds=2, schedule=once)

    monkeypatch.setattr(command, "read_spec", spec_of)
    return asked


def test_a_study_of_ones_own_csv_file(small, capsys, tmp_path):
    path, content = tmp_path / "rows.csv", uploads.SAMPLE.read_bytes()
    own = ["--csv", str(uploads.SAMPLE), "--label", "kind"]
    assert main(["study", "capacity", *own, "--json", "--export", str(path)]) == 0
    out, err = capsys.readouterr()
    assert json.loads(out)["spec"]["ensemble"]["problem"]["dataset"]["name"] == "upload"
    # Every decision is said before anything is trained.
    assert "The label is 'kind', with 3 classes" in err
    assert err.index("shifted and scaled") < err.index("parts")
    assert len(path.read_text().splitlines()) == 1 + 2 * 2 * 2
    assert uploads.SAMPLE.read_bytes() == content, "the file to read must not be written"
    data = datasets.load(small[0])
    assert data.class_names == ("Alba", "Borea", "Cresta")
    assert data.feature_names[0] == "bill length mm"
    # Once more with chosen features: other data, and a file that is replaced because told so.
    path.write_text("old")
    again = [*own, "--features", "sex", "island", "--export", str(path), "--force"]
    assert main(["study", "capacity", *again]) == 0
    assert datasets.load(small[1]).feature_names[-1].startswith("island = ")
    assert "width" in path.read_text().splitlines()[0]
    assert [other.name for other in tmp_path.iterdir() if other.suffix != ""] == ["rows.csv"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--csv", "mine.csv"], "--csv reads your own data: give --label COLUMN too"),
        (["--export", "mine.csv"], "The file mine.csv exists: choose another name, or give"),
        (
            ["--csv", "mine.csv", "--label", "kind", "--export", "./mine.csv", "--force"],
            "--export would replace mine.csv, the data itself",
        ),
        (["--export", "."], "--export names a file to write, but . is none"),
        (["--export", "none/rows.csv"], "none/rows.csv cannot be written: there is no such folder"),
    ],
)
def test_no_command_writes_over_a_file_unasked(
    arguments, said, small, capsys, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    content = uploads.SAMPLE.read_bytes()
    Path("mine.csv").write_bytes(content)
    with pytest.raises(SystemExit) as stopped:
        main(["study", "capacity", *arguments])
    assert stopped.value.code == 2
    assert said in capsys.readouterr().err
    assert not small, "nothing may be trained before this is said"
    assert Path("mine.csv").read_bytes() == content
    assert [path.name for path in tmp_path.iterdir() if path.suffix] == ["mine.csv"]


@pytest.mark.parametrize("stop", ["fsync", "replace"])
def test_a_file_is_written_whole_or_not_at_all(stop, tmp_path, monkeypatch):
    path = tmp_path / "rows.csv"
    path.write_bytes(b"old")

    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(exported_file.os, stop, interrupted)
    with pytest.raises(KeyboardInterrupt):
        exported_file.write_export(path, "new", force=True)
    monkeypatch.undo()
    assert [(other.name, other.read_bytes()) for other in tmp_path.iterdir()] == [
        ("rows.csv", b"old")
    ]
    # A file that has come up while the study ran is somebody's, too.
    with pytest.raises(SpecError, match="has come up meanwhile"):
        exported_file.write_export(path, "new", force=False)
    assert path.read_bytes() == b"old"
    exported_file.write_export(path, "new", force=True)
    assert [(other.name, other.read_bytes()) for other in tmp_path.iterdir()] == [
        ("rows.csv", b"new")
    ]


def test_classes_of_blobs_and_spirals_can_be_counted_out(small):
    assert main(["study", "capacity", "--dataset", "blobs", "--classes", "4"]) == 0
    assert small[0].n_classes == 4


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--label", "kind"], "--label names a column of your own data: give --csv FILE too."),
        (["--features", "sex"], "--features names columns of your own data: give --label too."),
        (["--csv", "no.csv", "--label", "kind"], "'no.csv' cannot be read: No such file"),
        (["--csv", "README.md", "--label", "kind"], "cannot be understood"),
        (
            ["--csv", str(uploads.SAMPLE), "--label", "colour"],
            "There is no column called 'colour'; choose one of 'kind', 'island'",
        ),
        (
            ["--csv", str(uploads.SAMPLE), "--label", "body mass g"],
            "different values; at most 10 classes are allowed.",
        ),
        (
            ["--csv", str(uploads.SAMPLE), "--label", "kind", "--features", "kind"],
            "The label 'kind' cannot be a feature too",
        ),
        (
            ["--csv", str(uploads.SAMPLE), "--label", "kind", "--dataset", "wine"],
            "Give either --csv and --label or --dataset, not both.",
        ),
        (["--decimal", ","], "--decimal is about your own data: give --csv and --label too."),
        (
            ["--csv", str(uploads.SAMPLE), "--label", "kind", "--decimal", "x"],
            "--decimal takes '.' or ',', or COLUMN=SIGN, got 'x'.",
        ),
        (
            ["--csv", str(uploads.SAMPLE), "--label", "kind", "--keep-classes", "Alba", "Dora"],
            "The label 'kind' has no class 'Dora'; it has 'Alba', 'Borea', 'Cresta'.",
        ),
        (["--dataset", "upload"], "give --csv FILE and --label COLUMN."),
        (["--dataset", "cats"], "'digits' or 'upload', got 'cats'."),
        (["--dataset", "moons", "--classes", "3"], "goes with the datasets 'blobs' and 'spirals'"),
        (["--dataset", "blobs", "--classes", "9"], "less than or equal to 5, got 9."),
    ],
)
def test_data_that_cannot_be_used_gets_one_sentence_and_code_2(arguments, said, capsys, small):
    with pytest.raises(SystemExit) as stopped:
        main(["study", "capacity", *arguments])
    assert stopped.value.code == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert said in err
    # Decisions are said line by line, the reason in the last one.
    assert err.splitlines()[-1].startswith("python -m distill_core: ")


def test_help_says_what_reads_and_what_writes(capsys):
    with pytest.raises(SystemExit):
        main(["study", "softness", "--help"])
    words = " ".join(capsys.readouterr().out.split())
    assert (
        "a file of CSV, Parquet or Excel, which is read and never written; goes with --label"
        in words
    )
    assert "write the rows of the result to FILE, which must not exist yet" in words
    assert "'digits'" in words
    assert "'upload'" not in words
