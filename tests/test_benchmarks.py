"""The benchmarks at tiny sizes: they run, count right and say what they measured."""

import json
import re
import socket
from pathlib import Path

import numpy as np
import pytest
import torch

from benchmarks import (
    Claim,
    Outcome,
    __main__,
    boundaries,
    latency,
    notebook,
    peers,
    racing,
    report,
    room,
    scale,
    schedules,
    tables,
)
from benchmarks.browser import Move
from distill_core import specs
from distill_core.geometry.planes import Window
from distill_core.geometry.problems import Problem
from distill_core.specs import StudentSpec
from tests import tiny

WINDOW = Window(0.1, -0.2, 1.5)
WIDTH = 2 * WINDOW.half
SHORT = tiny.schedule(1, batch_size=16)
TINY = tiny.teachers("tutorial", None, hidden=(8,), schedule=SHORT)


def quiet(line):
    assert line


def circle(uv):
    return np.c_[np.zeros(len(uv)), np.hypot(*uv.T) ** 2 - 1]


@pytest.fixture
def small_problem():
    generator = torch.Generator().manual_seed(0)
    X = torch.randn(64, 20, generator=generator)
    y = (X[:, 0] > 0).long()
    return Problem(X, y, X[:16], y[:16])


@pytest.fixture
def outcome():
    rows = [{"": "one", "points": 1234, "error": 1.5e-7}, {"": "two", "points": 1, "error": 0.5}]
    return Outcome("A title.", rows, [Claim("It holds.", True), Claim("It does not.", False)])


# Boundary lines


def test_errors_are_the_distances_to_the_boundary():
    angles = np.linspace(0, 6, 40)
    around = np.c_[np.cos(angles), np.sin(angles)]
    for away in (1e-6, 1e-4, 5e-3):
        lines = (around * (1 + away * WIDTH)).astype(np.float32)
        found = boundaries.errors(circle, WINDOW, np.insert(lines, 7, np.nan, axis=0))
        assert found.shape == (40,)
        # Never less, and not more than one rung of the ladder; float32 takes its part.
        assert (found >= 0.9 * away).all()
        assert (found <= 1.4 * away).all()
    assert np.isinf(boundaries.errors(circle, WINDOW, np.float32([[0.5, 0.5]]))).all()


def test_boundary_benchmark_counts_and_compares():
    outcome = boundaries.compare(
        {"disc": circle}, WINDOW, quiet, dense=(20, 40, 90), ours=(36, 100)
    )
    rows = {row[""]: row for row in outcome.rows}
    dense = [rows[f"disc, dense {n}"] for n in (20, 40, 90)]
    assert [row["evaluations"] for row in dense] == [400, 1600, 8100]
    # Linear interpolation: half the spacing, a quarter of the error.
    ratio = dense[0]["largest error"] / dense[1]["largest error"]
    assert 2.5 < ratio < 7
    ours, known = rows["disc, coarse to fine 100"], rows["disc, dense 100 and root finding"]
    assert ours["vertices"] == known["vertices"]
    assert ours["largest error"] < 1e-6
    assert 10**4 < known["evaluations"] < 10**4 + 6 * known["vertices"]
    assert ours["evaluations"] < 0.4 * known["evaluations"]
    assert outcome.claims[0].holds


# Scale


def test_scale_has_a_row_per_size():
    rows = scale.in_one_process(
        quiet, teachers=(1, 2), students=(1, 3), samples=(50, 5000), grids=(10, 40), base=TINY
    )
    assert len(rows) == 10
    assert [row["per unit"] for row in rows[::2]] == [1] * 5
    assert all(row["seconds"] > 0 for row in rows)
    assert rows[4][""] == "one student, 50 samples"


