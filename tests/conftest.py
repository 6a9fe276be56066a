import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from hypothesis import settings

from distill_core.store import Store

# `make reliability` runs everything in full; `make test` a part of what takes minutes.
FULL = os.environ.get("DISTILL_RELIABILITY") == "1"
PROJECT = Path(__file__).parents[1]

# Files that take longest, these first: begun last, one would keep a worker of pytest-xdist at work
# while the others have nothing left.
LONGEST = (
    "test_uploads.py",
    "frame/test_app.py",
    "test_command_line.py",
    "test_benchmarks.py",
    "load/test_load.py",
    "engine/test_engine.py",
    "frame/test_settings.py",
    "jobs/test_jobs.py",
    "hostile/test_attacks.py",
    "faults/test_endings.py",
    "studies/test_studies.py",
    "e2e/test_playground.py",
    "e2e/test_studies.py",
    "e2e/test_own_data.py",
    "e2e/test_lesson.py",
    "e2e/test_instant.py",
    "e2e/test_boundary_view.py",
    "e2e/test_slices.py",
    "e2e/test_many_classes.py",
    "e2e/test_framed.py",
    "e2e/test_pickers.py",
    "e2e/test_chart.py",
    "e2e/test_messy_files.py",
    "e2e/test_pages.py",
)

# As in the worker processes; more threads only slow networks of this size.
torch.set_num_threads(1)
# The machine may be busy, so no deadline; the same examples in every run.
settings.register_profile("project", deadline=None, derandomize=True)
settings.load_profile("project")


def pytest_collection_modifyitems(items):
    places = {PROJECT / "tests" / name: place for place, name in enumerate(LONGEST)}
    items.sort(key=lambda item: places.get(item.path, len(places)))


@pytest.fixture(autouse=True)
def main_module(monkeypatch):
    """Keep the main module: Streamlit's AppTest leaves its page there, and new processes run it."""
    monkeypatch.setitem(sys.modules, "__main__", sys.modules["__main__"])


# What everything else rests on: said by name at the end of a run.
FOUNDATIONS = (
    "test_stacked_training_equals_separate_networks",
    "test_hand_written_gradient_equals_autograd",
    "test_planes_equal_scikit_learn",
    "test_core_imports_no_streamlit",
    "test_same_spec_gives_same_bytes_in_two_processes",
)


def pytest_terminal_summary(terminalreporter):
    if importlib.util.find_spec("jax") is None:
        terminalreporter.write_line(
            "missing: JAX, a peer of the benchmarks, is not installed; its test was skipped"
        )
    for outcome in ("passed", "failed", "error"):
        names = [report.nodeid for report in terminalreporter.getreports(outcome)]
        for test in FOUNDATIONS:
            count = sum(f"::{test}" in name for name in names)
            if count:
                words = test.removeprefix("test_").replace("_", " ")
                terminalreporter.write_line(f"{outcome}: {words} ({count} tests)")


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "store")


@pytest.fixture(scope="module")
def cluster():
    """Return a Dask cluster of two worker processes."""
    dask = pytest.importorskip("dask")
    distributed = pytest.importorskip("distributed")
    # Restarted workers come from a warm fork server here: seconds less per test.
    with (
        dask.config.set({"distributed.worker.multiprocessing-method": "forkserver"}),
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, processes=True, dashboard_address="127.0.0.1:0"
        ) as cluster,
    ):
        yield cluster


@pytest.fixture
def double_precision():
    """New tensors, and with them the whole training, have 64 bits."""
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


@pytest.fixture(scope="session")
def python():
    """Run code in a Python process of its own and return what it printed."""

    def run(code, *arguments):
        done = subprocess.run(
            [sys.executable, "-c", code, *map(str, arguments)],
            cwd=PROJECT,
            env={**os.environ, "PYTHONHASHSEED": "random"},
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    return run


@pytest.fixture(scope="session")
def as_sequential():
    """Return one network of a stack as a `torch.nn.Sequential` of its own."""

    def build(stack, member, after_hidden=()):
        """`after_hidden` modules follow the first hidden layers, one each."""
        modules = []
        for level, (weight, bias) in enumerate(stack.layers()):
            linear = torch.nn.Linear(*weight.shape[1:], dtype=weight.dtype)
            with torch.no_grad():
                linear.weight.copy_(weight[member].T)
                linear.bias.copy_(bias[member, 0])
            modules.append(linear)
            if level < len(stack.weights) - 1:
                modules.append(torch.nn.ReLU())
                modules.extend(after_hidden[level : level + 1])
        return torch.nn.Sequential(*modules)

    return build
