"""The command line: `python -m distill_core <command>`. Arguments and printing, nothing else."""

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, NoReturn

from distill_core.engine import Engine, EngineError, Job
from distill_core.measures.shares import format_share
from distill_core.specs import ReproductionSpec, SpecError
from distill_core.store import Store, StoreError

# Rooms with large libraries are imported where they are needed: an error or a help text comes at
# once, and `reproduce` starts its workers first, which load the same libraries meanwhile.
if TYPE_CHECKING:
    from distill_core.measures.intervals import Interval
    from distill_core.studies.reproduce import Reproduction, Trial

# Seeds that a verdict needs.
_FEWEST_SEEDS = 8
# Seconds between two lines about progress.
_SAY_EVERY = 2.0


class _Parser(argparse.ArgumentParser):
    """Answers what it cannot understand with one sentence."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {message.rstrip('.')}.\n")


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code.

    Parameters
    ----------
    argv : sequence of str, optional
        Arguments without the program's name; those of the process by default.

    Raises
    ------
    SystemExit
        With code 2 when the arguments cannot be used, after one sentence on standard error.
    """
    argv = sys.argv[1:] if argv is None else argv
    parser = _Parser(prog="python -m distill_core", description="Distillation, measured.")
    commands = parser.add_subparsers(dest="command", metavar="command", required=True)
    _add_reproduce(commands)
    if argv[:1] != ["reproduce"]:
        from distill_core.exports import command as exports_command
        from distill_core.studies import command

        command.add(commands)
        exports_command.add(commands)
        _add_warm(commands)
    arguments = parser.parse_args(argv)
    try:
        arguments.run(arguments)
    except SpecError as error:
        parser.error(str(error))
    except KeyboardInterrupt:
        print("Interrupted.", file=sys.stderr)
        return 130
    return 0


def _add_reproduce(commands: "argparse._SubParsersAction[_Parser]") -> None:
    about = "re-run the tutorial's experiment over seeds: ensemble, distilled student, twin"
    parser = commands.add_parser("reproduce", help=about, description=about)
    defaults = ReproductionSpec()
    parser.add_argument(
        "--seeds",
        type=int,
        default=defaults.seeds,
        metavar="N",
        help="repeat with the seeds 0 to N - 1 (default: %(default)s)",
    )
    parser.add_argument(
        "--schedule",
        choices=("project", "tutorial"),
        default=defaults.schedule,
        help="epochs, batch size and learning rate of the project, or the tutorial's "
        "longer ones (default: %(default)s)",
    )
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    parser.set_defaults(run=_reproduce)


def _reproduce(arguments: argparse.Namespace) -> None:
    spec = ReproductionSpec(seeds=arguments.seeds, schedule=arguments.schedule)
    began = time.perf_counter()

    def say(trial: "Trial") -> None:
        print(
            f"seed {trial.seed} ({trial.seed + 1} of {spec.seeds}): "
            f"ensemble {format_share(trial.ensemble_accuracy)}, "
            f"distilled {format_share(trial.distilled_accuracy)}, "
            f"hard-label {format_share(trial.baseline_accuracy)}, "
            f"{trial.ensemble_seconds + trial.students_seconds:.1f} s of training",
            file=sys.stderr,
            flush=True,
        )

    # A store of its own, because what is reproduced has to be trained anew.
    try:
        with tempfile.TemporaryDirectory() as folder:
            store = Store(folder)
            with Engine(store, preload="distill_core.jobs.preload") as engine:
                from distill_core.studies.reproduce import reproduce

                result = reproduce(spec, store, engine, say)
    except (EngineError, StoreError) as error:
        raise SystemExit(str(error)) from error
    print(
        json.dumps(result.to_json(), indent=2, allow_nan=False)
        if arguments.json
        else _table(spec, result, time.perf_counter() - began)
    )


def _add_warm(commands: "argparse._SubParsersAction[_Parser]") -> None:
    from distill_core.jobs import lessons as pictures

    about = "train ahead what a page or a lesson shows, so that the app answers at once"
    parser = commands.add_parser("warm", help=about, description=about)
    names = ", ".join(f"'{name}'" for name in pictures.LESSONS)
    parser.add_argument(
        "--lesson",
        default=pictures.DEFAULT,
        metavar="NAME",
        help=f"every stop of the sliders of {names}, or a lesson by its file's name, such as "
        "'distillation' (default: '%(default)s')",
    )
    parser.set_defaults(run=_warm)


