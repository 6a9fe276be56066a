"""The distillation loss, its soft targets and its gradient at the logits."""

from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
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

    `alpha` weighs the ensemble; T² keeps the size of the soft gradient when T is large
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


class LogitGradient:
    """The gradient of the mean distillation loss at the logits, with all memory taken once.

    `(alpha T (softmax(z / T) - q) + (1 - alpha) (softmax(z) - y)) / n`: from Hinton, Vinyals,
    Dean 2015, equation 2, times T² and plus the cross-entropy's. Classes come before samples,
    so that the processor handles many samples at once.

    Parameters
    ----------
    temperature, alpha : Tensor of shape (k,)
        T > 0; alpha from 0 to 1.
    shape : tuple of int
        (k, n_classes, n), the shape of the logits.
    scale : float
        The logits z are `scale` times what a call receives, and its result is the gradient
        at z times `scale`: by the chain rule, the gradient at what it received.
    """

    def __init__(
        self, temperature: Tensor, alpha: Tensor, shape: tuple[int, int, int], scale: float = 1.0
    ) -> None:
        k, n_classes, n = shape
        # The hard part, and the soft part beside it if any student listens to the ensemble.
        n_parts = 2 if alpha.any() else 1
        rates = torch.stack([torch.ones_like(temperature), 1 / temperature], 1)[:, :n_parts]
        weights = torch.stack([1 - alpha, alpha * temperature], 1)[:, :n_parts]
        self._rates = (rates * scale).view(k, n_parts, 1, 1).numpy()
        self._weights = weights.reshape(k, n_parts, 1, 1).numpy()
        self._scale = scale / n
        self._parts_tensor = temperature.new_empty(k, n_parts, n_classes, n)
        self._parts = self._parts_tensor.numpy()
        self._gradient = temperature.new_empty(shape).numpy()

    def __call__(self, logits: NDArray[Any], constant: NDArray[Any]) -> NDArray[Any]:
        """Return the gradient, shape (k, n_classes, n); the next call overwrites it.

        Parameters
        ----------
        logits : array of shape (k, n_classes, n)
            The students' logits, divided by `scale`.
        constant : array of shape (k, n_classes, n)
            From `constant_part`, with classes before samples.
        """
        parts, gradient = self._parts, self._gradient
        np.multiply(logits[:, None], self._rates, out=parts)
        torch.softmax(self._parts_tensor, 2, out=self._parts_tensor)
        np.multiply(parts, self._weights, out=parts)
        np.subtract(parts[:, 0], constant, out=gradient)
        for soft in range(1, parts.shape[1]):
            np.add(gradient, parts[:, soft], out=gradient)
        return np.multiply(gradient, self._scale, out=gradient)
