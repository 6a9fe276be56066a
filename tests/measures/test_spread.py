from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import stats
from scipy.special import softmax
from sklearn.metrics import log_loss, mutual_info_score

from distill_core.measures import metrics, spread


def some_logits(*shape, seed=0, scale=3.0):
    return np.random.default_rng(seed).normal(scale=scale, size=shape)


def some_labels(*shape, n_classes=3, seed=0):
    return np.random.default_rng(seed).integers(n_classes, size=shape)


def test_diversity_is_the_mean_kl_from_the_geometric_mean():
    logits = some_logits(5, 20, 4)
    p = softmax(logits, axis=-1)
    geometric = stats.gmean(p, axis=0)
    geometric /= geometric.sum(-1, keepdims=True)
    expected = [[stats.entropy(geometric[i], p[m, i]) for i in range(20)] for m in range(5)]
    np.testing.assert_allclose(spread.diversity(logits), np.mean(expected, axis=0), rtol=1e-9)


@given(
    logits=hnp.arrays(
        st.sampled_from([np.float32, np.float64]),
        hnp.array_shapes(min_dims=3, max_dims=3, min_side=1, max_side=6).filter(lambda s: s[2] > 1),
        elements=st.floats(-50, 50, width=32),
    ),
    seed=st.integers(0, 100),
)
def test_member_cross_entropy_is_ensemble_cross_entropy_plus_diversity(logits, seed):
    y = some_labels(logits.shape[1], n_classes=logits.shape[2], seed=seed)
    members = metrics.cross_entropy(logits, y).mean()
    ensemble = metrics.cross_entropy(logits.astype(float).mean(0), y)
    assert abs(members - ensemble - spread.diversity(logits).mean()) < 1e-10


def test_the_identity_holds_against_sklearns_log_loss():
    logits, y = some_logits(12, 200, 3), some_labels(200)
    members = np.mean([log_loss(y, softmax(z, axis=-1)) for z in logits])
    ensemble = log_loss(y, softmax(logits.mean(0), axis=-1))
    assert abs(members - ensemble - spread.diversity(logits).mean()) < 1e-10
    assert spread.diversity(logits).mean() > 0.5


def test_equal_members_are_not_diverse():
    logits = np.repeat(some_logits(1, 9, 3).astype(np.float32), 4, axis=0)
    assert spread.diversity(logits).max() < 1e-14


def test_uncertainty_is_scipys_entropies():
    p = softmax(some_logits(6, 15, 3), axis=-1)
    parts = spread.uncertainty(p)
    np.testing.assert_allclose(parts.total, stats.entropy(p.mean(0), axis=-1), rtol=1e-12)
    np.testing.assert_allclose(parts.data, stats.entropy(p, axis=-1).mean(0), rtol=1e-12)
    np.testing.assert_allclose(parts.knowledge, parts.total - parts.data, atol=1e-12)
    assert (parts.total <= np.log(3)).all()


def test_knowledge_uncertainty_is_the_mutual_information_of_member_and_answer():
    p = softmax(some_logits(6, 15, 3), axis=-1)
    counts = np.random.default_rng(0).multinomial(1000, p)  # scikit-learn wants whole numbers.
    expected = [mutual_info_score(None, None, contingency=counts[:, i]) for i in range(15)]
    np.testing.assert_allclose(spread.uncertainty(counts / 1000).knowledge, expected, rtol=1e-9)


def test_uncertainty_of_members_that_are_sure():
    parts = spread.uncertainty([[[1.0, 0], [1, 0]], [[1, 0], [0, 1]]])
    np.testing.assert_allclose(parts.data, [0, 0])
    np.testing.assert_allclose(parts.knowledge, [0, np.log(2)])


def domingos(labels, y):
    """Domingos 2000 sample by sample: E[L] = B + c V, c = 1 or -P(right | not the main one)."""
    bias, variance, loss = [], [], []
    for column, right in zip(np.transpose(labels).tolist(), y, strict=True):
        counts = Counter(column)
        main = min(counts, key=lambda c: (-counts[c], c))
        differ = [c for c in column if c != main]
        b, v = float(main != right), len(differ) / len(column)
        factor = 1.0 if b == 0 else -differ.count(right) / len(differ) if differ else 0.0
        bias.append(b)
        variance.append(v)
        loss.append(b + factor * v)
    return np.mean(bias), np.mean(variance), np.mean(loss)


@pytest.mark.parametrize(("k", "n_classes"), [(1, 2), (5, 2), (6, 2), (8, 3), (9, 5)])
def test_zero_one_parts_are_domingos(k, n_classes):
    labels, y = (
        some_labels(k, 80, n_classes=n_classes),
        some_labels(80, n_classes=n_classes, seed=1),
    )
    labels = np.where(np.random.default_rng(2).random((k, 80)) < 0.5, y, labels)
    parts = spread.zero_one_bias_variance(labels, y)
    bias, variance, loss = domingos(labels, y)
    assert parts.bias == pytest.approx(bias, abs=1e-12)
    assert parts.variance == pytest.approx(variance, abs=1e-12)
    assert parts.loss == pytest.approx(loss, abs=1e-12)
    assert parts.loss == pytest.approx(np.mean(labels != y), abs=1e-12)
    assert parts.loss == pytest.approx(parts.bias + parts.net_variance, abs=1e-12)


def test_labels_that_nobody_gives_do_not_matter():
    parts = spread.zero_one_bias_variance([[2, 7], [2, 7], [7, 7]], [2, 5])
    assert (parts.bias, parts.variance) == (0.5, pytest.approx(1 / 6))


def test_scatter_helps_where_the_main_prediction_is_wrong():
    parts = spread.zero_one_bias_variance([[0], [0], [1]], [1])
    assert (parts.bias, parts.variance) == (1, pytest.approx(1 / 3))
    assert parts.net_variance == pytest.approx(-1 / 3)


P = softmax(some_logits(2, 4, 3), axis=-1)


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: spread.diversity(P[0]), r"logits must have shape \(k, n, n_classes\)"),
        (lambda: spread.diversity(P * np.nan), "logits must be finite"),
        (lambda: spread.uncertainty(P[0]), r"p must have shape \(k, n, n_classes\)"),
        (lambda: spread.uncertainty(P * 2), "p must be probabilities that sum to 1"),
        (lambda: spread.zero_one_bias_variance([0, 1], [0, 1]), r"labels must have shape \(k, n\)"),
        (lambda: spread.zero_one_bias_variance([[0, 1]], [0]), "same samples, got shapes"),
    ],
)
def test_bad_input_is_a_sentence(call, said):
    with pytest.raises(ValueError, match=said):
        call()
