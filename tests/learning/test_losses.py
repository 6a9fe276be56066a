import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from torch.nn import functional as F

from distill_core.learning.losses import (
    LogitGradient,
    constant_part,
    distillation_loss,
    soft_targets,
)

TEMPERATURES = (1.0, 3.0, 20.0)
ALPHAS = (0.0, 0.7, 1.0)


def some(k=3, n=40, n_classes=3, seed=0):
    """Logits of k students, the logits of four teachers and labels, 64 bits."""
    generator = torch.Generator().manual_seed(seed)
    logits = 3 * torch.randn(k, n, n_classes, generator=generator, dtype=torch.float64)
    teachers = 3 * torch.randn(4, n, n_classes, generator=generator, dtype=torch.float64)
    return logits, teachers, torch.randint(n_classes, (n,), generator=generator)


def gradient(logits, targets, y, temperature, alpha):
    """The closed form's gradient of the mean loss."""
    constant = constant_part(targets, y, temperature, alpha)
    t, a = (
        torch.as_tensor(x, dtype=logits.dtype).reshape(-1).expand(len(logits))
        for x in (temperature, alpha)
    )
    by_class = logits.detach().mT.contiguous()
    at_logits = LogitGradient(t, a, tuple(by_class.shape))
    constant = constant.expand(logits.shape).mT.contiguous().to(logits.dtype)
    return torch.from_numpy(at_logits(by_class.numpy(), constant.numpy())).mT.clone()


# The loss


@pytest.mark.parametrize("n_classes", [2, 5])
@pytest.mark.parametrize("alpha", ALPHAS)
@pytest.mark.parametrize("temperature", TEMPERATURES)
def test_loss_equals_torch_put_together_by_hand(temperature, alpha, n_classes):
    logits, teachers, y = some(n_classes=n_classes)
    q = soft_targets(teachers, temperature)
    loss = distillation_loss(logits, q, y, temperature, alpha)
    assert loss.shape == (3,)
    for one, z in zip(loss, logits, strict=True):
        kl = F.kl_div(F.log_softmax(z / temperature, 1), q, reduction="batchmean")
        expected = alpha * temperature**2 * kl + (1 - alpha) * F.cross_entropy(z, y)
        torch.testing.assert_close(one, expected)


def test_loss_by_numbers_worked_out_on_paper():
    # Student answers 1/2, 1/2; the ensemble 3/4, 1/4; the label is class 0.
    logits, q, y = torch.zeros(1, 1, 2), torch.tensor([[0.75, 0.25]]), torch.tensor([0])
    kl = 0.75 * np.log(1.5) + 0.25 * np.log(0.5)
    loss = distillation_loss(logits, q, y, 2.0, 0.25)
    assert float(loss[0]) == pytest.approx(0.25 * 4 * kl + 0.75 * np.log(2), rel=1e-6)


@pytest.mark.parametrize("temperature", TEMPERATURES)
def test_alpha_zero_is_the_cross_entropy(temperature):
    logits, teachers, y = some()
    q = soft_targets(teachers, temperature)
    logits.requires_grad_()
    loss = distillation_loss(logits, q, y, temperature, 0.0)
    expected = torch.stack([F.cross_entropy(z, y) for z in logits])
    torch.testing.assert_close(loss, expected)
    (by_torch,) = torch.autograd.grad(expected.sum(), logits)
    torch.testing.assert_close(gradient(logits.detach(), q, y, temperature, 0.0), by_torch)


def test_alpha_one_at_temperature_one_pulls_like_cross_entropy_with_soft_labels():
    logits, teachers, y = some()
    q = soft_targets(teachers, 1.0)
    logits.requires_grad_()
    soft_labelled = sum(F.cross_entropy(z, q) for z in logits)
    (by_torch,) = torch.autograd.grad(soft_labelled, logits)
    torch.testing.assert_close(gradient(logits.detach(), q, y, 1.0, 1.0), by_torch)


