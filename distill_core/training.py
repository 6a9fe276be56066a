"""Stacked training: the whole ensemble in one pass, any number of students in another.

The backward pass is written out by hand: for small networks most of autograd's time is
bookkeeping. Tests hold it against autograd and against separately trained networks.
"""

import math
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from distill_core.losses import constant_part, distillation_gradient, soft_targets
from distill_core.networks import Stack
from distill_core.specs import EnsembleSpec, Schedule, StudentSpec

# Called after every optimiser step with (steps done, steps in all, the stack as it is now).
# It may raise to stop the training; the exception reaches the caller.
OnStep = Callable[[int, int, Stack], None]

_INIT, _ORDER, _DROPOUT = range(3)


class TrainingDivergedError(RuntimeError):
    """Training reached numbers that are not finite; the message says when."""


def fit_ensemble(
    spec: EnsembleSpec,
    X: Tensor,
    y: Tensor,
    *,
    members: Sequence[int] | None = None,
    on_step: OnStep | None = None,
) -> Stack:
    """Train teachers on hard labels, each with its own start, batch order and dropout masks.

    Parameters
    ----------
    spec : EnsembleSpec
        Architecture, seed and schedule.
    X : Tensor of shape (n, d), float32
        Inputs: features or plane coordinates.
    y : Tensor of shape (n,), int64
        Labels counted from 0, each class at least once.
    members : sequence of int, optional
        Which teachers to train; all by default. A teacher does not depend on the others,
        so parts trained apart and joined equal the whole: bit by bit when the hidden layers
        are multiples of 8 wide, else up to rounding (kernels of matrix products may round
        differently by where in memory a matrix begins).
    on_step : callable, optional
        Progress, snapshots and stopping.

    Raises
    ------
    TrainingDivergedError
        When a parameter is no longer finite.
    """
    chosen = range(spec.n_members) if members is None else members
    n_classes = int(y.max()) + 1
    sizes = (X.shape[1], *spec.hidden, n_classes)
    stack = Stack.initialised([_generator(_INIT, spec.seed, m) for m in chosen], sizes)
    labels = F.one_hot(y, n_classes).to(X.dtype)

    def gradient(logits: Tensor, constant: Tensor) -> Tensor:
        return torch.softmax(logits, -1).sub_(constant)

    _run(
        stack,
        X,
        labels.expand(len(chosen), *labels.shape),
        gradient,
        [_generator(_ORDER, spec.seed, m) for m in chosen],
        spec.schedule,
        dropout=[_generator(_DROPOUT, spec.seed, m) for m in chosen],
        dropout_rate=spec.dropout,
        on_step=on_step,
    )
    return stack


def fit_students(
    specs: Sequence[StudentSpec],
    X: Tensor,
    y: Tensor,
    ensemble_logits: Tensor,
    *,
    on_step: OnStep | None = None,
) -> Stack:
    """Train students of one shape and schedule side by side; any mix of T, alpha and seeds.

    Students with the same seed start from the same weights and see the same batches in
    the same order, so a student and its twin (alpha = 0) differ in the loss alone.

    Parameters
    ----------
    specs : sequence of StudentSpec
        At least one; equal in `hidden`, `schedule` and the way the ensemble is combined.
    X : Tensor of shape (n, d), float32
        Inputs: features or plane coordinates.
    y : Tensor of shape (n,), int64
        Labels counted from 0.
    ensemble_logits : Tensor of shape (n_members, n, n_classes)
        The teachers' logits for X.
    on_step : callable, optional
        Progress, snapshots and stopping.

    Returns
    -------
    Stack
        One network per spec, in order.

    Raises
    ------
    ValueError
        When the specs cannot be trained in one stack.
    TrainingDivergedError
        When a parameter is no longer finite.
    """
    first = specs[0]
    if len({(s.hidden, s.schedule, s.ensemble.combine) for s in specs}) > 1:
        raise ValueError(
            "Students trained in one stack need equal hidden layers and schedules, and an "
            "ensemble combined in one way."
        )
    targets = {
        t: soft_targets(ensemble_logits, t, first.ensemble.combine)
        for t in {s.temperature for s in specs}
    }
    constant = torch.stack(
        [constant_part(targets[s.temperature], y, s.temperature, s.alpha) for s in specs]
    )
    temperature = torch.tensor([s.temperature for s in specs]).view(-1, 1, 1)
    alpha = torch.tensor([s.alpha for s in specs]).view(-1, 1, 1)

    def gradient(logits: Tensor, constant: Tensor) -> Tensor:
        return distillation_gradient(logits, constant, temperature, alpha)

    sizes = (X.shape[1], *first.hidden, constant.shape[-1])
    stack = Stack.initialised([_generator(_INIT, s.seed) for s in specs], sizes)
    orders = [_generator(_ORDER, s.seed) for s in specs]
    _run(stack, X, constant, gradient, orders, first.schedule, on_step=on_step)
    return stack


def learning_rates(schedule: Schedule, n_steps: int) -> Iterator[float]:
    """Yield the learning rate of every step, as the schedule's shape says."""
    rise = 0.3 * n_steps
    for step in range(1, n_steps + 1):
        if schedule.shape == "constant":
            yield schedule.learning_rate
        elif step <= rise:
            yield schedule.learning_rate * step / rise
        else:
            fall = (step - rise) / (n_steps - rise)
            yield schedule.learning_rate * 0.5 * (1 + math.cos(math.pi * fall))


