"""Exported students on raw rows, beside the student itself and an own reading of the raw file."""

import csv
import io
import json
import subprocess
import sys

import numpy as np
import pytest
from safetensors import safe_open
from safetensors.numpy import load_file
from sklearn.datasets import load_breast_cancer, load_digits, load_wine
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

from distill_core import jobs, uploads
from distill_core.data import csv_files, datasets
from distill_core.data.tables import prepare
from distill_core.exports import model as models
from distill_core.exports import onnx_file, python_file, weights_file
from distill_core.exports.model import ExportError, build
from distill_core.exports.predictor import Predictor
from distill_core.learning.networks import Stack
from distill_core.specs import DatasetSpec, PlaneSpec
from distill_core.store import Store
from tests import tiny

onnxruntime = pytest.importorskip("onnxruntime")

HOSTILE = [
    "\"\"\"'''\n\\",
    "=HYPERLINK(1)",
    "<script>x</script>",
    "{x!r}",
    "%s",
    "__import__('os').abort()",
]


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    return Store(tmp_path_factory.mktemp("store"))


def birds(store, **changes):
    """Keep the sample with all its columns; return dataset, rows of the file and test rows."""
    sheet = csv_files.read_file(uploads.SAMPLE)
    names = [column.name for column in sheet.columns if column.name != "kind"]
    dataset = uploads.keep(store, prepare(sheet, "kind", names), **changes)
    with open(uploads.SAMPLE, newline="") as file:
        rows = list(csv.DictReader(file))
    whole = [row for row in rows if all(row.values())]
    y = [row["kind"] for row in whole]
    codes = np.unique(y, return_inverse=True)[1]
    _, test = train_test_split(np.arange(len(y)), test_size=0.2, random_state=42, stratify=codes)
    return dataset, rows, [whole[i] for i in test]


def own_answer(spec, store, features=None):
    """Ask the stored student itself for test rows, or for standardised features."""
    pair = Stack.from_arrays(store.get("student", spec.digest).arrays)
    if features is None:
        return jobs.predict_test(pair, spec.ensemble)[0]
    import torch

    return torch.softmax(pair.logits(torch.tensor(features, dtype=torch.float32))[0], -1).numpy()