@pytest.mark.parametrize(("edge", "inside"), [(0.0, 1e-7), (1.0, 1 - 1e-7)])
def test_nothing_jumps_at_the_edges_of_alpha(edge, inside):
    logits, teachers, y = some()
    q = soft_targets(teachers, 3.0)
    at, near = (distillation_loss(logits, q, y, 3.0, alpha) for alpha in (edge, inside))
    torch.testing.assert_close(at, near, rtol=0, atol=1e-5)
    at, near = (gradient(logits, q, y, 3.0, alpha) for alpha in (edge, inside))
    torch.testing.assert_close(at, near, rtol=0, atol=1e-6)


def test_nothing_jumps_as_the_temperature_goes_to_one():
    logits, teachers, y = some()
    at, near = (
        distillation_loss(logits, soft_targets(teachers, t), y, t, 0.7) for t in (1.0, 1 + 1e-8)
    )
    torch.testing.assert_close(at, near, rtol=0, atol=1e-6)


def test_every_student_may_have_its_own_temperature_alpha_and_targets():
    logits, teachers, y = some()
    settings = [(1.0, 0.0), (3.0, 0.7), (20.0, 1.0)]
    t, alpha = (torch.tensor(x, dtype=torch.float64).view(-1, 1, 1) for x in zip(*settings))  # noqa: B905
    targets = torch.stack([soft_targets(teachers, each) for each, _ in settings])
    together = distillation_loss(logits, targets, y, t, alpha)
    gradients = gradient(logits, targets, y, t, alpha)
    for one, (temperature, weight) in enumerate(settings):
        alone = (logits[one : one + 1], targets[one], y, temperature, weight)
        torch.testing.assert_close(together[one], distillation_loss(*alone)[0])
        torch.testing.assert_close(gradients[one], gradient(*alone)[0])


# The gradient


class ClosedForm(torch.autograd.Function):
    """The loss with the hand-derived gradient in place of autograd's."""

    @staticmethod
    def forward(ctx, logits, targets, y, temperature, alpha):
        ctx.given = (logits, targets, y, temperature, alpha)
        return distillation_loss(logits, targets, y, temperature, alpha).sum()

    @staticmethod
    def backward(ctx, upstream):
        return upstream * gradient(*ctx.given), None, None, None, None


@pytest.mark.parametrize("n_classes", [2, 5])
@pytest.mark.parametrize("alpha", ALPHAS)
@pytest.mark.parametrize("temperature", TEMPERATURES)
def test_hand_written_loss_gradient_equals_finite_differences(temperature, alpha, n_classes):
    logits, teachers, y = some(k=2, n=6, n_classes=n_classes)
    q = soft_targets(teachers, temperature)
    logits.requires_grad_()
    assert torch.autograd.gradcheck(ClosedForm.apply, (logits, q, y, temperature, alpha))


@pytest.mark.parametrize("alpha", ALPHAS)
@pytest.mark.parametrize("temperature", TEMPERATURES)
def test_hand_written_loss_gradient_equals_autograd_in_64_bits(temperature, alpha):
    logits, teachers, y = some()
    q = soft_targets(teachers, temperature)
    logits.requires_grad_()
    loss = distillation_loss(logits, q, y, temperature, alpha).sum()
    (by_torch,) = torch.autograd.grad(loss, logits)
    got = gradient(logits.detach(), q, y, temperature, alpha)
    torch.testing.assert_close(got, by_torch, rtol=1e-12, atol=1e-14)


def test_temperature_squared_keeps_the_size_of_the_soft_gradient():
    logits, teachers, y = some()
    sizes = {
        t: float(gradient(logits, soft_targets(teachers, t), y, t, 1.0).norm())
        for t in (3.0, 10.0, 100.0, 1000.0)
    }
    assert max(sizes.values()) < 2 * min(sizes.values())
    # The limit of Hinton, Vinyals, Dean 2015, equation 4: differences of centred logits.
    z, v = (x - x.mean(-1, keepdim=True) for x in (logits, teachers.mean(0)))
    limit = float(((z - v) / 3 / len(y)).norm())
    assert sizes[1000.0] == pytest.approx(limit, rel=0.01)


