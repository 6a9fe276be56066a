"""What answers cost: contenders answer as the models do; times beside an independent loop."""

import time

import numpy as np
import pytest
import torch
from torch.utils import benchmark

from distill_core import jobs, studies
from distill_core.geometry.problems import load_problem
from distill_core.learning import losses
from distill_core.learning.networks import Stack
from distill_core.specs import SpecError, StudentSpec
from distill_core.store import Store
from distill_core.studies import WorthSpec, contenders, costs
from tests import tiny

ENSEMBLE = tiny.teachers(n_members=4, hidden=(64, 32), schedule=tiny.schedule(1))
WORTH = WorthSpec(student=StudentSpec(ensemble=ENSEMBLE, width=16), n_seeds=2)


@pytest.fixture(scope="module")
def listed(tmp_path_factory):
    store = Store(tmp_path_factory.mktemp("costs"))
    studies.run(WORTH, store)
    return store, {(c.model, c.form): c for c in contenders.list_contenders(WORTH, store)}


def test_contenders_answer_as_the_models_do(listed):
    store, found = listed
    X = load_problem(ENSEMBLE.problem).X_test
    logits = torch.from_numpy(store.get("ensemble", ENSEMBLE.digest).arrays["test_logits"])
    whole = losses.soft_targets(logits)
    for form in ("one after another", "stacked"):
        assert torch.allclose(found["ensemble", form].predict(X), whole, atol=1e-5)
    some = losses.soft_targets(logits[:3])
    assert torch.allclose(found["teachers-3", "one after another"].predict(X), some, atol=1e-5)
    students = store.get("students", WORTH.students((0, 1)).digest)
    own = Stack.from_arrays(students.arrays).members([0])
    proba = torch.softmax(own.logits(X)[0], -1)
    assert torch.allclose(found["student", "float32"].predict(X), proba, atol=1e-5)
    small = found["student", "int8"].predict(X)
    assert (small.argmax(-1) == proba.argmax(-1)).double().mean() > 0.95
    assert not torch.equal(small, proba)
    fitted = store.get("rivals", WORTH.rivals.digest)
    for name in ("logistic", "tree", "forest"):
        answered = found[name, "float32"].predict(X.numpy()).argmax(-1)
        assert (answered == fitted.arrays[name][0]).all()


def test_probabilities_are_combined_where_the_ensemble_does():
    stack = Stack.initialised([np.random.default_rng(i) for i in range(3)], (2, 5, 3))
    X = torch.randn(7, 2, generator=torch.Generator().manual_seed(0))
    expected = losses.soft_targets(stack.logits(X), 1.0, "probabilities")
    modules = contenders.as_modules(stack)
    assert torch.allclose(contenders.answer(modules, "probabilities", X), expected, atol=1e-6)
    assert torch.allclose(contenders.answer_stacked(stack, "probabilities", X), expected, atol=1e-6)


@pytest.mark.parametrize(
    ("model", "form", "n"),
    [
        ("student", "float32", 1),
        ("student", "float32", 1000),
        ("ensemble", "one after another", 1),
        ("ensemble", "stacked", 1000),
        ("tree", "float32", 1000),
    ],
)
def test_times_agree_with_an_independent_loop(listed, model, form, n):
    one = listed[1][model, form]
    ratios = []
    # Others use the machine, too: theirs counts the time of this thread alone, and the nearest
    # of a few is what the method can do.
    timer = benchmark.Timer(
        "f(X)",
        globals={"f": one.predict, "X": one.X[:n]},
        num_threads=1,
        timer=time.thread_time,
    )
    for _ in range(12):
        theirs = timer.blocked_autorange(min_run_time=0.05).median
        ours, p95 = costs.measure_seconds(one.predict, one.X[:n], 0.05)
        assert p95 >= ours > 0
        ratios.append(ours / theirs)
        if 0.9 < ratios[-1] < 1.1:
            return
    pytest.fail(f"ours over theirs: {[round(ratio, 2) for ratio in ratios]}")


def test_median_and_tail_are_those_of_single_calls(monkeypatch):
    monkeypatch.setattr(costs, "_FEWEST", 20)
    waits = iter([0.0] * 5 + [0.002] * 17 + [0.05] * 3)

    def predict(_):
        time.sleep(next(waits))

    median, p95 = costs.measure_seconds(predict, None, 0.0)
    assert 0.002 <= median < 0.03 < p95


def test_memory_is_what_a_call_holds_at_most():
    module = torch.nn.Sequential(
        torch.nn.Linear(4, 50), torch.nn.ReLU(), torch.nn.Linear(50, 2)
    ).requires_grad_(False)
    X = torch.zeros(1000, 4)
    # Two layers' worth of hidden units: before and after the ReLU.
    assert costs.measure_memory(module, X) == 2 * 4 * 1000 * 50
    twice = costs.measure_memory(lambda X: X @ torch.ones(4, 1) + 1, X)
    assert twice == 2 * 4 * 1000
    rows = np.zeros((1000, 4))
    assert 8000 <= costs.measure_memory(lambda rows: rows.sum(1), rows) < 10_000


def test_threads_are_as_before_and_said(listed):
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        seen = []
        costs.measure_seconds(lambda _: seen.append(torch.get_num_threads()), None, 0.0)
        assert set(seen) == {1}
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)
    assert "one process, one thread" in costs.describe_machine()
    assert torch.__version__ in costs.describe_machine()


def test_int8_takes_about_a_quarter_of_the_bytes(listed):
    found = listed[1]
    assert found["student", "float32"].bytes is None
    n = WORTH.student_size.bytes
    assert n / 4 < found["student", "int8"].bytes < n / 2
    assert 3 < WORTH.ensemble_size.bytes / found["ensemble", "int8"].bytes < 4


def test_without_quantization_int8_is_left_out(monkeypatch, listed):
    monkeypatch.delattr(torch.ao.quantization, "quantize_dynamic")
    forms = {c.form for c in contenders.list_contenders(WORTH, listed[0])}
    assert "int8" not in forms
    assert "stacked" in forms


def test_an_unfinished_study_cannot_be_measured(store):
    with pytest.raises(SpecError, match="run the study first"):
        next(contenders.list_contenders(WORTH, store))


@pytest.mark.parametrize(("text", "price"), [("0.10", 0.1), (" 2 ", 2.0), ("0,25", 0.25)])
def test_a_price_is_read(text, price):
    assert costs.read_price(text) == price


@pytest.mark.parametrize("text", ["0", "-3", "nan", "inf", "1e9", "free", "", "1" * 500, "=1+1"])
def test_what_is_no_price_gets_a_sentence(text):
    with pytest.raises(SpecError, match=r"should be a number above 0 .* got '") as refused:
        costs.read_price(text)
    assert len(str(refused.value)) < 160


def test_price_of_a_million_answers_by_hand():
    cost = costs.Cost("student", "float32", (1e-3, 0.5), (2e-3, 0.6), 10)
    # 2,000 rows a second: a million take 500 s.
    assert cost.throughput == 2000
    assert costs.price_per_million(cost, 3.6) == pytest.approx(0.5)


def test_times_are_not_in_the_store(listed):
    store, found = listed
    before = {path for path in store.root.rglob("*") if path.is_file()}
    costs.measure(found["student", "float32"])
    assert {path for path in store.root.rglob("*") if path.is_file()} == before
    assert jobs.train_ensemble.kind == "ensemble"
