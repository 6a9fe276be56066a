"""Exported students in a clean virtual environment that has NumPy and onnxruntime only."""

import json
import subprocess
import sys
import tempfile
import venv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks import Claim, Outcome
from distill_core import jobs, uploads
from distill_core.data import csv_files, datasets, tables
from distill_core.exports import model, onnx_file, python_file
from distill_core.geometry.problems import load_plane
from distill_core.learning.networks import Stack
from distill_core.specs import DatasetSpec, EnsembleSpec, PlaneSpec, ProblemSpec, StudentSpec
from distill_core.store import Store

# Largest difference of a probability that counts as the same.
_SAME = 1e-5
# Share of the values that is taken away from raw test rows.
_MISSING = 0.2
# What the clean environment gets, and what it must not have.
_PACKAGES = ("numpy", "onnxruntime")
# Runs there: the two files on the rows beside them, differences from the student's own answers.
_SCRIPT = """
import importlib.util, json, sys
from pathlib import Path
import numpy as np
import onnxruntime
for name in ("torch", "sklearn", "distill_core", "onnx", "pandas"):
    assert importlib.util.find_spec(name) is None, name
found = {}
for folder in sorted(Path(sys.argv[1]).iterdir()):
    rows = json.loads((folder / "rows.json").read_text())
    wanted = np.array(json.loads((folder / "wanted.json").read_text()))
    spec = importlib.util.spec_from_file_location("student", folder / "student.py")
    student = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(student)
    python = np.abs(student.predict_proba(rows) - wanted).max()
    words = [c["categories"] is not None for c in student.CARD["columns"]]
    inputs = {}
    if not all(words):
        numbers = [[v for v, w in zip(row, words) if not w] for row in rows]
        inputs["features"] = np.array(numbers, np.float64)
    if any(words):
        texts = [["" if v is None else v for v, w in zip(row, words) if w] for row in rows]
        inputs["categories"] = np.array(texts, object)
    session = onnxruntime.InferenceSession(str(folder / "student.onnx"))
    onnx = np.abs(session.run(["probabilities"], inputs)[0] - wanted).max()
    found[folder.name] = [float(python), float(onnx), len(rows)]
print(json.dumps(found))
"""


def run(say: Callable[[str], None]) -> Outcome:
    """Return how far exports are from the student, for 2, 3 and 10 classes, both views, a table."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        store = Store(folder / "store")
        (folder / "students").mkdir()
        for title, spec in _list_students(store).items():
            say(f"training {title}")
            built = model.build(spec, store)
            with_holes, wanted = _make_holes(spec, store, built)
            _write(built, built.test_rows, built.test_proba, folder / "students" / title)
            _write(built, with_holes, wanted, folder / "students" / f"{title}, values missing")
        say(f"making an environment with {' and '.join(_PACKAGES)}")
        python = _make_environment(folder / "environment")
        (folder / "check.py").write_text(_SCRIPT)
        done = subprocess.run(
            [python, "-I", folder / "check.py", folder / "students"],
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )
    found = json.loads(done.stdout)
    rows = [
        {"student": title, "rows": n, "Python file": f"{python:.0e}", "ONNX": f"{onnx:.0e}"}
        for title, (python, onnx, n) in found.items()
    ]
    worst = max(max(values[:2]) for values in found.values())
    claim = Claim(
        f"every probability is the student's own to {_SAME:g} (at most {worst:.0e})", worst <= _SAME
    )
    return Outcome(
        "Exports in a clean environment: largest difference of a probability", rows, [claim]
    )


def _list_students(store: Store) -> dict[str, StudentSpec]:
    sheet = csv_files.read_file(uploads.SAMPLE)
    columns = [column.name for column in sheet.columns if column.name != "kind"]
    own = uploads.keep(store, tables.prepare(sheet, "kind", columns))
    data = {name: DatasetSpec(name=name) for name in ("tutorial", "wine", "digits")}
    return {
        f"{name}, {view}": StudentSpec(
            ensemble=EnsembleSpec(problem=ProblemSpec(dataset=dataset, plane=plane), n_members=2)
        )
        for name, dataset in {**data, "own table with categories": own}.items()
        for view, plane in (("slice", PlaneSpec()), ("all features", None))
    }


def _make_holes(
    spec: StudentSpec, store: Store, built: model.ExportedModel
) -> tuple[list[list[Any]], NDArray[np.float32]]:
    """Return raw test rows without some of their values, and the student's answers.

    The student itself is asked with the mean, 0, in place of every feature of a missing value.
    """
    data = datasets.load(spec.ensemble.problem.dataset)
    holes = (
        np.random.default_rng(0).random((len(built.test_rows), len(built.card["columns"]))) < 0.2
    )
    rows = [
        [None if hole else value for value, hole in zip(*both, strict=True)]
        for both in zip(built.test_rows, holes, strict=True)
    ]
    X = np.array(data.X_test)
    X[holes[:, [feature["column"] for feature in built.card["features"]]]] = 0
    plane = spec.ensemble.problem.plane
    if plane is not None:
        X = load_plane(plane, spec.ensemble.problem.dataset).project(X)
    student = Stack.from_arrays(jobs.load_or_make(store, jobs.train_student, spec).arrays)
    logits = student.members([0]).logits(torch.from_numpy(X.astype(np.float32)))
    return rows, torch.softmax(logits, -1)[0].numpy()


def _write(
    built: model.ExportedModel, rows: list[list[Any]], wanted: NDArray[np.float32], folder: Path
) -> None:
    """Write a student's files, raw rows, and what the student answers."""
    folder.mkdir()
    (folder / "student.py").write_bytes(python_file.python_file(built))
    (folder / "student.onnx").write_bytes(onnx_file.onnx_file(built))
    (folder / "rows.json").write_text(json.dumps(rows))
    (folder / "wanted.json").write_text(json.dumps(wanted.tolist()))


def _make_environment(folder: Path) -> Path:
    venv.create(folder, with_pip=True)
    python = folder / ("Scripts" if sys.platform == "win32" else "bin") / "python"
    subprocess.run([python, "-m", "pip", "install", "-q", *_PACKAGES], check=True)
    return python
