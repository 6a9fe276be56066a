"""The command `study`: its arguments and what it prints."""

import argparse
import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, get_args

from distill_core import specs, uploads
from distill_core.engine import EngineError
from distill_core.jobs import start_engine
from distill_core.learning.training import TrainingDivergedError
from distill_core.specs import DatasetSpec, SpecError
from distill_core.store import Store, StoreError
from distill_core.studies import contenders, costs, own_table, runner, terminal
from distill_core.studies.capacity import CapacitySpec
from distill_core.studies.exported_file import check_export, write_export
from distill_core.studies.runner import Progress, StudySpec
from distill_core.studies.softness import SoftnessSpec
from distill_core.studies.study import Study
from distill_core.studies.variance import VarianceSpec
from distill_core.studies.worth import WorthSpec

_ABOUT = {
    "capacity": "how small can the student be?",
    "softness": "what do T and alpha do?",
    "variance": "does one student keep the ensemble's stability?",
    "worth": "what does the student save, and is it worth it?",
}
_VIEWS = {"slice": True, "all features": False, "features": False}

# Seconds between two lines about progress.
_SAY_EVERY = 2.0


def add(commands: "argparse._SubParsersAction[Any]") -> None:
    """Add `study` and its studies to a command line."""
    parser = commands.add_parser("study", help="repeat over seeds and answer with intervals")
    kinds = parser.add_subparsers(dest="study", metavar="study", required=True)
    for name, about in _ABOUT.items():
        one = kinds.add_parser(name, help=about, description=about)
        add_data(one)
        one.add_argument("--plane", default="class centres", help="kind (default: %(default)s)")
        one.add_argument(
            "--view",
            choices=tuple(_VIEWS),
            default="slice",
            help="whether the models see the plane's two coordinates or all features "
            "(default: %(default)s)",
        )
        one.add_argument("--seeds", type=int, metavar="N", help="seeds 0 to N - 1; 8 or more")
        if name == "capacity":
            one.add_argument(
                "--tolerance",
                type=float,
                default=1.0,
                metavar="POINTS",
                help="agreement that may be lost against the widest student (default: %(default)s)",
            )
        if name == "worth":
            one.add_argument(
                "--tolerance",
                type=float,
                default=WorthSpec().tolerance,
                metavar="POINTS",
                help="accuracy that may be lost for what is saved (default: %(default)s)",
            )
            one.add_argument(
                "--price",
                metavar="AMOUNT",
                help="what an hour of the machine costs; gives a price per million answers",
            )
        one.add_argument("--json", action="store_true", help="print JSON instead of a table")
        one.add_argument(
            "--export",
            type=Path,
            metavar="FILE",
            help="write the rows of the result to FILE, which must not exist yet",
        )
        one.add_argument("--force", action="store_true", help="--export may replace a file")
        one.add_argument("--yes", action="store_true", help="do not ask when it takes long")
        one.set_defaults(run=_run)


def add_data(parser: argparse.ArgumentParser) -> None:
    """Add what says which data: a name, or a file with the column that holds the classes."""
    known = [f"'{name}'" for name in get_args(specs.DatasetName) if name != "upload"]
    parser.add_argument("--dataset", help=f"one of {', '.join(known)} (default: 'tutorial')")
    parser.add_argument(
        "--classes", type=int, metavar="N", help="how many classes blobs or spirals have, 2 to 5"
    )
    parser.add_argument(
        "--csv",
        type=Path,
        metavar="FILE",
        help="your own data: a file of CSV, Parquet or Excel, which is read and never written; "
        "goes with --label",
    )
    parser.add_argument(
        "--label", metavar="COLUMN", help="the column of the CSV file that holds the classes"
    )
    parser.add_argument(
        "--features",
        nargs="+",
        metavar="COLUMN",
        help="the columns of the CSV file to learn from (default: all that hold numbers)",
    )
    own_table.add(parser)


def read_dataset(arguments: argparse.Namespace, store: Store) -> DatasetSpec:
    """Return the data that the arguments name; a file is read, kept and its decisions said.

    Raises SpecError when the arguments contradict each other or the file cannot be used.
    """
    if arguments.label is None:
        if arguments.features is not None:
            raise SpecError("--features names columns of your own data: give --label too")
        if arguments.csv is None and (option := own_table.find_option(arguments)):
            raise SpecError(f"{option} is about your own data: give --csv and --label too")
        if arguments.csv is not None:
            raise SpecError(
                "--csv reads your own data: give --label COLUMN too, the column that holds the "
                "classes. To write the result to a file, give --export FILE"
            )
        return _name_dataset(arguments)
    if arguments.csv is None:
        raise SpecError("--label names a column of your own data: give --csv FILE too")
    if arguments.dataset is not None or arguments.classes is not None:
        raise SpecError("Give either --csv and --label or --dataset, not both")
    prepared = own_table.read(arguments)
    for sentence in prepared.decisions:
        print(sentence, file=sys.stderr)
    return uploads.keep(store, prepared)