def test_two_dask_workers_beside_one():
    dask = pytest.importorskip("dask")
    from benchmarks import cluster

    with dask.config.set({"distributed.worker.multiprocessing-method": "forkserver"}):
        base = StudentSpec(ensemble=TINY, width=4, schedule=SHORT)
        rows, claims = cluster.compare(quiet, n_students=16, chunks=(4, 8), n_repeats=1, base=base)
    assert [row[""] for row in rows] == [
        "16 students, jobs of 4, 1 Dask worker",
        "16 students, jobs of 4, 2 Dask workers",
        "16 students, jobs of 8, 1 Dask worker",
        "16 students, jobs of 8, 2 Dask workers",
    ]
    (claim,) = claims
    gain = rows[0]["seconds"] / rows[1]["seconds"]
    assert f"({gain:.2f})" in claim.sentence
    assert claim.holds == (gain >= 1.7)


# Latency


def test_the_walk_meets_no_setting_twice_and_stays_on_the_sliders():
    stops = {
        latency.WIDTH: specs.WIDTHS,
        latency.TEMPERATURE: specs.TEMPERATURES,
        latency.ALPHA: specs.ALPHAS,
    }
    default = StudentSpec()
    at = {
        latency.WIDTH: specs.WIDTHS.index(default.width),
        latency.TEMPERATURE: specs.TEMPERATURES.index(default.temperature),
        latency.ALPHA: specs.ALPHAS.index(default.alpha),
    }
    met = {tuple(at.values())}
    for slider, key in latency.WALK:
        at[slider] += {"ArrowLeft": -1, "ArrowRight": 1}[key]
        assert 0 <= at[slider] < len(stops[slider])
        assert tuple(at.values()) not in met
        met.add(tuple(at.values()))
    assert len(latency.WALK) >= 30


def test_latency_says_quantiles_and_the_largest_frame():
    cold = [Move("", 100.0 + i, 200.0 + i, 10_000 + i, 20_000) for i in range(101)]
    warm = [Move("", 50.0, 60.0, 31_000, 40_000)] * 30
    turned = [Move("", 299.0, 299.0, 10_000, 20_000)] * 19 + [Move("", 400.0, 400.0, 1, 1)]
    outcome = latency.summary(cold, warm, turned)
    first, second, third = outcome.rows
    assert (first["moves"], first["p50 ms"], first["p95 ms"]) == (101, 150, 195)
    assert (first["largest message KB"], second["all messages KB, p50"]) == (10.1, 40)
    assert (first["whole p50 ms"], second["whole p95 ms"]) == (250, 60)
    assert (third["moves"], third["p50 ms"]) == (20, 299)
    assert [claim.holds for claim in outcome.claims] == [True, True, False, False]


# Training and its peers


def test_every_peer_answers_for_the_test_data(small_problem):
    problem = small_problem
    answers = [
        notebook.ensemble_logits(
            notebook.train_teachers(problem.X_train, problem.y_train, n_members=2, epochs=1),
            problem.X_test,
        ),
        peers.vmap_teachers(problem, SHORT, 2, 0).mean(0),
    ]
    logits = torch.zeros(64, 2)
    student = notebook.train_student(problem.X_train, problem.y_train, logits, epochs=1)
    answers.append(student(problem.X_test).detach())
    for answer in answers:
        assert answer.shape == (16, 2)
        assert torch.isfinite(answer).all()
    assert peers.sklearn_teachers(problem, SHORT, 2, 0).shape == (16,)
    assert peers.sklearn_student(problem, SHORT, 0).shape == (16,)


@pytest.mark.skipif(not peers.HAS_JAX, reason="JAX is not installed")
def test_jax_answers_for_the_test_data(small_problem):
    logits = peers.jax_networks(small_problem, SHORT, 2, 0, hidden=(4,))
    assert logits.shape == (2, 16, 2)
    assert np.isfinite(logits).all()


def test_a_race_takes_turns_and_compares_with_the_reference():
    turns = []
    runners = {
        name: racing.Runner(lambda seed, name=name: turns.append((seed, name)) or np.array([1, 0]))
        for name in ("a", "b")
    }
    rows = racing.race(runners, [1, 2], quiet, lambda labels: float(labels.mean()), reference="b")
    assert turns[-4:] == [(1, "a"), (1, "b"), (2, "a"), (2, "b")]
    assert rows["b"]["times"] == 1
    assert rows["a"]["percent"] == 50
    assert racing.sgemm_rate(1) > 0


