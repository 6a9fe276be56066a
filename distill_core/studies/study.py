"""What a study consists of, and what comes out of it: tasks, rows, bands, JSON and CSV."""

import csv
import functools
import io
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from distill_core.jobs.artifacts import Job
from distill_core.measures.intervals import (
    PSEUDO_DIFFERENCES,
    PSEUDO_SHARES,
    Interval,
    crossed_interval,
    interval,
)
from distill_core.specs import EnsembleSpec, Spec
from distill_core.store import Store
from distill_core.studies.answer import Answer

Row = dict[str, str | int | float | None]
# A mean over seeds with its 95% interval: mean, low, high, n; None where it cannot be said.
Band = dict[str, Any]
# By figure and seed, on which test rows (n_rows,) a model hits: is right, or agrees.
Hits = Mapping[str, Mapping[int, NDArray[np.bool_]]]
_NO_HITS: Hits = {}

_SHARES = {
    "agreement",
    "accuracy",
    "ece",
    "loss_share",
    "gradient_share",
    "first_loss_share",
    "first_gradient_share",
    "zero_one_loss",
    "churn",
}

# The columns that say which row it is; those of its figures follow by name.
_SETTING_COLUMNS = ("source", "width", "temperature", "alpha", "repeat", "model", "seed")

# Seeds: equal differences of fewer are chance, as test data is finite and figures are coarse.
_FEW_EQUAL = 4


# The entries of a summary that decide something.
_DECISIONS = ("sufficient", "beats_twin", "best", "verdict")

# What stands in place of the answer while parts of a study are missing.
NO_VERDICT = "No answer yet: the figures so far stand below and may still change."


@dataclass(frozen=True, eq=False)
class Task:
    """One job of a study: it puts one artifact and is not needed where the store has it.

    Parameters
    ----------
    job : callable
        A job as in `distill_core.jobs`.
    spec : Spec
        What to make.
    seconds : float
        Roughly how long it takes on one core.
    needs : tuple of Task
        What it reads; it would make these itself, but several tasks would do so at once.
    step_to : (kind, digest), optional
        The artifact that it is only a step to: not needed where the store has that.
    """

    job: Job
    spec: Spec
    seconds: float
    needs: tuple["Task", ...] = ()
    step_to: tuple[str, str] | None = None

    @functools.cached_property
    def digest(self) -> str:
        """The name of its artifact, `spec.digest`."""
        return self.spec.digest

    def done(self, store: Store) -> bool:
        """Say whether the store has its artifact, or what it is a step to."""
        return store.has(self.job.kind, self.digest) or (
            self.step_to is not None and store.has(*self.step_to)
        )


@dataclass(frozen=True, eq=False)
class Study:
    """A study's result so far.

    Parameters
    ----------
    name : str
        "capacity", "softness", "variance" or "worth".
    spec : Spec
        What was asked.
    rows : list of dict
        Tidy: one row per setting and seed, the same columns in each.
    summary : dict
        Means with intervals; plain JSON values, described at `summarise` of each study.
    answer : Answer
        The answer in words, made from the summary alone. While parts are missing it may still
        change, so that it is not shown; see `verdict`.
    n_done, n_tasks : int
        How many tasks are done, of how many.
    """

    name: str
    spec: Spec
    rows: list[Row]
    summary: dict[str, Any] = field(repr=False)
    answer: Answer
    n_done: int
    n_tasks: int

    @property
    def partial(self) -> bool:
        """Whether something is still missing."""
        return self.n_done < self.n_tasks

    @property
    def ensemble(self) -> EnsembleSpec:
        """The ensemble that was asked about."""
        spec: Any = self.spec
        found: EnsembleSpec = getattr(spec, "student", spec).ensemble
        return found

    @property
    def verdict(self) -> Answer:
        """The answer; a study that is not finished has none, only figures so far."""
        if not self.partial:
            return self.answer
        return Answer(f"Partial, {self.n_done} of {self.n_tasks} parts are done. {NO_VERDICT}")

    def to_json(self, seconds: float) -> dict[str, Any]:
        """Return everything as plain JSON values; `seconds` is how long it took.

        While parts are missing, the summary has figures alone and no decisions.
        """
        left_out = _DECISIONS if self.partial else ()
        summary = {name: value for name, value in self.summary.items() if name not in left_out}
        return {
            "study": self.name,
            "spec": self.spec.model_dump(mode="json"),
            "rows": self.rows,
            "summary": _sort_keys(summary),
            "answer": self.verdict.said,
            "notes": list(self.verdict.notes),
            "claims": self.verdict.claims,
            "partial": self.partial,
            "seconds": seconds,
        }

    def to_csv(self) -> str:
        """Return the rows as CSV with a header; missing values are empty cells."""
        return to_csv(self.rows)


