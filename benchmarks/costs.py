"""The times of the page "Worth it?" beside those of other people's loops, in one process."""

import json
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import onnxruntime
from torch.utils import benchmark

from benchmarks import Claim, Outcome
from benchmarks.racing import Row, Say
from distill_core import studies
from distill_core.exports import model, onnx_file
from distill_core.specs import EnsembleSpec, PlaneSpec, ProblemSpec, StudentSpec
from distill_core.store import Store
from distill_core.studies import WorthSpec, contenders, costs
from distill_core.studies.contenders import BATCHES, Contender

# Largest difference of two medians that counts as the same.
_SAME = 0.10
# Both loops take turns so often: what the machine does besides then meets both.
_ROUNDS = 21
# Seconds of each loop in a round.
_SECONDS = 0.08
# Seconds after which no further round begins; rounds, and blocks of a round, at least.
_LONGEST = 10.0
_FEWEST = 5
# Seconds of a call, median: of our loop, and of the other one.
_Pair = tuple[float, float]


def run(say: Say, spec: WorthSpec | None = None, rounds: int = _ROUNDS) -> Outcome:
    """Measure every model of the page both ways, with 1 and 1,000 cases at once.

    Parameters
    ----------
    say : callable
        Gets a line per model.
    spec : WorthSpec, optional
        Whose models; the page's own by default.
    rounds : int
        How often the two loops take turns.
    """
    spec = spec or WorthSpec(student=StudentSpec(ensemble=_DEFAULT))
    rows: list[Row] = []
    with tempfile.TemporaryDirectory() as folder, costs.one_thread():
        store = Store(folder)
        studies.run(spec, store)
        for one in contenders.list_contenders(spec, store):
            # Fewer teachers are asked as all of them are.
            if one.model.startswith("teachers-"):
                continue
            for n in BATCHES:
                turn = _time_torch(one, n)
                rows.append(_compare(f"{one.model}, {one.form}", n, "torch", turn, rounds))
                say(str(rows[-1]))
        for n in BATCHES:
            turn = _time_onnx(model.build(spec.student, store), n, Path(folder))
            rows.append(_compare("student, ONNX file", n, "onnxruntime", turn, rounds))
            say(str(rows[-1]))
    worst = max(abs(float(row["theirs / ours"]) - 1) for row in rows)
    return Outcome(
        'Times of the page "Worth it?" beside other loops: milliseconds of a call, medians; '
        f"the ratio is the median of up to {rounds} rounds in which the loops take turns.\n"
        "torch: torch.utils.benchmark by wall clock, in blocks of about 4 ms. onnxruntime: its "
        f"own profile of the same calls.\nMeasured on {costs.describe_machine()}.",
        rows,
        [
            Claim(
                f"all times are those of the other loop within {_SAME:.0%} (at most {worst:.1%})",
                worst <= _SAME,
            )
        ],
    )


_DEFAULT = EnsembleSpec(problem=ProblemSpec(plane=PlaneSpec()))


def _compare(name: str, n: int, whose: str, take_turn: Callable[[], _Pair], rounds: int) -> Row:
    """Return medians of two loops that take turns, and of their ratio in each turn."""
    end = time.monotonic() + _LONGEST
    listed: list[_Pair] = []
    while len(listed) < rounds and (len(listed) < _FEWEST or time.monotonic() < end):
        listed.append(take_turn())
    pairs = np.array(listed)
    ours, theirs = 1e3 * np.median(pairs, 0)
    ratio = float(np.median(pairs[:, 1] / pairs[:, 0]))
    return {
        "model": name,
        "cases": n,
        "ours ms": float(ours),
        "theirs ms": float(theirs),
        "theirs": whose,
        "theirs / ours": ratio,
    }


def _time_torch(one: Contender, n: int) -> Callable[[], _Pair]:
    """Return our time of a call, and that of torch's benchmark."""
    given = {"predict": one.predict, "X": one.X[:n]}
    timer = benchmark.Timer("predict(X)", globals=given, num_threads=1)

    # Blocks of a few milliseconds: long ones also hold what other processes take in between.
    size = max(1, round(4e-3 / timer.timeit(20).median))

    def take_theirs() -> float:
        end = time.perf_counter() + _SECONDS
        taken: list[float] = []
        while len(taken) < _FEWEST or time.perf_counter() < end:
            taken.append(timer.timeit(size).median)
        return float(np.median(taken))

    def take_turn() -> _Pair:
        return costs.measure_seconds(one.predict, one.X[:n], _SECONDS)[0], take_theirs()

    return take_turn


def _time_onnx(built: model.ExportedModel, n: int, folder: Path) -> Callable[[], _Pair]:
    """Return our time of a call of onnxruntime, and what its own profile says of the same calls.

    Writing the profile takes longer than the student itself, in both.
    """
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.enable_profiling = True
    options.profile_file_prefix = str(folder / "profile")
    data = onnx_file.onnx_file(built)
    rows = [built.test_rows[i % len(built.test_rows)] for i in range(n)]
    inputs = onnx_file.split_rows(built, rows)

    def take_turn() -> _Pair:
        session = onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
        # Bound once: what Python takes to hand over arrays is not in the profile.
        bound = session.io_binding()
        for name, array in inputs.items():
            bound.bind_cpu_input(name, array)
        bound.bind_output("probabilities")
        ours, _ = costs.measure_seconds(session.run_with_iobinding, bound, _SECONDS)
        return ours, float(np.median(list(_read_profile(Path(session.end_profiling())))))

    return take_turn


def _read_profile(path: Path) -> Iterator[float]:
    """Yield the seconds of each run in a profile."""
    for event in json.loads(path.read_text()):
        if event.get("name") == "model_run":
            yield event["dur"] / 1e6
