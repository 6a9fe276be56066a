"""How much models change from repeat to repeat, what it costs, and what a student keeps of it.

Four groups are compared: single teachers, ensembles, distilled students, hard-label twins.
Arrays in, rows and figures out; nothing is trained here.

A figure of a whole group, such as churn, has no value per repeat. Its interval comes from
the jackknife (Tukey 1958): repeat i gets the pseudo-value `R s - (R - 1) s(without i)`, and
the pseudo-values are treated like figures of R repeats. Their mean corrects s for the
smallness of the group. Paired differences between groups are taken of pseudo-values of the same
repeat. At least three repeats are needed. Every figure is a mean over test rows, so that each
repeat has a (pseudo-)value on each row, and intervals allow for other repeats and other rows.
"""

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import log_softmax, logsumexp

from distill_core.jobs import Combine
from distill_core.measures import spread
from distill_core.measures.intervals import PSEUDO_DIFFERENCES, PSEUDO_SHARES
from distill_core.measures.metrics import Numbers
from distill_core.studies.study import Band, Row, cross_band, cross_difference

GROUPS = ("teacher", "ensemble", "student", "twin")
# What is subtracted from what, paired by repeat.
PAIRS = (
    ("ensemble", "teacher"),
    ("student", "teacher"),
    ("student", "ensemble"),
    ("student", "twin"),
)
_GROUP_FIGURES = ("churn", "seed_variance", "squared_bias", "squared_variance")


@dataclass(frozen=True, eq=False)
class Repeats:
    """Logits on test data of all models of R repeats.

    Parameters
    ----------
    teachers : ndarray of shape (n_members, R, n, n_classes)
        Of every teacher of every repeat's ensemble.
    student, twin : ndarray of shape (1, R, n, n_classes)
        Of the student and its twin.
    y : ndarray of shape (n,), int64
        The labels.
    combine : {"logits", "probabilities"}
        How the ensembles combine their teachers.
    """

    teachers: NDArray[np.float32]
    student: NDArray[np.float32]
    twin: NDArray[np.float32]
    y: NDArray[np.int64]
    combine: Combine = "logits"

    @property
    def n(self) -> int:
        """The number of repeats R."""
        return self.teachers.shape[1]

    @functools.cached_property
    def log_proba(self) -> dict[str, Numbers]:
        """Log-probabilities of each group, (m, R, n, n_classes); m = 1 except for teachers."""
        teacher = _log_proba(self.teachers)
        if self.combine == "logits":
            ensemble = _log_proba(np.asarray(self.teachers, float).mean(0, keepdims=True))
        else:
            ensemble = logsumexp(teacher, axis=0, keepdims=True) - np.log(len(teacher))
        return {
            "teacher": teacher,
            "ensemble": ensemble,
            "student": _log_proba(self.student),
            "twin": _log_proba(self.twin),
        }


def rows(repeats: Repeats, numbers: Sequence[int]) -> list[Row]:
    """Return one row per repeat and group; a teacher's row is the mean over its ensemble.

    Each has `repeat` (one of the numbers given), `model`; `accuracy`, `cross_entropy`,
    `agreement` with the ensemble of the same repeat, `zero_one_loss`, `squared_loss` (Brier
    score), and `flips`: the share of predictions that differ from those of another repeat, None
    when there is none.
    """
    found: list[Row] = []
    for model in GROUPS:
        figures, flips = _per_row(repeats, model), _flips(repeats, model)
        for r, number in enumerate(numbers):
            others = flips[r].sum() / (repeats.n - 1) if repeats.n > 1 else None
            found.append(
                {
                    "repeat": number,
                    "model": model,
                    **{name: float(values[r].mean()) for name, values in figures.items()},
                    "flips": None if others is None else float(others),
                }
            )
    return found


