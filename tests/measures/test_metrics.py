import math

import numpy as np
import pytest
from scipy import stats
from scipy.special import log_softmax, softmax
from sklearn.metrics import accuracy_score, log_loss

from distill_core.measures import metrics


def some_logits(*shape, seed=0, scale=3.0):
    return np.random.default_rng(seed).normal(scale=scale, size=shape)


def some_proba(*shape, seed=0):
    return softmax(some_logits(*shape, seed=seed), axis=-1)


def some_labels(*shape, n_classes=3, seed=0):
    return np.random.default_rng(seed).integers(n_classes, size=shape)


def test_agreement_and_accuracy_are_sklearns():
    a, b = some_labels(50, seed=1), some_labels(50, seed=2)
    assert metrics.agreement(a, b) == pytest.approx(accuracy_score(a, b), abs=1e-15)
    assert metrics.accuracy(a, b) == metrics.agreement(b, a)
    assert metrics.agreement(a, a) == 1
    assert metrics.agreement([0, 0], [1, 1]) == 0
    assert metrics.agreement(a == 1, b == 1) == np.mean((a == 1) == (b == 1))


@pytest.mark.parametrize("n_classes", [2, 3, 5])
def test_kl_divergence_is_scipys_relative_entropy(n_classes):
    p, q = some_proba(40, n_classes, seed=1), some_proba(40, n_classes, seed=2)
    expected = np.mean([stats.entropy(*pair) for pair in zip(p, q, strict=True)])
    assert metrics.kl_divergence(p, q) == pytest.approx(expected, rel=1e-12)
    assert metrics.kl_divergence(p, q) != pytest.approx(metrics.kl_divergence(q, p), rel=1e-3)


def test_equal_models_have_no_divergence_even_in_single_precision():
    p = some_proba(2000, 3).astype(np.float32)
    assert metrics.kl_divergence(p, p) == 0
    assert metrics.kl_divergence(p, p.astype(float)) < 1e-12


def test_probabilities_that_sum_nearly_to_one_are_made_to():
    p, q = some_proba(40, 3, seed=1), some_proba(40, 3, seed=2)
    expected = np.mean(stats.entropy(p, q, axis=1))
    assert metrics.kl_divergence(1.00005 * p, 0.99995 * q) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("n_classes", [2, 4])
def test_cross_entropy_is_sklearns_log_loss(n_classes):
    logits, y = some_logits(60, n_classes), some_labels(60, n_classes=n_classes)
    p = softmax(logits, axis=-1)
    expected = log_loss(y, p, labels=range(n_classes))
    assert metrics.cross_entropy(logits, y) == pytest.approx(expected, rel=1e-12)


def test_impossible_answers_cost_a_finite_stated_price():
    sure, y = np.array([[1.0, 0.0]]), [1]
    price = -math.log(metrics.EPSILON)
    assert price == pytest.approx(27.6, abs=0.05)
    assert metrics.kl_divergence(sure[:, ::-1], sure) == pytest.approx(price)
    assert metrics.kl_divergence(sure, sure) == 0
    assert metrics.cross_entropy([[1e4, 0.0]], y) == 1e4


def guo_ece(p, y, n_bins):
    """The definition of Guo et al. 2017, sample by sample and bin by bin."""
    total = 0.0
    for b in range(1, n_bins + 1):
        members = []
        for row, label in zip(p, y, strict=True):
            confidence = max(row)
            if (b - 1) / n_bins < confidence <= b / n_bins:
                members.append((list(row).index(confidence) == label, confidence))
        if members:
            right, confidences = zip(*members, strict=True)
            gap = sum(right) / len(members) - sum(confidences) / len(members)
            total += len(members) / len(p) * abs(gap)
    return total


@pytest.mark.parametrize("n_classes", [2, 3, 5])
def test_ece_is_guos_definition(n_classes):
    p, y = some_proba(300, n_classes), some_labels(300, n_classes=n_classes)
    assert metrics.ece(p, y) == pytest.approx(guo_ece(p, y, 10), rel=1e-12)