def _generator(stream: int, *entropy: int) -> np.random.Generator:
    """Return a random stream that depends on its numbers alone, the same on every machine."""
    return np.random.Generator(np.random.SFC64(np.random.SeedSequence([stream, *entropy])))


def _run(
    stack: Stack,
    X: Tensor,
    constant: Tensor,
    gradient: Callable[[Tensor, Tensor], Tensor],
    orders: Sequence[np.random.Generator],
    schedule: Schedule,
    *,
    dropout: Sequence[np.random.Generator] = (),
    dropout_rate: float = 0.0,
    on_step: OnStep | None = None,
) -> None:
    """Train a stack in place with Adam.

    `constant` (k, n, n_classes) is shuffled along with X and handed to `gradient`, which
    returns the summed gradient of the loss at the logits. Dropout follows the first two
    hidden layers; its rate is rounded to a multiple of 1/256, so that one random byte
    decides one unit.
    """
    n, n_steps = len(X), schedule.epochs * math.ceil(len(X) / schedule.batch_size)
    rates = learning_rates(schedule, n_steps)
    grad = Stack.empty(stack.k, stack.sizes)
    average, square = (torch.zeros_like(stack.flat) for _ in range(2))
    count = torch.zeros(())
    threshold = min(255, round(256 * dropout_rate)) if dropout else 0
    scale = 256 / (256 - threshold)
    step = 0
    for _ in range(schedule.epochs):
        index = torch.from_numpy(np.stack([g.permutation(n) for g in orders]))
        shuffled_X = X[index]
        shuffled_constant = torch.stack([c[i] for c, i in zip(constant, index, strict=True)])
        for start in range(0, n, schedule.batch_size):
            batch = slice(start, start + schedule.batch_size)
            kept = _kept_units(dropout, stack.sizes, min(schedule.batch_size, n - start), threshold)
            _backward(
                stack,
                grad,
                shuffled_X[:, batch],
                shuffled_constant[:, batch],
                gradient,
                kept,
                scale,
            )
            # The fused kernel that torch.optim.Adam(fused=True) ends in, without its wrapper.
            torch._fused_adam_(
                [stack.flat],
                [grad.flat],
                [average],
                [square],
                [],
                [count.add_(1)],
                lr=next(rates),
                beta1=0.9,
                beta2=0.999,
                weight_decay=schedule.weight_decay,
                eps=1e-8,
                amsgrad=False,
                maximize=False,
            )
            step += 1
            if on_step is not None:
                on_step(step, n_steps, stack)
        if not torch.isfinite(stack.flat).all():
            raise TrainingDivergedError(
                f"Training diverged by step {step} of {n_steps}: a weight is no longer a finite "
                f"number at learning rate {schedule.learning_rate:g}."
            )


def _kept_units(
    generators: Sequence[np.random.Generator], sizes: Sequence[int], n: int, threshold: int
) -> list[NDArray[np.bool_]]:
    """Return which units to keep after the first two hidden layers, each (k, n, width)."""
    if threshold == 0:
        return []
    kept = []
    for width in sizes[1:-1][:2]:
        # Raw words are several times faster than one random number per unit.
        words = np.stack([g.bit_generator.random_raw(-(-n * width // 8)) for g in generators])
        drawn = words.view(np.uint8)[:, : n * width]
        kept.append((drawn >= threshold).reshape(len(generators), n, width))
    return kept


def _backward(
    stack: Stack,
    grad: Stack,
    X: Tensor,
    constant: Tensor,
    gradient: Callable[[Tensor, Tensor], Tensor],
    kept: Sequence[NDArray[np.bool_]] = (),
    kept_scale: float = 1.0,
) -> None:
    """Write the gradient of the mean loss over a batch X (k, b, d) into `grad`.

    A dropped unit is set to zero and the next product is scaled by 1 / (1 - rate), which
    costs nothing inside a matrix product.
    """
    last = len(stack.weights) - 1
    inputs, scales = [X], [1.0]
    for level, (weight, bias) in enumerate(stack.layers()):
        z = torch.baddbmm(bias, inputs[-1], weight, alpha=scales[-1])
        if level == last:
            break
        z.clamp_min_(0)
        if level < len(kept):
            # NumPy multiplies by booleans several times faster than torch fills by them.
            # Infinity times zero is NaN without a warning: the check after the epoch reports it.
            with np.errstate(invalid="ignore"):
                np.multiply(z.numpy(), kept[level], out=z.numpy())
        inputs.append(z)
        scales.append(kept_scale if level < len(kept) else 1.0)
    delta = gradient(z, constant).div_(X.shape[1])
    for level in range(last, -1, -1):
        a, scale = inputs[level], scales[level]
        target = grad.weights[level]
        torch.baddbmm(target, a.transpose(1, 2), delta, beta=0, alpha=scale, out=target)
        torch.sum(delta, 1, keepdim=True, out=grad.biases[level])
        if level:
            weight = stack.weights[level].transpose(1, 2)
            delta = torch.baddbmm(weight[:, :1, :1], delta, weight, beta=0, alpha=scale)
            delta = torch.ops.aten.threshold_backward(delta, a, 0)