def _warm(arguments: argparse.Namespace) -> None:
    from distill_core import lessons
    from distill_core.jobs import lessons as pictures
    from distill_core.jobs import start_engine

    name = arguments.lesson
    steps = None
    if name not in pictures.LESSONS:
        try:
            known = lessons.find()
            if name in known:
                steps = lessons.load(name)
        except lessons.LessonError as error:
            raise SpecError(str(error)) from error
        if steps is None:
            names = ", ".join(f"'{one}'" for one in (*pictures.LESSONS, *sorted(known)))
            raise SpecError(f"A lesson should be one of {names}; got '{name[:80]}'.")
    began = time.monotonic()
    store = Store()
    with start_engine(store) as engine:
        for stage in (
            pictures.train_ahead(engine, pictures.lesson(name))
            if steps is None
            else lessons.train_ahead(engine, store, steps)
        ):
            for job in stage:
                while not job.wait(_SAY_EVERY):
                    _say(stage)
                if job.error is not None:
                    raise SpecError(str(job.error))
    what = f"{pictures.N_STOPS:,} students" if steps is None else f"All {len(steps.step)} steps"
    print(
        f"{what} of the lesson '{name}' are in the store at {store.root}, after "
        f"{time.monotonic() - began:.1f} s."
    )


def _say(stage: Sequence[Job]) -> None:
    done = sum(job.finished for job in stage)
    running = [job.progress for job in stage if job.state == "running"]
    words = ", ".join(f"{done} of {total}" for done, total in running)
    print(f"{stage[0].kind}: {done} of {len(stage)} done ({words})", file=sys.stderr, flush=True)


def _table(spec: ReproductionSpec, result: "Reproduction", wall_seconds: float) -> str:
    """Say in words what was compared with what, over which seeds, and how sure it is."""
    n = spec.seeds
    student = spec.student(0)
    gain = result.gain_points()
    over = [
        f"Means over {n} seeds, each with its own ensemble; in brackets 95% intervals over seeds,",
        f"of the gain over seeds and test rows: for rows like these {gain.n_rows:,}.",
    ]
    verdict = [
        "Its interval does not hold 0: distillation makes a difference here, beyond the chance of"
        " seeds and rows."
        if gain.excludes(0)
        else "Its interval holds 0: these seeds and rows do not show that distillation helps or"
        " harms."
    ]
    if n < _FEWEST_SEEDS:
        verdict = [
            f"No verdict from fewer than {_FEWEST_SEEDS} seeds: more of them may say otherwise."
        ]
    if n == 1:
        over = ["One seed: how much these numbers vary from seed to seed cannot be said."]
        verdict = []
    rows = [
        ("accuracy of the ensemble", _percent(result.over_seeds("ensemble_accuracy"))),
        ("accuracy of the distilled student", _percent(result.over_seeds("distilled_accuracy"))),
        ("accuracy of its hard-label twin", _percent(result.over_seeds("baseline_accuracy"))),
        ("gain by distillation, in points", _points(gain)),
        ("agreement, student and ensemble", _percent(result.over_seeds("agreement"))),
        ("agreement, twin and ensemble", _percent(result.over_seeds("baseline_agreement"))),
        ("parameters of one teacher", f"{result.teacher_parameters:>7,}"),
        ("parameters of the ensemble", f"{result.ensemble_parameters:>7,}"),
        ("parameters of a student", f"{result.student_parameters:>7,}"),
        ("compression, ensemble / student", f"{result.compression:>7.1f} times"),
        ("seconds, training the ensembles", f"{result.seconds('ensemble'):>7.1f}"),
        ("seconds, training the students", f"{result.seconds('students'):>7.1f}"),
        ("seconds, start to end", f"{wall_seconds:>7.1f} (workers side by side)"),
    ]
    return "\n".join(
        [
            f"The tutorial's experiment on all 20 features: {student.ensemble.n_members} teachers, "
            f"student width {student.width},",
            f"T = {student.temperature:g}, alpha = {student.alpha:g} (the weight on the ensemble), "
            f"{spec.schedule} schedule.",
            *over,
            "",
            *(f"  {label:<36}{value}" for label, value in rows),
            "",
            "Accuracy and agreement are on test data. The gain is the distilled student's accuracy",
            "minus its hard-label twin's, paired by seed: same start, same batches, only the loss",
            "differs.",
            *verdict,
        ]
    )


def _percent(value: "Interval") -> str:
    mean = f"{100 * value.mean:7.2f} %"
    return mean if value.n == 1 else f"{mean}  [{100 * value.low:.2f}, {100 * value.high:.2f}]"


def _points(value: "Interval") -> str:
    mean = f"{value.mean:+7.2f}"
    return mean if value.n == 1 else f"{mean}    [{value.low:+.2f}, {value.high:+.2f}]"


if __name__ == "__main__":
    sys.exit(main())
