"""How much the models of a group differ, and what that costs or is worth.

A group is an ensemble's members, or repetitions of one model over seeds or resampled
data. The leading axis is the model: labels `(k, n)`, probabilities and logits
`(k, n, n_classes)`. Arrays in, numbers or arrays out.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import entr, log_softmax

from distill_core.measures import metrics
from distill_core.measures.metrics import Numbers


@dataclass(frozen=True, eq=False)
class Uncertainty:
    """Parts of an ensemble's uncertainty, each of shape (n,), in nats: total = data + knowledge."""

    total: Numbers
    data: Numbers
    knowledge: Numbers


@dataclass(frozen=True)
class BiasVariance:
    """Parts of a mean 0-1 loss over repetitions: loss = bias + net_variance.

    `variance` is how much single models scatter around their main prediction;
    `net_variance` is what this scatter costs: it helps where the main prediction is wrong,
    so that the net variance is smaller than the variance and can be negative.
    """

    loss: float
    bias: float
    variance: float
    net_variance: float


def diversity(logits: ArrayLike) -> Numbers:
    """Return how much k models differ, sample by sample: `mean_m KL(p_geo ‖ p_m)` in nats.

    Shape (n,), 0 (all the same) or more, from logits (k, n, n_classes), else a ValueError.
    p_geo, the normalised geometric mean of the members' probabilities, is the softmax of
    their mean logits. For every label, exactly: mean member cross-entropy = cross-entropy
    of the mean logits + mean diversity. Wood et al. 2023, arXiv 2301.03962.
    """
    log_p = metrics.as_log_proba(logits, members=True)
    log_geo = log_softmax(log_p.mean(0), axis=-1)
    return np.maximum((np.exp(log_geo) * (log_geo - log_p)).sum(-1).mean(0), 0)


def uncertainty(p: ArrayLike) -> Uncertainty:
    """Split an ensemble's uncertainty at every sample into data and knowledge uncertainty.

    total `H(mean_m p_m)`, data (aleatoric) `mean_m H(p_m)`, knowledge (epistemic) their
    difference, the mutual information of answer and member; H is the entropy in nats. Each is
    from 0 to ln(n_classes). Depeweg et al. 2018, arXiv 1710.07283; Malinin et al. 2020, arXiv
    1905.00076. Raises ValueError when p (k, n, n_classes) are not probabilities of members.
    """
    p = metrics.as_proba(p, "p", members=True)
    total, data = entr(p.mean(0)).sum(-1), entr(p).sum(-1).mean(0)
    return Uncertainty(total, data, np.maximum(total - data, 0))


def zero_one_bias_variance(labels: ArrayLike, y: ArrayLike) -> BiasVariance:
    """Split the mean 0-1 loss of k repetitions as Domingos 2000 does, without noise.

    At a sample, the main prediction is the most frequent one (the smallest label when
    several are), bias is 1 where it is wrong, variance is the share of models that differ
    from it. loss = bias + variance where it is right, 1 - share of right models where it is
    wrong; all are averaged over samples: 0 to 1, net_variance from -1 to 1. Domingos 2000, "A
    unified bias-variance decomposition for zero-one and squared loss", for any number of
    classes. Raises ValueError when labels (k, n) and y (n,) are not of the same samples.
    """
    loss = float(1 - metrics.accuracy(labels, y).mean())
    classes, votes = _votes(labels)
    bias = float((classes[votes.argmax(0)] != np.asarray(y)).mean())
    variance = float(1 - (votes.max(0) / votes.sum(0)).mean())
    return BiasVariance(loss, bias, variance, loss - bias)


def _votes(labels: ArrayLike) -> tuple[NDArray[Any], NDArray[np.int64]]:
    """Return the classes that occur and how many of k models chose each, (n_classes, n)."""
    array = metrics.as_labels(labels, "labels")
    if array.ndim != 2:
        raise ValueError(f"labels must have shape (k, n), got {array.shape}.")
    classes = np.unique(array)
    return classes, np.stack([(array == c).sum(0) for c in classes])
