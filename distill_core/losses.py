"""The distillation loss, its soft targets and its gradient; tensors in, tensors out."""

from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional as F


def soft_targets(
    logits: Tensor, temperature: float = 1.0, combine: Literal["logits", "probabilities"] = "logits"
) -> Tensor:
    """Return the ensemble's probabilities at a temperature, shape (n, n_classes).

    Parameters
    ----------
    logits : Tensor of shape (k, n, n_classes)
        The members' logits.
    temperature : float
        Greater than 0; the logits are divided by it before the softmax.
    combine : {"logits", "probabilities"}
        Softmax of the mean logits (a normalised geometric mean of the members), or mean
        of the members' softmaxes.
    """
    if combine == "logits":
        return torch.softmax(logits.mean(0) / temperature, -1)
    return torch.softmax(logits / temperature, -1).mean(0)


def distillation_loss(
    logits: Tensor, targets: Tensor, y: Tensor, temperature: float | Tensor, alpha: float | Tensor
) -> Tensor:
    """Return the mean distillation loss of each of k students, shape (k,).

    `alpha T² KL(targets ‖ softmax(logits / T)) + (1 - alpha) CE(y, softmax(logits))`

    `alpha` weighs the ensemble; T² keeps the size of the soft gradient when T changes
    (Hinton, Vinyals, Dean 2015, arXiv 1503.02531, section 2). With alpha = 0 it is the
    cross-entropy, with alpha = 1 the soft loss alone, and nothing jumps in between.

    Parameters
    ----------
    logits : Tensor of shape (k, n, n_classes)
        The students' logits.
    targets : Tensor of shape (n, n_classes) or (k, n, n_classes)
        The ensemble's probabilities at `temperature`.
    y : Tensor of shape (n,), int64
        The labels.
    temperature, alpha : float or Tensor of shape (k, 1, 1)
        T > 0; alpha from 0 to 1.
    """
    log_q = torch.log_softmax(logits / temperature, -1)
    soft = F.kl_div(log_q, targets.expand_as(logits), reduction="none").sum(-1)
    hard = -torch.log_softmax(logits, -1)[:, torch.arange(len(y)), y]
    alpha, temperature = (
        x.squeeze(-1) if isinstance(x, Tensor) else x for x in (alpha, temperature)
    )
    return (alpha * temperature**2 * soft + (1 - alpha) * hard).mean(-1)


def constant_part(
    targets: Tensor, y: Tensor, temperature: float | Tensor, alpha: float | Tensor
) -> Tensor:
    """Return what the gradient subtracts, the same at every step: `alpha T q + (1 - alpha) y`.

    Parameters are those of `distillation_loss`; the result has the shape of `targets`,
    with a leading k where `alpha` or `temperature` has one.
    """
    hard = F.one_hot(y, targets.shape[-1]).to(targets.dtype)
    return alpha * temperature * targets + (1 - alpha) * hard


def distillation_gradient(
    logits: Tensor, constant: Tensor, temperature: float | Tensor, alpha: float | Tensor
) -> Tensor:
    """Return d(n · loss)/d(logits), shape (k, n, n_classes), by the closed form.

    `alpha T (softmax(z / T) - q) + (1 - alpha) (softmax(z) - y)`; from Hinton, Vinyals,
    Dean 2015, equation 2, times T² and plus the cross-entropy's. Summed over samples:
    divide by n for the gradient of the mean.

    Parameters
    ----------
    logits : Tensor of shape (k, n, n_classes)
        The students' logits.
    constant : Tensor of shape (n, n_classes) or (k, n, n_classes)
        From `constant_part`.
    temperature, alpha : float or Tensor of shape (k, 1, 1)
        T > 0; alpha from 0 to 1.
    """
    soft = torch.softmax(logits / temperature, -1) * (alpha * temperature)
    return soft.add_(torch.softmax(logits, -1) * (1 - alpha)).sub_(constant)
