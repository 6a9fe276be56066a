"""How much models change from repeat to repeat, what it costs, and what a student keeps of it.

Four groups are compared: single teachers, ensembles, distilled students, hard-label twins.
Arrays in, rows and figures out; nothing is trained here.

A figure of a whole group, such as churn, has no value per repeat. Its interval comes from
the jackknife (Tukey 1958): repeat i gets the pseudo-value `R s - (R - 1) s(without i)`, and
the pseudo-values are treated like figures of R repeats. Their mean corrects s for the
smallness of the group. Paired differences between groups are taken of pseudo-values of the same
repeat. At least three repeats are needed.
"""

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import log_softmax, logsumexp

from distill_core.jobs import Combine
from distill_core.measures import metrics, spread
from distill_core.measures.metrics import Numbers
from distill_core.studies.study import Band, Row, band, difference

GROUPS = ("teacher", "ensemble", "student", "twin")
# What is subtracted from what, paired by repeat.
PAIRS = (
    ("ensemble", "teacher"),
    ("student", "teacher"),
    ("student", "ensemble"),
    ("student", "twin"),
)
_GROUP_FIGURES = ("churn", "seed_variance", "squared_bias", "squared_variance")
_REPEAT_FIGURES = ("accuracy", "cross_entropy", "agreement", "zero_one_loss", "squared_loss")


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
        figures, flips = _per_repeat(repeats, model), _flips(repeats, model)
        for r, number in enumerate(numbers):
            others = flips[r].sum() / (repeats.n - 1) if repeats.n > 1 else None
            found.append(
                {
                    "repeat": number,
                    "model": model,
                    **{name: float(values[r]) for name, values in figures.items()},
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
    single = {model: _per_repeat(repeats, model) for model in GROUPS}
    pseudo = {model: _pseudo_values(repeats, model) for model in GROUPS}
    groups = {
        model: {
            **{name: band(single[model][name].tolist(), name) for name in _REPEAT_FIGURES},
            **{
                name: _drop_unknown(band(pseudo[model][name].tolist(), name))
                for name in _GROUP_FIGURES
            },
            **_zero_one(repeats, model),
        }
        for model in GROUPS
    }
    differences = [
        {
            "model": a,
            "minus": b,
            **{n: difference((single[a][n] - single[b][n]).tolist()) for n in _REPEAT_FIGURES},
            **{
                n: _drop_unknown(difference((pseudo[a][n] - pseudo[b][n]).tolist()))
                for n in _GROUP_FIGURES
            },
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
    teacher = metrics.cross_entropy(logits, repeats.y).mean(0)
    ensemble = metrics.cross_entropy(logits.mean(0), repeats.y)
    diversity = np.array([spread.diversity(logits[:, r]).mean() for r in range(repeats.n)])
    student, twin = (
        metrics.cross_entropy(part, repeats.y)[0] for part in (repeats.student, repeats.twin)
    )
    names = ("teacher", "ensemble", "diversity", "student", "twin")
    parts = dict(zip(names, (teacher, ensemble, diversity, student, twin), strict=True))
    return {
        **{name: band(values.tolist()) for name, values in parts.items()},
        "student_gap": difference((student - ensemble).tolist()),
        "gain": difference((student - twin).tolist()),
        "residual": float(np.abs(teacher - ensemble - diversity).max()),
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
        -(np.exp(log_p) * log_p).sum(-1).mean(-1)
        for log_p in (repeats.log_proba[model][0] for model in ("ensemble", "student"))
    )
    total = np.array([part.total.mean() for part in parts])
    return {
        "total": band(total.tolist()),
        "data": band(float(part.data.mean()) for part in parts),
        "knowledge": band(float(part.knowledge.mean()) for part in parts),
        "own": band(own.tolist()),
        "student": band(student.tolist()),
        "excess": difference((student - total).tolist()),
        "own_excess": difference((student - own).tolist()),
    }


def _log_proba(logits: NDArray[np.float32]) -> Numbers:
    return log_softmax(np.asarray(logits, dtype=float), axis=-1)


def _per_repeat(repeats: Repeats, model: str) -> dict[str, Numbers]:
    """Return figures that every repeat has for itself, each (R,), mean over teachers."""
    log_p = repeats.log_proba[model]
    labels, whole = log_p.argmax(-1), repeats.log_proba["ensemble"][0].argmax(-1)
    accuracy = metrics.accuracy(labels, repeats.y)
    figures = {
        "accuracy": accuracy,
        "cross_entropy": metrics.cross_entropy(log_p, repeats.y),
        "agreement": metrics.agreement(labels, whole),
        "zero_one_loss": 1 - accuracy,
        "squared_loss": metrics.brier(np.exp(log_p), repeats.y),
    }
    return {name: values.mean(0) for name, values in figures.items()}


def _flips(repeats: Repeats, model: str) -> Numbers:
    """Return the share of predictions in which two repeats differ, (R, R), mean over teachers."""
    labels = repeats.log_proba[model].argmax(-1)
    return np.stack(
        [(labels != labels[:, [r]]).mean((0, 2)) for r in range(repeats.n)], dtype=float
    )


def _pseudo_values(repeats: Repeats, model: str) -> dict[str, Numbers]:
    """Return the jackknife's pseudo-values of figures that only a group has, each (R,)."""
    n_repeats, n = repeats.n, len(repeats.y)
    if n_repeats < 2:
        return dict.fromkeys(_GROUP_FIGURES, np.empty(0))
    log_p = repeats.log_proba[model]
    # KL to the geometric mean, averaged over the group, is minus the log of what normalises it.
    total = log_p.sum(1, keepdims=True)
    whole = -logsumexp(total / n_repeats, axis=-1).mean()
    without = -logsumexp((total - log_p) / (n_repeats - 1), axis=-1).mean((0, 2))
    proba = np.exp(log_p).reshape(len(log_p), n_repeats, -1)
    products = (proba @ proba.transpose(0, 2, 1)).mean(0) / n
    squares = np.diag(products)
    # Half the squared distance of two repeats has the variance as its mean.
    squared_variance = _of_pairs((squares[:, None] + squares) / 2 - products)
    return {
        "churn": _of_pairs(_flips(repeats, model)),
        "seed_variance": n_repeats * whole - (n_repeats - 1) * without,
        "squared_bias": _per_repeat(repeats, model)["squared_loss"] - squared_variance,
        "squared_variance": squared_variance,
    }


def _of_pairs(matrix: Numbers) -> Numbers:
    """Return the pseudo-values of the mean over all pairs, from a symmetric (R, R) matrix."""
    n, total, own = len(matrix), matrix.sum(), matrix.sum(1)
    whole = total / (n * (n - 1))
    if n == 2:
        return np.full(2, whole)
    return n * whole - (total - 2 * own) / (n - 2)


def _drop_unknown(found: Band) -> Band:
    """Return a band of pseudo-values without what two repeats cannot know: its interval."""
    if found["n"] > 2:
        return found
    unknown = {"low": None, "high": None, "beyond_noise": False}
    return {name: unknown.get(name, value) for name, value in found.items()}


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