def test_schedules_score_ensembles_and_students(small_problem, monkeypatch):
    monkeypatch.setattr(schedules, "N_ENSEMBLES", 2)
    monkeypatch.setattr(schedules, "N_STUDENTS", 3)
    runs, stack = schedules._ensembles(TINY, small_problem)
    assert (len(runs.percents), stack.k) == (2, 2)
    runs = schedules._students(TINY, SHORT, small_problem, stack)
    assert len(runs.percents) == 3
    assert all(0 <= percent <= 100 for percent in runs.percents)


# What is printed and written


def test_a_benchmark_is_printed_as_a_table_or_as_json(outcome, monkeypatch, capsys):
    monkeypatch.setitem(__main__.BENCHMARKS, "sweep", lambda say: outcome)
    threads = torch.get_num_threads()
    try:
        assert __main__.main(["sweep"]) == 1
        text = capsys.readouterr().out
        assert __main__.main(["sweep", "--json"]) == 1
    finally:
        torch.set_num_threads(threads)
    assert re.search(r"^one +1,234 +1\.5e-07$", text, re.MULTILINE)
    assert re.search(r"^two +1 +0\.500$", text, re.MULTILINE)
    assert "holds: It holds." in text
    assert "FAILS: It does not." in text
    assert report.outcome(json.loads(capsys.readouterr().out)) == outcome


def test_report_has_all_tables_and_says_first_what_failed(outcome, monkeypatch, tmp_path):
    good = Outcome("Good.", outcome.rows, outcome.claims[:1])
    found = {"sweep": outcome, "boundary": good, "scale": None}
    monkeypatch.setattr(report, "measured", found.__getitem__)
    path = tmp_path / "B.md"
    assert report.main(["sweep", "boundary", "scale", "--to", str(path)]) == 1
    text = path.read_text()
    assert text.index("these do not hold") < text.index("## sweep")
    assert "- **sweep**: It does not." in text
    assert "| one | 1,234 | 1.5e-07 |" in text
    assert "## scale\n\nIt did not come to its end." in text
    assert report.main(["boundary", "--to", str(path)]) == 0
    assert "All 1 claims below hold" in path.read_text()
    with pytest.raises(SystemExit):
        report.main(["speed"])


def test_the_machine_is_described_but_not_named():
    words = " ".join(report.machine().values())
    assert "cores" in words
    assert "torch" in words
    for name in (socket.gethostname(), str(Path.home()), str(report.PROJECT)):
        assert name not in words


def test_every_benchmark_is_in_the_report():
    assert set(report.ORDER) == set(__main__.BENCHMARKS)


def test_markdown_rows_have_as_many_cells_as_the_head(outcome):
    lines = [line for line in tables.markdown(outcome).splitlines() if line.startswith("|")]
    assert len({line.count("|") for line in lines}) == 1
    assert len(lines) == 4


def test_a_count_is_as_old_as_the_newest_vote_that_it_lacks():
    votes = [float(i) for i in range(room.N_LEARNERS)]
    prompt = {i: i - 0.9 for i in range(1, room.N_LEARNERS + 1)}
    found = room.summary(votes, prompt)
    assert [claim.holds for claim in found.claims] == [True, True, True]
    assert found.rows[0]["p95 s"] == pytest.approx(0.1)
    assert not room.summary(votes, prompt, 9, 1).claims[2].holds
    late = room.summary(votes, {room.N_LEARNERS: room.N_LEARNERS + 1.0})
    assert [claim.holds for claim in late.claims] == [False, True, True]
    assert late.rows[0]["p50 s"] == pytest.approx((room.N_LEARNERS + 3) / 2)
    for lost in (votes[:-1], [*votes, 300.0]):
        assert not room.summary(lost, prompt | {201: 400.0}).claims[1].holds
