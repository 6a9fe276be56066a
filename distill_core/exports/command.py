"""The commands `export` and `report`: their arguments, what they write and what they print."""

import argparse
import shlex
import sys
import time
from pathlib import Path
from typing import Any

from distill_core import specs
from distill_core.exports import files
from distill_core.exports.bundle import make_bundle
from distill_core.exports.model import ExportedModel, ExportError, build, check_numpy
from distill_core.exports.onnx_file import ML_OPSET, OPSET, check_onnx, onnx_file
from distill_core.exports.page import write_html
from distill_core.exports.python_file import python_file
from distill_core.exports.report import report_picture
from distill_core.exports.weights_file import card_file, safetensors_file
from distill_core.learning.training import TrainingDivergedError
from distill_core.specs import PictureSpec, SpecError
from distill_core.store import Store, StoreError
from distill_core.studies import command as study_command

_FORMATS = ("onnx", "safetensors", "python", "zip")
_VIEWS = ("slice", "all features")

# Seconds between two lines about progress.
_SAY_EVERY = 2.0


def add(commands: "argparse._SubParsersAction[Any]") -> None:
    """Add `export` and `report` to a command line."""
    about = "write a student that takes raw rows and gives class probabilities"
    export = commands.add_parser("export", help=about, description=about)
    export.add_argument("--format", choices=_FORMATS, required=True, help="which kind of file")
    export.set_defaults(run=_export)
    about = "write a page for those who decide: what was asked, what was found, how sure it is"
    report = commands.add_parser("report", help=about, description=about)
    report.add_argument(
        "--link", default="", metavar="URL", help="an address of the app, to be named in the page"
    )
    report.set_defaults(run=_report)
    for one in (export, report):
        one.add_argument("out", type=Path, metavar="OUT", help="the file to write")
        one.add_argument("--force", action="store_true", help="replace a file that exists")
        _add_setting(one)


def _add_setting(parser: argparse.ArgumentParser) -> None:
    """Add what says which student: data, plane and view, teachers, size and loss."""
    study_command.add_data(parser)
    usual = specs.StudentSpec()
    parser.add_argument("--plane", default="class centres", help="kind (default: %(default)s)")
    parser.add_argument(
        "--view",
        choices=_VIEWS,
        help="whether the models see the plane's two coordinates or all features (default: slice; "
        "all features for your own data)",
    )
    for name, kind, default, about in (
        ("--teachers", int, usual.ensemble.n_members, "number of teachers"),
        ("--width", int, usual.width, "units in the student's first hidden layer"),
        ("--depth", int, usual.depth, "hidden layers of the student"),
        ("--temperature", float, usual.temperature, "T"),
        ("--alpha", float, usual.alpha, "weight on the ensemble"),
        ("--seed", int, usual.seed, "of the student"),
    ):
        parser.add_argument(
            name, type=kind, default=default, metavar="N", help=f"{about} (default: %(default)s)"
        )


def read_picture(arguments: argparse.Namespace, store: Store) -> PictureSpec:
    """Return the student that the arguments ask for, and the plane it is seen on.

    Raises SpecError when a value is not allowed.
    """
    if arguments.csv is not None and arguments.label is None:
        raise SpecError("--csv needs --label COLUMN, the column that holds the classes")
    dataset = study_command.read_dataset(arguments, store)
    view = arguments.view or ("slice" if dataset.table is None else "all features")
    plane = specs.PlaneSpec(kind=arguments.plane)
    problem = specs.ProblemSpec(dataset=dataset, plane=plane if view == "slice" else None)
    student = specs.StudentSpec(
        ensemble=specs.EnsembleSpec(problem=problem, n_members=arguments.teachers),
        width=arguments.width,
        depth=arguments.depth,
        temperature=arguments.temperature,
        alpha=arguments.alpha,
        seed=arguments.seed,
    )
    return PictureSpec(student=student, plane=plane)


def _export(arguments: argparse.Namespace) -> None:
    out, store = arguments.out, Store()
    beside = out.with_suffix(".json") if arguments.format == "safetensors" else None
    if beside == out:
        raise ExportError(f"{out} is where the description goes; give a name that ends otherwise")
    for path in (out, *([beside] if beside else [])):
        files.check_free(path, force=arguments.force)
    picture = read_picture(arguments, store)
    try:
        if arguments.format == "zip":
            report = report_picture(picture, store, report=_ProgressPrinter())
            files.write(out, make_bundle(picture, store, report), force=arguments.force)
            print(f"{out}: setting, tables, weights, figures, report, and reproduce.py.")
            return
        model = build(picture.student, store, _ProgressPrinter())
    except (StoreError, TrainingDivergedError) as error:
        raise SystemExit(str(error)) from error
    data, said = _FILES[arguments.format](model)
    files.write(out, data, force=arguments.force)
    print(f"{out}: {len(data):,} bytes. {said}")
    if beside is not None:
        files.write(beside, card_file(model), force=arguments.force)
        print(f"{beside}: what goes in, what comes out, how it was trained.")


def _make_onnx(model: ExportedModel) -> tuple[bytes, str]:
    data = onnx_file(model)
    found, by = check_onnx(model, data)
    return data, f"ONNX, opset {OPSET} (ai.onnx.ml {ML_OPSET}). {found.describe()} Run by {by}."


def _make_safetensors(model: ExportedModel) -> tuple[bytes, str]:
    return safetensors_file(model), check_numpy(model).describe()


def _make_python(model: ExportedModel) -> tuple[bytes, str]:
    return python_file(model), check_numpy(model).describe()


_FILES = {"onnx": _make_onnx, "safetensors": _make_safetensors, "python": _make_python}


def _report(arguments: argparse.Namespace) -> None:
    if arguments.out.suffix.lower() not in ("", ".html", ".htm"):
        raise ExportError(
            f"A report is a page, such as report.html, got {arguments.out}. Everything at once: "
            "python -m distill_core export OUT.zip --format zip."
        )
    files.check_free(arguments.out, force=arguments.force)
    store = Store()
    picture = read_picture(arguments, store)
    command = shlex.join(["python", "-m", "distill_core", *sys.argv[1:]])
    try:
        made = report_picture(picture, store, arguments.link, command, _ProgressPrinter())
    except (StoreError, TrainingDivergedError) as error:
        raise SystemExit(str(error)) from error
    files.write(arguments.out, write_html(made).encode(), force=arguments.force)
    print(f"{arguments.out}: {made.found}")


class _ProgressPrinter:
    """Says now and then how far a training is; a job's `report`."""

    def __init__(self) -> None:
        self._due = time.monotonic() + _SAY_EVERY

    def __call__(self, done: int, total: int, arrays: Any = None) -> None:
        now = time.monotonic()
        if now >= self._due:
            self._due = now + _SAY_EVERY
            print(f"Training: step {done:,} of {total:,}", file=sys.stderr, flush=True)
