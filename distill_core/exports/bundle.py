"""Everything about one picture in one zip, with a script that trains it again and compares."""

import importlib.metadata
import io
import json
import platform
import zipfile
from typing import Any

from plotly.io.json import to_json_plotly

from distill_core import figures, jobs
from distill_core.data import datasets
from distill_core.exports import onnx_file, python_file, report, weights_file
from distill_core.exports.digests import digest_training
from distill_core.exports.model import ExportError, build
from distill_core.exports.page import Report, write_html
from distill_core.exports.setting import hide_table
from distill_core.geometry.problems import load_window
from distill_core.jobs import artifacts
from distill_core.specs import PictureSpec
from distill_core.store import Store
from distill_core.studies.study import Row, to_csv

_SCRIPT = '''\
"""Trains the ensemble, the student and its twin again, and compares their digests.

Run it with the project on Python's path and its requirements installed:

    PYTHONPATH=path/to/the/project python reproduce.py

For a setting on your own data, which is not in here, add --csv FILE --label COLUMN and, if you
had chosen columns, --features COLUMN ...
"""

import sys
from pathlib import Path

from distill_core.exports import reproduction

if __name__ == "__main__":
    sys.exit(reproduction.main(Path(__file__).parent))
'''
_README = """\
report.html           for those who decide: what was asked, what is recommended, how sure
setting.json          everything that was asked; the same setting gives the same numbers
student.py            the student, from raw columns to probabilities; needs NumPy alone
student.safetensors   the same numbers, described in student.json
student.onnx          the same as ONNX (missing where the package onnx was not installed)
tables/answers.csv    what everyone answers on each test row
tables/seeds.csv      how many rows the student and its twin have right, seed by seed
figures/              the picture as SVG, and as JSON for Plotly
reproduce.py          trains it again and compares with digests.json
"""
# Files of a zip have a time; always the same, so that the same content has the same bytes.
_TIME = (1980, 1, 1, 0, 0, 0)


def make_bundle(picture: PictureSpec, store: Store, said: Report) -> bytes:
    """Return the zip of a picture; what is missing in the store is trained now.

    Parameters
    ----------
    said : Report
        From `report.report_picture`.
    """
    model = build(picture.student, store)
    versions = {name: importlib.metadata.version(name) for name in ("numpy", "torch")}
    digests = {
        "digests": digest_training(picture.student, store),
        "versions": {"python": platform.python_version(), **versions},
    }
    setting = hide_table(picture.model_dump(mode="json"))
    files = {
        "README.txt": _README.encode(),
        "report.html": write_html(said).encode(),
        "setting.json": _to_json(setting),
        "student.py": python_file.python_file(model),
        "student.safetensors": weights_file.safetensors_file(model),
        "student.json": weights_file.card_file(model),
        "tables/answers.csv": to_csv(_list_answers(picture, store)).encode(),
        "tables/seeds.csv": to_csv(_list_seeds(picture, store)).encode(),
        "figures/picture.svg": report.draw_picture(picture, store).svg.encode(),
        "figures/picture.json": _draw_plotly(picture, store),
        "digests.json": _to_json(digests),
        "reproduce.py": _SCRIPT.encode(),
    }
    try:
        files["student.onnx"] = onnx_file.onnx_file(model)
    except ExportError as error:
        files["student.onnx.missing.txt"] = f"{error}\n".encode()
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(zipfile.ZipInfo(name, _TIME), data, zipfile.ZIP_DEFLATED)
    return packed.getvalue()


def _to_json(value: Any) -> bytes:
    return (json.dumps(value, indent=2) + "\n").encode()


def _list_answers(picture: PictureSpec, store: Store) -> list[Row]:
    """Return for each test row its class and what ensemble, student and twin (seed 0) answer."""
    data = datasets.load(picture.dataset)
    names = data.class_names
    answers = _load_answers(picture, store)
    first = (answers["ensemble"], answers["students"][0], answers["twins"][0])
    return [
        {"row": row, "class": names[y], "ensemble": names[e], "student": names[s], "twin": names[t]}
        for row, (y, e, s, t) in enumerate(zip(data.y_test, *first, strict=True))
    ]


def _list_seeds(picture: PictureSpec, store: Store) -> list[Row]:
    """Return for each seed how many test rows are right, and answered like the ensemble."""
    y = datasets.load(picture.dataset).y_test
    answers = _load_answers(picture, store)
    return [
        {
            "model": model,
            "seed": seed,
            "test_rows": len(y),
            "right": int((labels == y).sum()),
            "like_the_ensemble": int((labels == answers["ensemble"]).sum()),
            "ensemble_right": int((answers["ensemble"] == y).sum()),
        }
        for model in ("student", "twin")
        for seed, labels in enumerate(answers[f"{model}s"])
    ]


def _load_answers(picture: PictureSpec, store: Store) -> dict[str, Any]:
    found = artifacts.load_or_make(store, jobs.collect_answers, report.repeat(picture))
    return found.arrays


def _draw_plotly(picture: PictureSpec, store: Store) -> bytes:
    window = load_window(picture.plane, picture.dataset)
    section = artifacts.load_or_make(store, jobs.evaluate_section, picture.section)
    models = artifacts.load_or_make(store, jobs.evaluate_picture, picture)
    ours, twins = (artifacts.read_section(models, window, who) for who in ("", "twin_"))
    drawn = figures.boundary_layers(
        artifacts.read_section(section, window),
        ours,
        twin=twins,
        class_names=datasets.load(picture.dataset).class_names,
    )
    return to_json_plotly(drawn).encode()