def test_the_gradient_is_zero_where_student_and_ensemble_say_the_same():
    _, teachers, y = some()
    whole = teachers.mean(0, keepdim=True)
    for t in TEMPERATURES:
        q = soft_targets(teachers, t)
        assert float(distillation_loss(whole, q, y, t, 1.0)) == pytest.approx(0, abs=1e-9)
        torch.testing.assert_close(gradient(whole, q, y, t, 1.0), torch.zeros_like(whole))


def test_certain_teachers_and_students_give_finite_numbers():
    logits = torch.tensor([[[200.0, -200.0], [0.0, 300.0]]])
    q = soft_targets(torch.tensor([[[900.0, -900.0], [-900.0, 900.0]]]))
    assert 0.0 in q
    y = torch.tensor([0, 0])
    assert torch.isfinite(distillation_loss(logits, q, y, 1.0, 0.7)).all()
    assert torch.isfinite(gradient(logits, q, y, 1.0, 0.7)).all()


def test_a_scale_of_the_logits_is_the_chain_rule():
    logits, teachers, y = some()
    q, t = soft_targets(teachers, 3.0), torch.full((3,), 3.0, dtype=torch.float64)
    divided = (logits / 1.7).requires_grad_()
    loss = distillation_loss(1.7 * divided, q, y, 3.0, 0.7).sum()
    (by_torch,) = torch.autograd.grad(loss, divided)
    constant = constant_part(q, y, 3.0, 0.7).expand(logits.shape).mT.contiguous()
    at_logits = LogitGradient(t, torch.full_like(t, 0.7), (3, 3, 40), scale=1.7)
    got = at_logits(divided.detach().mT.contiguous().numpy(), constant.numpy())
    torch.testing.assert_close(torch.from_numpy(got).mT, by_torch, rtol=1e-12, atol=1e-14)


# Soft targets


def test_soft_targets_combine_logits_or_probabilities():
    teachers = torch.tensor([[[2.0, 0.0]], [[-4.0, 0.0]]])
    sigmoid = torch.sigmoid
    by_logits = soft_targets(teachers, 2.0)
    assert float(by_logits[0, 0]) == pytest.approx(float(sigmoid(torch.tensor(-0.5))))
    by_probabilities = soft_targets(teachers, 2.0, "probabilities")
    mean = (sigmoid(torch.tensor(1.0)) + sigmoid(torch.tensor(-2.0))) / 2
    assert float(by_probabilities[0, 0]) == pytest.approx(float(mean))


@pytest.mark.parametrize("combine", ["logits", "probabilities"])
@given(
    teachers=hnp.arrays(np.float64, (4, 5, 3), elements=st.floats(-20, 20)),
    order=st.permutations(range(4)),
    temperature=st.sampled_from(TEMPERATURES),
)
def test_the_order_of_the_teachers_does_not_matter(combine, teachers, order, temperature):
    teachers = torch.from_numpy(teachers)
    one = soft_targets(teachers, temperature, combine)
    other = soft_targets(teachers[list(order)], temperature, combine)
    torch.testing.assert_close(one, other, rtol=1e-9, atol=1e-12)
    assert one.shape == (5, 3)
    torch.testing.assert_close(one.sum(-1), torch.ones(5, dtype=torch.float64))


def test_a_higher_temperature_softens_the_targets():
    _, teachers, _ = some()
    peaks = [float(soft_targets(teachers, t).max(-1).values.mean()) for t in (1.0, 3.0, 20.0, 1e6)]
    assert peaks == sorted(peaks, reverse=True)
    assert peaks[-1] == pytest.approx(1 / 3, abs=1e-4)