def test_ece_puts_a_confidence_on_an_edge_into_the_lower_bin():
    p = [[1 - x, x] for x in (0.6, 0.7, 0.7, 0.8, 1.0, 0.65)]
    y = [1, 0, 1, 1, 1, 0]
    assert metrics.ece(p, y) == pytest.approx(guo_ece(p, y, 10), rel=1e-12)
    # Confidences .5 (right) and .55 (wrong): apart their gaps add up, together they would not.
    p = [[0.5, 0.25, 0.25], [0.45, 0.55, 0]]
    assert metrics.ece(p, [0, 0]) == pytest.approx((0.5 + 0.55) / 2)


def test_ece_of_a_calibrated_model_is_zero():
    p = np.array([[0.25, 0.75]] * 4)
    assert metrics.ece(p, [1, 1, 1, 0]) == pytest.approx(0)
    assert metrics.ece(p, [0, 0, 0, 0]) == pytest.approx(0.75)


Y = some_labels(30, seed=9)


@pytest.mark.parametrize(
    "metric",
    [
        lambda p: metrics.agreement(p.argmax(-1), Y),
        lambda p: metrics.kl_divergence(p, some_proba(30, 3, seed=8)),
        lambda p: metrics.kl_divergence(some_proba(30, 3, seed=8), p),
        lambda p: metrics.cross_entropy(np.log(p), Y),
        lambda p: metrics.ece(p, Y),
    ],
)
def test_leading_axes_are_the_same_as_a_loop(metric):
    p = some_proba(2, 4, 30, 3)
    expected = [[metric(p[i, j]) for j in range(4)] for i in range(2)]
    assert metric(p).shape == (2, 4)
    np.testing.assert_allclose(metric(p), expected, rtol=1e-12)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_log_proba_is_scipys(dtype):
    logits = some_logits(20, 4).astype(dtype)
    expected = log_softmax(logits.astype(float), axis=-1)
    np.testing.assert_allclose(metrics.as_log_proba(logits), expected, rtol=1e-14)


P = some_proba(4, 3)


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: metrics.agreement([0, 1], [0, 1, 2]), r"same samples, got shapes \(2,\) and \(3,"),
        (lambda: metrics.agreement([[0], [1]], [[0], [1], [2]]), "same samples, got shapes"),
        (lambda: metrics.agreement([0.5], [1]), "labels_a must be integer labels, got float64"),
        (lambda: metrics.agreement([1], [-1]), "labels_b must be labels counted from 0, got -1"),
        (lambda: metrics.agreement(3, 3), "labels_a must hold at least one sample"),
        (lambda: metrics.agreement(np.zeros(0, int), np.zeros(0, int)), "at least one sample"),
        (lambda: metrics.kl_divergence(P, P[:3]), r"got shapes \(4, 3\) and \(3, 3\)"),
        (lambda: metrics.kl_divergence(P, 2 * P), "q must be probabilities that sum to 1"),
        (lambda: metrics.kl_divergence(P - 0.5, P), "p must be probabilities .* from -0"),
        (lambda: metrics.kl_divergence(P * np.nan, P), "p must be finite, got NaN"),
        (lambda: metrics.ece(P[0], [0]), r"p must have shape \(\.\.\., n, n_classes\).*got \(3,\)"),
        (lambda: metrics.ece(P, [0, 1]), r"y must have shape \(4,\), one label per sample"),
        (lambda: metrics.ece(P, [0, 1, 2, 3]), "y must be labels from 0 to 2, got 3"),
        (lambda: metrics.cross_entropy([[np.inf, 0]], [0]), "logits must be finite"),
    ],
)
def test_bad_input_is_a_sentence(call, said):
    with pytest.raises(ValueError, match=said) as caught:
        call()
    assert str(caught.value).endswith(".")