def order_columns(rows: Iterable[Row]) -> list[Row]:
    """Return rows with their setting first and their figures by name, wherever they come from."""

    def place(name: str) -> tuple[int, str]:
        known = name in _SETTING_COLUMNS
        return (_SETTING_COLUMNS.index(name), "") if known else (len(_SETTING_COLUMNS), name)

    return [{name: row[name] for name in sorted(row, key=place)} for row in rows]


def to_csv(rows: Sequence[Row]) -> str:
    """Return rows as CSV; texts that a spreadsheet would run as a formula get a `'` in front."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    if rows:
        writer.writerow([_cell(name) for name in rows[0]])
    writer.writerows([_cell(value) for value in row.values()] for row in rows)
    return text.getvalue()


def band(values: Iterable[float | None], figure: str = "") -> Band:
    """Return the mean of one figure per seed with its 95% interval: `mean`, `low`, `high` and `n`.

    Values are not negative. Seeds whose figure does not exist are left out; `n` says how many
    remain. The interval ends at 0, and at 1 if the figure of this name is a share; low and high
    are None where they cannot be given.
    """
    found = _band(values)
    if found["low"] is None:
        return found
    return {**found, **{end: _clip(found[end], found["mean"], figure) for end in ("low", "high")}}


def bands(rows: Sequence[Row], figures: Iterable[str], hits: Hits = _NO_HITS) -> dict[str, Band]:
    """Return the band of each figure over the seeds of some rows; over test rows too, with hits."""
    return {
        name: cross_band(np.stack(list(hits[name].values())), PSEUDO_SHARES, name)
        if name in hits
        else band(one.values(), name)
        for name in figures
        for one in [by_seed(rows, name)]
    }


def cross_band(values: NDArray[Any], pseudo: tuple[float, ...], figure: str) -> Band:
    """Return the band of values (n_seeds, n_rows) for other seeds and other test rows.

    They are not negative. Beside what `band` gives there are `n_rows`, and `seeds_low` and
    `seeds_high`: the interval of other seeds on these very rows. `pseudo` as `crossed_interval`
    takes it.
    """
    found = _cross(values, pseudo)
    for end in ("low", "high", "seeds_low", "seeds_high"):
        if found.get(end) is not None:
            found[end] = _clip(found[end], found["mean"], figure)
    return found


def cross_difference(
    values: NDArray[Any],
    pseudo: tuple[float, ...] = PSEUDO_DIFFERENCES,
    *,
    n_compared: int = 1,
) -> Band:
    """Return the band of paired differences (n_seeds, n_rows) for other seeds and other test rows.

    With `beyond_noise`, as `difference`, and the rest as `cross_band`. `n_compared` such bands
    hold at once, see `crossed_interval`.
    """
    return _judge(_cross(values, pseudo, n_compared))


def subtract_hits(
    ours: Mapping[int, NDArray[np.bool_]], theirs: Mapping[int, NDArray[np.bool_]]
) -> NDArray[np.int8]:
    """Return ours minus theirs, (n_seeds, n_rows), for the seeds that have both."""
    both = [ours[seed].astype(np.int8) - theirs[seed] for seed in ours if seed in theirs]
    return np.array(both, np.int8).reshape(len(both), -1)


def gains(
    ours: Sequence[Row],
    theirs: Sequence[Row],
    figures: Iterable[str],
    our_hits: Hits = _NO_HITS,
    their_hits: Hits = _NO_HITS,
) -> dict[str, Band]:
    """Return the `gain` of each figure of some rows over others, paired by seed (and test row)."""
    return {
        name: cross_difference(subtract_hits(our_hits[name], their_hits[name]))
        if name in our_hits and name in their_hits
        else gain(by_seed(ours, name), by_seed(theirs, name))
        for name in figures
    }


def gain(ours: Mapping[int, float | None], theirs: Mapping[int, float | None]) -> Band:
    """Return the `difference` of one figure per seed; seeds that one side lacks are left out."""
    return difference(subtract_paired(ours, theirs).values())


def subtract_paired(
    ours: Mapping[int, float | None], theirs: Mapping[int, float | None]
) -> dict[int, float]:
    """Return ours minus theirs for the seeds that have both."""
    return {
        seed: a - b
        for seed, a in ours.items()
        if a is not None and (b := theirs.get(seed)) is not None
    }


def difference(values: Iterable[float | None]) -> Band:
    """Return the band of paired differences, with `beyond_noise`: whether it excludes 0."""
    return _judge(_band(values))


def has_interval(found: Band) -> bool:
    """Say whether a band has an interval that can carry a claim."""
    if found["low"] is None:
        return False
    return bool(found["n"] >= _FEW_EQUAL or found["low"] < found["high"])


def by_seed(rows: Iterable[Row], figure: str) -> dict[int, float | None]:
    """Return one figure of some rows by their seed."""
    return {int(row["seed"]): row[figure] for row in rows}  # type: ignore[arg-type, misc]


def format_points(share: float, *, sign: bool = False, digits: int = 1) -> str:
    """Return a share or a difference of shares in percentage points, such as `1.3`."""
    return f"{100 * share:{'+' if sign else ''}.{digits}f}"


def format_interval(found: Band) -> str:
    """Return a band's interval in points, such as `[-0.42, +1.17]`."""
    low, high = (format_points(found[end], sign=True, digits=2) for end in ("low", "high"))
    return f"[{low}, {high}]"


