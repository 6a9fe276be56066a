"""How good a model is and how alike two models are, from labels, probabilities and logits.

Arrays in, numbers out; nothing is trained or drawn here. How much a group of models
differs is in `spread`, distances between boundaries are in `distances`, intervals over
seeds in `intervals`. The last axes are `(n,)` for labels and `(n, n_classes)` for
probabilities and logits; leading axes are members or seeds, they broadcast, and one
number comes back for each.
"""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import log_softmax

Numbers = NDArray[np.float64]

# Probability: a smaller one counts as this inside a logarithm, so that no metric is infinite.
# A model that gives the true class no chance at all costs 27.6 nats, not more.
EPSILON = 1e-12
# Bins of confidence in the calibration error.
_N_BINS = 10


def agreement(labels_a: ArrayLike, labels_b: ArrayLike) -> Numbers:
    """Return the share of samples on which two models answer the same: `mean(a = b)`.

    Shape (...), 0 to 1, from labels (..., n). Called fidelity by Stanton et al. 2021, arXiv
    2106.05945. Raises ValueError when the inputs are not labels of the same samples.
    """
    a, b = as_labels(labels_a, "labels_a"), as_labels(labels_b, "labels_b")
    _match(a.shape, b.shape, 1)
    return (a == b).mean(-1, dtype=float)


def accuracy(labels: ArrayLike, y: ArrayLike) -> Numbers:
    """Return the `agreement` (...) of labels (..., n) with the right ones y (n,)."""
    return agreement(labels, y)


def kl_divergence(p: ArrayLike, q: ArrayLike) -> Numbers:
    """Return the mean over samples of `KL(p ‖ q) = Σ_c p_c ln(p_c / q_c)` in nats.

    Shape (...), 0 (equal) to 27.6 (see `EPSILON`), from probabilities (..., n, n_classes); p is
    the one to be matched (the ensemble), q the one that tries. Kullback and Leibler 1951. Raises
    ValueError when p or q are not probabilities, or not of the same samples and classes.
    """
    p, q = as_proba(p, "p"), as_proba(q, "q")
    _match(p.shape, q.shape, 2)
    return np.maximum((p * (_log(p) - _log(q))).sum(-1).mean(-1), 0)


def cross_entropy(logits: ArrayLike, y: ArrayLike) -> Numbers:
    """Return `-mean ln softmax(z)(y)` in nats, shape (...), from logits z (..., n, n_classes).

    Without a bound, and exact however small p(y) is; the log score of Good 1952. Raises
    ValueError when the logits are not finite or y (n,) are not labels of the same samples.
    """
    return -_at(as_log_proba(logits), y).mean(-1)


def ece(p: ArrayLike, y: ArrayLike) -> Numbers:
    """Return the expected calibration error `Σ_b (n_b / n) |accuracy_b - confidence_b|`.

    Shape (...), 0 (calibrated) to 1, from probabilities p (..., n, n_classes) and labels y (n,).
    The ten bins b have equal width in the confidence max_c p_c; bin b holds confidences in
    ((b - 1)/10, b/10]. Guo et al. 2017, arXiv 1706.04599. Raises ValueError when p are not
    probabilities or y not labels of the same samples.
    """
    p = as_proba(p, "p")
    _at(p, y)
    confidence = p.max(-1)
    excess = (p.argmax(-1) == np.asarray(y)) - confidence
    bins = np.searchsorted(np.linspace(0, 1, _N_BINS + 1)[1:-1], confidence)
    in_bin = bins[..., None] == np.arange(_N_BINS)
    return np.abs((excess[..., None] * in_bin).sum(-2)).sum(-1) / p.shape[-2]


def as_labels(value: ArrayLike, name: str) -> NDArray[Any]:
    """Return labels as an array (..., n), or say in a ValueError what is wrong with them."""
    array = np.asarray(value)
    if array.dtype.kind not in "biu":
        raise ValueError(f"{name} must be integer labels, got {array.dtype} values.")
    if array.ndim == 0 or array.size == 0:
        raise ValueError(f"{name} must hold at least one sample, got shape {array.shape}.")
    if array.min() < 0:
        raise ValueError(f"{name} must be labels counted from 0, got {array.min()}.")
    return array


def as_proba(value: ArrayLike, name: str, *, members: bool = False) -> Numbers:
    """Return probabilities (..., n, n_classes), or say in a ValueError what is wrong with them.

    They are made to sum to 1 in double precision: single precision does so only roughly.
    With `members`, exactly the axes (k, n, n_classes) are allowed.
    """
    array = _floats(value, name, members)
    total = array.sum(-1, keepdims=True)
    if array.min() < 0 or np.abs(total - 1).max() > 1e-4:
        raise ValueError(
            f"{name} must be probabilities that sum to 1 over the classes, got values from "
            f"{array.min():.3g} to {array.max():.3g} and sums from {total.min():.6g} to "
            f"{total.max():.6g}."
        )
    return array / total


def as_log_proba(logits: ArrayLike, *, members: bool = False) -> Numbers:
    """Return `ln softmax` of logits in double precision; `members` as in `as_proba`."""
    log_p: Numbers = log_softmax(_floats(logits, "logits", members), axis=-1)
    return log_p


def _floats(value: ArrayLike, name: str, members: bool) -> Numbers:
    array = np.asarray(value, dtype=float)
    if array.size == 0 or not (array.ndim == 3 if members else array.ndim >= 2):
        shape = "(k, n, n_classes)" if members else "(..., n, n_classes)"
        raise ValueError(f"{name} must have shape {shape} with no axis empty, got {array.shape}.")
    if not np.isfinite(array).all():
        raise ValueError(f"{name} must be finite, got NaN or infinity.")
    return array


def _match(a: tuple[int, ...], b: tuple[int, ...], last: int) -> None:
    """Check that two shapes are equal in the last axes and broadcast in the others."""
    leading = zip(a[:-last][::-1], b[:-last][::-1], strict=False)
    if a[-last:] != b[-last:] or any(m != n and 1 not in (m, n) for m, n in leading):
        raise ValueError(f"Two models must answer the same samples, got shapes {a} and {b}.")


def _at(values: Numbers, y: ArrayLike) -> Numbers:
    """Return the values (..., n) at the labels y (n,) out of (..., n, n_classes)."""
    labels = as_labels(y, "y")
    n, n_classes = values.shape[-2:]
    if labels.shape != (n,):
        raise ValueError(f"y must have shape ({n},), one label per sample, got {labels.shape}.")
    if labels.max() >= n_classes:
        raise ValueError(f"y must be labels from 0 to {n_classes - 1}, got {labels.max()}.")
    picked: Numbers = values[..., np.arange(n), labels.astype(np.intp)]
    return picked


def _log(p: Numbers) -> Numbers:
    return np.log(np.maximum(p, EPSILON))