def run_python(file, rows, tmp_path):
    """Run the exported file by its command line in an isolated interpreter that has NumPy only."""
    path, table = tmp_path / "student.py", tmp_path / "rows.csv"
    path.write_bytes(file)
    with open(table, "w", newline="", encoding="utf-8") as out:
        writer = csv.DictWriter(out, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    code = (
        "import sys, runpy; sys.argv[0:1] = []; import numpy;"
        "before = set(sys.modules);"
        "runpy.run_path(sys.argv[0], run_name='__main__');"
        "new = {n.partition('.')[0] for n in set(sys.modules) - before};"
        "assert not new & {'torch', 'distill_core', 'sklearn', 'scipy', 'onnx'}, new"
    )
    done = subprocess.run(
        [sys.executable, "-I", "-c", code, str(path), str(table)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return list(csv.reader(io.StringIO(done.stdout)))


def raw_test_rows(name):
    """Make the raw test rows of a data set anew, without the project's encoding."""
    bunch = {"breast cancer": load_breast_cancer, "wine": load_wine, "digits": load_digits}[name]()
    X = bunch.data[:, np.ptp(bunch.data, axis=0) > 0]
    stratify = None if name == "breast cancer" else bunch.target
    return train_test_split(X, test_size=0.2, random_state=42, stratify=stratify)[1]


def read_safetensors(made, folder):
    """Read card and arrays as whoever takes the file away would."""
    path = folder / "student.safetensors"
    path.write_bytes(weights_file.safetensors_file(made))
    with safe_open(path, "numpy") as file:
        return json.loads(file.metadata()["spec"]), load_file(path)


@pytest.mark.parametrize("plane", [PlaneSpec(), None], ids=["slice", "all features"])
@pytest.mark.parametrize("name", ["breast cancer", "wine", "digits"])
def test_onnx_and_python_give_the_students_probabilities(name, plane, kept, tmp_path):
    spec = tiny.student(tiny.teachers(name, plane), width=16)
    made = build(spec, kept)
    rows = raw_test_rows(name)
    wanted = own_answer(spec, kept)
    data = onnx_file.onnx_file(made)
    session = onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"])
    proba, label = session.run(["probabilities", "label"], {"features": rows})
    np.testing.assert_allclose(proba, wanted, atol=1e-5)
    np.testing.assert_array_equal(label, wanted.argmax(1))
    card, arrays = read_safetensors(made, tmp_path)
    np.testing.assert_allclose(Predictor(card, arrays).predict_proba(rows), wanted, atol=1e-5)
    # One row and many: the batch is free.
    one = session.run(["probabilities"], {"features": rows[:1]})[0]
    np.testing.assert_allclose(one, wanted[:1], atol=1e-5)


def test_an_uploaded_table_with_categories_and_missing_values(kept, tmp_path):
    dataset, rows, test = birds(kept)
    spec = tiny.student(tiny.teachers(dataset, None), width=16)
    made = build(spec, kept)
    wanted = own_answer(spec, kept)
    answers = run_python(python_file.python_file(made), test, tmp_path)
    proba = np.array([row[1:] for row in answers[1:]], float)
    np.testing.assert_allclose(proba, wanted, atol=1e-5)
    assert answers[0] == ["class", *(f"probability of {c}" for c in made.card["classes"])]
    # Rows with missing values: what is missing has the mean of the training data, which is 0.
    holes = [row for row in rows if not all(row.values())]
    assert len(holes) == 30
    features = standardise_birds(rows, holes)
    session = onnxruntime.InferenceSession(
        onnx_file.onnx_file(made), providers=["CPUExecutionProvider"]
    )
    names = [column["name"] for column in made.card["columns"]]
    raw = [[row[name] or None for name in names] for row in holes]
    numbers = [
        [float(v or "nan") if "mm" in n or " g" in n else v for n, v in zip(names, r, strict=True)]
        for r in raw
    ]
    proba = session.run(["probabilities"], onnx_file.split_rows(made, numbers))[0]
    np.testing.assert_allclose(proba, own_answer(spec, kept, features), atol=1e-5)
    python = Predictor(made.card, made.arrays).predict_proba(holes)
    np.testing.assert_allclose(python, proba, atol=1e-5)
    unknown = [{**test[0], "island": "Atlantis"}]
    assert np.abs(Predictor(made.card, made.arrays).predict_proba(unknown) - wanted[0]).max() < 1


def standardise_birds(rows, holes):
    """Standardise rows with holes by the training rows of the file, by hand; (n, d)."""
    whole = [row for row in rows if all(row.values())]
    codes = np.unique([row["kind"] for row in whole], return_inverse=True)[1]
    train, _ = train_test_split(
        np.arange(len(whole)), test_size=0.2, random_state=42, stratify=codes
    )

    def encode(row):
        values = [
            [float(row["island"] == i) for i in ("Middle", "North", "South")]
            if row["island"]
            else [np.nan] * 3
        ]
        for name in ("bill length mm", "bill depth mm", "flipper length mm", "body mass g"):
            values.append([float(row[name] or "nan")])
        values.append([float(row["sex"] == "male") if row["sex"] else np.nan])
        return np.concatenate(values)

    scaler = StandardScaler().fit([encode(whole[i]) for i in train])
    return np.nan_to_num(scaler.transform([encode(row) for row in holes]))


def test_strings_of_a_table_are_data_in_every_export(kept, tmp_path):
    lines = [[*HOSTILE[:4], "label"]]
    for i in range(60):
        lines.append([str(i % 7), str((i * i) % 11), HOSTILE[4 + i % 2], str(i), HOSTILE[i % 2]])
    text = io.StringIO()
    csv.writer(text).writerows(lines)
    sheet = csv_files.read(text.getvalue().encode())
    names = [column.name for column in sheet.columns if column.name != "label"]
    dataset = uploads.keep(kept, prepare(sheet, "label", names))
    made = build(tiny.student(tiny.teachers(dataset, None)), kept)
    rows = [dict(zip(names, row, strict=True)) for row in made.test_rows]
    answers = run_python(python_file.python_file(made), rows, tmp_path)
    found = np.array([row[1:] for row in answers[1:]], float)
    np.testing.assert_allclose(found, made.test_proba, atol=1e-5)
    assert all(not row[0].startswith("=") for row in answers)
    data = onnx_file.onnx_file(made)
    assert onnx_file.check_onnx(made, data)[0].difference < 1e-5
    card = json.loads(weights_file.card_file(made))
    assert card == read_safetensors(made, tmp_path)[0]
    # Whoever gets the file cannot ask for what belongs to the table.
    for content in (data, weights_file.card_file(made), python_file.python_file(made)):
        assert dataset.table.encode() not in content


def test_opset_names_and_batch_are_stated_in_the_file(kept):
    import onnx

    made = build(tiny.student(tiny.teachers("moons", None)), kept)
    graph = onnx.load_from_string(onnx_file.onnx_file(made))
    assert {one.domain: one.version for one in graph.opset_import} == {"": 17, "ai.onnx.ml": 3}
    (given,) = graph.graph.input
    assert given.name == "features"
    assert given.type.tensor_type.shape.dim[0].dim_param == "batch"
    assert [out.name for out in graph.graph.output] == ["probabilities", "label"]
    assert json.loads(graph.metadata_props[0].value) == json.loads(json.dumps(made.card))


def test_the_check_sees_a_wrong_export(kept):
    made = build(tiny.student(tiny.teachers("moons", None)), kept)
    assert models.check_numpy(made).difference < 1e-5
    assert "differ from the student's own by at most" in models.check_numpy(made).describe()
    made.arrays["bias0"] = made.arrays["bias0"] + 0.01
    assert models.check_numpy(made).difference > 1e-4
    assert onnx_file.check_onnx(made, onnx_file.onnx_file(made))[0].difference > 1e-4


def test_a_missing_package_is_named(kept, monkeypatch):
    made = build(tiny.student(tiny.teachers("moons", None)), kept)
    data = onnx_file.onnx_file(made)
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    found, by = onnx_file.check_onnx(made, data)
    assert by == "onnx's reference"
    assert found.difference < 1e-5
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(ExportError, match="needs the package onnx, which is not installed"):
        onnx_file.onnx_file(made)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([{"feature 0": 1}], "Row 1 lacks the column 'feature 1'"),
        ([[1, 2]], "Row 1 should have 20 values, one for each column, got"),
        ([["x"] * 20], "The column 'feature 0' holds numbers, got 'x'"),
    ],
)
def test_rows_that_do_not_fit_are_said_in_a_sentence(rows, message, kept):
    made = build(tiny.student(tiny.teachers("moons", None)), kept)
    with pytest.raises(ValueError, match=message):
        Predictor(made.card, made.arrays).predict_proba(rows)


def test_a_column_too_small_for_its_own_units_is_said(kept):
    text = "a,b,y\n" + "".join(f"{i % 5}e-300,{i},{'xy'[i % 2]}\n" for i in range(60))
    dataset = uploads.keep(kept, prepare(csv_files.read(text.encode()), "y", ["a", "b"]))
    with pytest.raises(ExportError, match="columns too large or too small"):
        build(tiny.student(tiny.teachers(dataset, None)), kept)


def test_encoding_of_every_data_set_leads_back():
    for name in ("tutorial", "wine", "digits", "blobs"):
        data = datasets.load(DatasetSpec(name=name))
        raw = np.array(data.encoding.decode(data.X_test))
        again = (raw - [f.centre for f in data.encoding.features]) / [
            f.spread for f in data.encoding.features
        ]
        np.testing.assert_allclose(again, data.X_test, atol=1e-9)