def summarise(repeats: Repeats) -> dict[str, Any]:
    """Return what the four groups do over the repeats.

    `n` repeats; `groups`: by group the bands of `accuracy`, `cross_entropy`, `agreement`,
    `zero_one_loss`, `squared_loss`, `churn`, `seed_variance` (mean KL to the geometric mean of
    the group, nats), `squared_bias`, `squared_variance`, and as numbers, for which no interval
    can be given, `zero_one_bias`, `zero_one_variance`, `zero_one_net_variance`; `differences`: a
    list with `model`, `minus` and bands with `beyond_noise`; `ledger` and `uncertainty`, see the
    functions of these names.
    """
    figures = {model: _per_row(repeats, model) | _pseudo_rows(repeats, model) for model in GROUPS}
    groups = {
        model: {
            **{name: _band(values, name) for name, values in figures[model].items()},
            **_zero_one(repeats, model),
        }
        for model in GROUPS
    }
    differences = [
        {
            "model": a,
            "minus": b,
            **{name: _difference(figures[a][name] - figures[b][name], name) for name in figures[a]},
        }
        for a, b in PAIRS
    ]
    return {
        "n": repeats.n,
        "groups": groups,
        "differences": differences,
        "ledger": ledger(repeats),
        "uncertainty": uncertainty(repeats),
    }


def ledger(repeats: Repeats) -> dict[str, Any]:
    """Return where cross-entropy goes: mean teacher = logit-mean ensemble + diversity.

    Wood et al. 2023, arXiv 2301.03962; in double precision. Bands in nats of `teacher`,
    `ensemble` (of mean logits, whatever `combine` says), `diversity`, `student`, `twin`, and
    with `beyond_noise` of `student_gap` (student minus ensemble) and `gain` (student minus
    twin); `residual`: the largest amount by which the identity fails in a repeat.
    """
    logits = np.asarray(repeats.teachers, dtype=float)
    teacher = _cross_entropy(log_softmax(logits, axis=-1), repeats.y).mean(0)
    ensemble = _cross_entropy(log_softmax(logits.mean(0), axis=-1), repeats.y)
    diversity = np.stack([spread.diversity(logits[:, r]) for r in range(repeats.n)])
    student, twin = (
        _cross_entropy(repeats.log_proba[model][0], repeats.y) for model in ("student", "twin")
    )
    names = ("teacher", "ensemble", "diversity", "student", "twin")
    parts = dict(zip(names, (teacher, ensemble, diversity, student, twin), strict=True))
    return {
        **{name: _band(values) for name, values in parts.items()},
        "student_gap": _difference(student - ensemble),
        "gain": _difference(student - twin),
        "residual": float(np.abs((teacher - ensemble - diversity).mean(1)).max()),
    }


def uncertainty(repeats: Repeats) -> dict[str, Any]:
    """Return mean uncertainties on test data in nats, see `spread.uncertainty`.

    Bands of the ensemble's `total`, `data` and `knowledge` uncertainty, of the entropy of its
    `own` answer (as it combines its teachers, which is what the student is taught) and of the
    `student`'s, and with `beyond_noise` of `excess` (student minus total) and `own_excess`
    (student minus own).
    """
    proba = np.exp(repeats.log_proba["teacher"])
    parts = [spread.uncertainty(proba[:, r]) for r in range(repeats.n)]
    own, student = (
        -(np.exp(log_p) * log_p).sum(-1)
        for log_p in (repeats.log_proba[model][0] for model in ("ensemble", "student"))
    )
    total = np.stack([part.total for part in parts])
    return {
        "total": _band(total),
        "data": _band(np.stack([part.data for part in parts])),
        "knowledge": _band(np.stack([part.knowledge for part in parts])),
        "own": _band(own),
        "student": _band(student),
        "excess": _difference(student - total),
        "own_excess": _difference(student - own),
    }


def _log_proba(logits: NDArray[np.float32]) -> Numbers:
    return log_softmax(np.asarray(logits, dtype=float), axis=-1)


def _cross_entropy(log_p: Numbers, y: NDArray[np.int64]) -> Numbers:
    """Return what each sample costs in nats, (..., n), from log-probabilities (..., n, classes)."""
    return -log_p[..., np.arange(len(y)), y]


def _per_row(repeats: Repeats, model: str) -> dict[str, Numbers]:
    """Return what every repeat has for itself on each test row, (R, n), mean over teachers."""
    log_p, y = repeats.log_proba[model], repeats.y
    labels, whole = log_p.argmax(-1), repeats.log_proba["ensemble"][0].argmax(-1)
    right = (labels == y).mean(0)
    distance = np.exp(log_p)
    distance[..., np.arange(len(y)), y] -= 1
    return {
        "accuracy": right,
        "cross_entropy": _cross_entropy(log_p, y).mean(0),
        "agreement": (labels == whole).mean(0),
        "zero_one_loss": 1 - right,
        "squared_loss": (distance**2).sum(-1).mean(0),
    }


