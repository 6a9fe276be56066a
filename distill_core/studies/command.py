"""The command `study`: its arguments and what it prints."""

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Any

from distill_core.engine import Engine, EngineError
from distill_core.specs import (
    DatasetSpec,
    EnsembleSpec,
    PlaneSpec,
    ProblemSpec,
    SpecError,
    StudentSpec,
)
from distill_core.store import Store, StoreError
from distill_core.studies import running, text
from distill_core.studies.capacity import CapacitySpec
from distill_core.studies.running import Progress, StudySpec
from distill_core.studies.softness import SoftnessSpec
from distill_core.studies.study import Study
from distill_core.studies.variance import VarianceSpec
from distill_core.training import TrainingDivergedError

_ABOUT = {
    "capacity": "how small can the student be?",
    "softness": "what do T and alpha do?",
    "variance": "does one student keep the ensemble's stability?",
}
_VIEWS = {"slice": True, "all features": False, "features": False}

# Seconds between two lines about progress.
_SAY_EVERY = 2.0


def add(commands: "argparse._SubParsersAction[Any]") -> None:
    """Add `study` and its three studies to a command line."""
    parser = commands.add_parser("study", help="repeat over seeds and answer with intervals")
    kinds = parser.add_subparsers(dest="study", metavar="study", required=True)
    for name, about in _ABOUT.items():
        one = kinds.add_parser(name, help=about, description=about)
        one.add_argument("--dataset", default="tutorial", help="its name (default: %(default)s)")
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
        one.add_argument("--json", action="store_true", help="print JSON instead of a table")
        one.add_argument("--csv", type=Path, metavar="FILE", help="write the rows to a file")
        one.add_argument("--yes", action="store_true", help="do not ask when it takes long")
        one.set_defaults(run=_run)


def spec_of(arguments: argparse.Namespace) -> StudySpec:
    """Return the study that the arguments ask for.

    Raises
    ------
    SpecError
        When a value is not allowed.
    """
    plane = PlaneSpec(kind=arguments.plane)
    problem = ProblemSpec(
        dataset=DatasetSpec(name=arguments.dataset),
        plane=plane if _VIEWS[arguments.view] else None,
    )
    ensemble = EnsembleSpec(problem=problem)
    n = {} if arguments.seeds is None else {"n_seeds": arguments.seeds}
    if arguments.study == "capacity":
        return CapacitySpec(ensemble=ensemble, plane=plane, tolerance=arguments.tolerance, **n)
    if arguments.study == "softness":
        return SoftnessSpec(ensemble=ensemble, **n)
    repeats = {"n_repeats": n["n_seeds"], "n_resamples": n["n_seeds"]} if n else {}
    return VarianceSpec(student=StudentSpec(ensemble=ensemble), **repeats)


def _run(arguments: argparse.Namespace) -> None:
    began = time.perf_counter()
    spec, store = spec_of(arguments), Store()
    expected = running.seconds(spec, store)
    if expected > running.ASK_ABOVE and not (arguments.yes or _agreed(expected)):
        raise SpecError("Not started. Give --yes to start it without a question")
    try:
        study = running.look(spec, store)
        if study.partial:
            with Engine(store) as engine:
                submit = running.on_engine(engine, "study")
                study = running.run(spec, store, submit, _Said())
    except KeyboardInterrupt:
        study = running.look(spec, store)
        _show(study, arguments, time.perf_counter() - began)
        raise
    except (EngineError, StoreError, TrainingDivergedError) as error:
        raise SystemExit(str(error)) from error
    _show(study, arguments, time.perf_counter() - began)


def _show(study: Study, arguments: argparse.Namespace, seconds: float) -> None:
    if arguments.csv is not None:
        try:
            arguments.csv.write_text(study.to_csv(), encoding="utf-8", newline="")
        except OSError as error:
            raise SpecError(
                f"The file {arguments.csv} cannot be written: {error.strerror}"
            ) from error
    print(json.dumps(study.to_json(seconds), indent=2) if arguments.json else text.table(study))


def _agreed(expected: float) -> bool:
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


class _Said:
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