def _name_dataset(arguments: argparse.Namespace) -> DatasetSpec:
    if arguments.dataset == "upload":
        raise SpecError("Your own data has no name: give --csv FILE and --label COLUMN")
    values = {"name": arguments.dataset or "tutorial", "n_classes": arguments.classes}
    return DatasetSpec(**values)


def read_spec(arguments: argparse.Namespace, dataset: DatasetSpec) -> StudySpec:
    """Return the study that the arguments ask for, on this data.

    Raises SpecError when a value is not allowed.
    """
    plane = specs.PlaneSpec(kind=arguments.plane)
    problem = specs.ProblemSpec(dataset=dataset, plane=plane if _VIEWS[arguments.view] else None)
    ensemble = specs.EnsembleSpec(problem=problem)
    n = {} if arguments.seeds is None else {"n_seeds": arguments.seeds}
    if arguments.study == "capacity":
        return CapacitySpec(ensemble=ensemble, plane=plane, tolerance=arguments.tolerance, **n)
    if arguments.study == "softness":
        return SoftnessSpec(ensemble=ensemble, **n)
    if arguments.study == "worth":
        student = specs.StudentSpec(ensemble=ensemble)
        return WorthSpec(student=student, tolerance=arguments.tolerance, **n)
    repeats = {"n_repeats": n["n_seeds"], "n_resamples": n["n_seeds"]} if n else {}
    return VarianceSpec(student=specs.StudentSpec(ensemble=ensemble), **repeats)


def _run(arguments: argparse.Namespace) -> None:
    began = time.perf_counter()
    check_export(arguments.export, arguments.csv, arguments.force)
    store = Store()
    asked = getattr(arguments, "price", None)
    price = None if asked is None else costs.read_price(asked)
    spec = read_spec(arguments, read_dataset(arguments, store))
    expected = runner.estimate_seconds(spec, store)
    if expected > runner.ASK_ABOVE and not (arguments.yes or _ask_to_start(expected)):
        raise SpecError("Not started. Give --yes to start it without a question")
    try:
        study = runner.look(spec, store)
        if study.partial:
            with start_engine(store) as engine:
                submit = runner.submit_to(engine, "study")
                study = runner.run(spec, store, submit, _ProgressPrinter())
    except KeyboardInterrupt:
        study = runner.look(spec, store)
        _show(study, arguments, time.perf_counter() - began)
        raise
    except (EngineError, StoreError, TrainingDivergedError) as error:
        raise SystemExit(str(error)) from error
    measured = _measure(spec, store) if isinstance(spec, WorthSpec) else []
    _show(study, arguments, time.perf_counter() - began, measured, price)


def _measure(spec: WorthSpec, store: Store) -> list[costs.Cost]:
    """Return what the models cost on this machine, now that nothing else of ours runs."""
    return [costs.measure(one) for one in contenders.list_contenders(spec, store)]


def _show(
    study: Study,
    arguments: argparse.Namespace,
    seconds: float,
    measured: Sequence[costs.Cost] = (),
    price: float | None = None,
) -> None:
    if arguments.export is not None and not study.partial:
        write_export(arguments.export, study.to_csv(), arguments.force)
    elif arguments.export is not None:
        print(f"{arguments.export} was not written: the study is not finished.", file=sys.stderr)
    machine = costs.describe_machine()
    if arguments.json:
        found = study.to_json(seconds)
        if measured:
            found["measured"] = {"machine": machine, "models": costs.to_json(measured, price)}
        print(json.dumps(found, indent=2))
        return
    print(terminal.table(study))
    if measured:
        print("", terminal.costs(measured, machine, price), sep="\n")


def _ask_to_start(expected: float) -> bool:
    """Say how long it takes, and ask where somebody can answer."""
    print(
        f"This takes about {expected / 60:.0f} minutes; what is done is kept when you stop it.",
        file=sys.stderr,
        flush=True,
    )
    if not sys.stdin.isatty():
        return False
    print("Start? [y/N] ", end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip().lower() in ("y", "yes")


class _ProgressPrinter:
    """Says now and then how far a run is."""

    def __init__(self) -> None:
        self._due = 0.0

    def __call__(self, progress: Progress) -> None:
        now = time.monotonic()
        if now < self._due and progress.n_done < progress.n_tasks:
            return
        self._due = now + _SAY_EVERY
        print(
            f"{progress.n_done} of {progress.n_tasks} parts, {progress.elapsed:.0f} s so far, "
            f"about {progress.left:.0f} s left",
            file=sys.stderr,
            flush=True,
        )