def _flips(repeats: Repeats, model: str) -> Numbers:
    """Return the share of predictions in which two repeats differ, (R, R), mean over teachers."""
    labels = repeats.log_proba[model].argmax(-1)
    return np.stack(
        [(labels != labels[:, [r]]).mean((0, 2)) for r in range(repeats.n)], dtype=float
    )


def _pseudo_rows(repeats: Repeats, model: str) -> dict[str, Numbers]:
    """Return pseudo-values of figures that only a group has, on each test row, (R, n)."""
    n_repeats = repeats.n
    if n_repeats < 2:
        return dict.fromkeys(_GROUP_FIGURES, np.empty((0, 0)))
    log_p = repeats.log_proba[model]
    proba = np.exp(log_p)
    labels = log_p.argmax(-1)
    votes = (labels[..., None] == np.arange(log_p.shape[-1])).astype(float)
    # KL to the geometric mean, averaged over the group, is minus the log of what normalises it.
    total = log_p.sum(1, keepdims=True)
    norm = -logsumexp(total / n_repeats, axis=-1)
    without = -logsumexp((total - log_p) / (n_repeats - 1), axis=-1)
    variance = _of_pairs(proba)
    return {
        # Two answers differ by two votes.
        "churn": _of_pairs(votes),
        "seed_variance": (n_repeats * norm - (n_repeats - 1) * without).mean(0),
        "squared_bias": _per_row(repeats, model)["squared_loss"] - variance,
        "squared_variance": variance,
    }


def _of_pairs(x: Numbers) -> Numbers:
    """Return pseudo-values (R, n) of the mean of `‖x_r - x_s‖² / 2` over all pairs of repeats.

    x has shape (m, R, n, n_classes); the mean over pairs is the variance of x, and without one
    repeat that of the others.
    """
    n = x.shape[1]
    square, total = (x**2).sum(-1), x.sum(1, keepdims=True)

    def variance(squares: Numbers, totals: Numbers, count: int) -> Numbers:
        return (squares - (totals**2).sum(-1) / count) / (count - 1)

    whole = variance(square.sum(1, keepdims=True), total, n)
    if n == 2:
        return np.repeat(whole, 2, axis=1).mean(0)
    without = variance(square.sum(1, keepdims=True) - square, total - x, n - 1)
    return (n * whole - (n - 1) * without).mean(0)


def _pseudo_of(name: str, shares: tuple[float, ...]) -> tuple[float, ...]:
    return shares if name in ("accuracy", "agreement", "zero_one_loss", "churn") else ()


def _band(values: Numbers, name: str = "") -> Band:
    return _drop_unknown(cross_band(values, _pseudo_of(name, PSEUDO_SHARES), name), name)


def _difference(values: Numbers, name: str = "") -> Band:
    return _drop_unknown(cross_difference(values, _pseudo_of(name, PSEUDO_DIFFERENCES)), name)


def _drop_unknown(found: Band, name: str) -> Band:
    """Return a band of pseudo-values without what two repeats cannot know: its interval."""
    if found["n"] > 2 or name not in _GROUP_FIGURES:
        return found
    ends = ("low", "high", "seeds_low", "seeds_high")
    unknown = {**dict.fromkeys(ends), "beyond_noise": False}
    return {key: unknown.get(key, value) for key, value in found.items()}


def _zero_one(repeats: Repeats, model: str) -> dict[str, float | None]:
    """Return bias and variances of the 0-1 loss, see `spread`, mean over teachers."""
    names = ("bias", "variance", "net_variance")
    if repeats.n < 2:
        return {f"zero_one_{name}": None for name in names}
    labels = repeats.log_proba[model].argmax(-1)
    parts = [spread.zero_one_bias_variance(member, repeats.y) for member in labels]
    return {
        f"zero_one_{name}": float(np.mean([getattr(part, name) for part in parts]))
        for name in names
    }