def _judge(found: Band) -> Band:
    beyond = has_interval(found) and (found["low"] > 0 or found["high"] < 0)
    return {**found, "beyond_noise": beyond}


def _clip(end: float, mean: float, figure: str) -> float:
    """Return an end of an interval within what the figure can be."""
    # A mean corrected for the smallness of a group may itself lie just outside.
    end = max(end, min(0.0, mean))
    return min(end, max(1.0, mean)) if figure in _SHARES else end


def _cross(values: NDArray[Any], pseudo: tuple[float, ...], n_compared: int = 1) -> Band:
    if not values.size:
        return {"mean": None, "low": None, "high": None, "n": 0}
    found = crossed_interval(values, pseudo, n_compared=n_compared)
    seeds = _to_band(interval(values.mean(1, dtype=float)))
    alone = {f"seeds_{end}": seeds[end] for end in ("low", "high")}
    return {**_to_band(found), "n_rows": found.n_rows, **alone}


def _sort_keys(value: Any) -> Any:
    """Return JSON values with their keys in the order in which the store returns them."""
    if isinstance(value, Mapping):
        return {key: _sort_keys(value[key]) for key in sorted(value)}
    return [_sort_keys(item) for item in value] if isinstance(value, list | tuple) else value


def _band(values: Iterable[float | None]) -> Band:
    kept = tuple(value for value in values if value is not None and math.isfinite(value))
    if not kept:
        return {"mean": None, "low": None, "high": None, "n": 0}
    return _to_band(_interval(kept))


def _to_band(found: Interval) -> Band:
    known = found.n > 1
    ends = {"low": found.low if known else None, "high": found.high if known else None}
    return {"mean": found.mean, **ends, "n": found.n}


@functools.lru_cache(maxsize=8192)
def _interval(values: tuple[float, ...]) -> Interval:
    return interval(values)


def _cell(value: str | float | None) -> str | float | None:
    if isinstance(value, str) and value.startswith(("=", "+", "-", "@", "\t", "\r")):
        return "'" + value
    return value
