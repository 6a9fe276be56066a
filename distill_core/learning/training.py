"""Stacked training: the whole ensemble in one pass, any number of students in another."""

import functools
import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import threadpoolctl  # type: ignore[import-untyped]
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from distill_core.learning.backprop import Backprop
from distill_core.learning.losses import LogitGradient, constant_part, soft_targets
from distill_core.learning.networks import Stack, with_ones
from distill_core.specs import EnsembleSpec, Schedule, StudentSpec

# Called with (steps done, steps in all, the stack as it is now), once for each step; it may raise
# to stop the training, and the exception reaches the caller. Networks of a large stack take turns,
# and the steps are their average. All are equally far after the first step and after each epoch.
OnStep = Callable[[int, int, Stack], None]

_INIT, _ORDER, _DROPOUT = range(3)
# Bytes that a part of a stack works on: more, and they leave the processor's cache between two
# steps; less, and the time goes into calls. Nearly flat from 2 to 8 MB where it was measured.
_WORKING_SET = 4 * 2**20


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
        Which teachers to train; all by default. A teacher does not depend on the others, so
        parts trained apart and joined equal the whole bit by bit.
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
    # Labels alone: the distillation loss with no weight on an ensemble.
    ones = torch.ones(stack.k)
    labels = F.one_hot(y, n_classes).to(X.dtype)
    _run(
        stack,
        X,
        labels.expand(stack.k, -1, -1),
        ones,
        ones - 1,
        [(spec.seed, m) for m in chosen],
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
    the same order, so a student and its twin (alpha = 0) differ in the loss alone. A student
    does not depend on its company: it has the same bits in any stack.

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
    sizes = (X.shape[1], *first.hidden, constant.shape[-1])
    stack = Stack.initialised([_generator(_INIT, s.seed) for s in specs], sizes)
    _run(
        stack,
        X,
        constant,
        torch.tensor([s.temperature for s in specs]),
        torch.tensor([s.alpha for s in specs]),
        [(s.seed,) for s in specs],
        first.schedule,
        on_step=on_step,
    )
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
    temperature: Tensor,
    alpha: Tensor,
    orders: Sequence[tuple[int, ...]],
    schedule: Schedule,
    *,
    dropout: Sequence[np.random.Generator] = (),
    dropout_rate: float = 0.0,
    on_step: OnStep | None = None,
) -> None:
    """Train a stack in place with Adam on the distillation loss.

    `constant` (k, n, n_classes) is from `constant_part`, `temperature` and `alpha` are (k,),
    and `orders` are the seeds of each network's shuffling. Dropout follows the first two
    hidden layers; its rate is rounded to a multiple of 1/256, so that one random byte
    decides one unit.
    """
    inputs = with_ones(X)
    n_batches = math.ceil(len(X) / schedule.batch_size)
    n_steps = schedule.epochs * n_batches
    threshold = min(255, round(256 * dropout_rate)) if dropout else 0
    n_parts = math.ceil(stack.k * _bytes_per_network(stack, schedule) / _WORKING_SET)
    cuts = np.linspace(0, stack.k, min(n_parts, stack.k) + 1).astype(int).tolist()
    parts = [
        _steps(
            stack.view(part),
            inputs,
            constant[part],
            temperature[part],
            alpha[part],
            orders[part],
            schedule,
            dropout[part],
            threshold,
        )
        for part in itertools.starmap(slice, itertools.pairwise(cuts))
    ]
    turns = [1, n_batches - 1, *[n_batches] * (schedule.epochs - 1)]
    taken = 0
    with _libraries().limit(limits=1):
        for turn in turns:
            for part in parts:
                for _ in itertools.islice(part, turn):
                    taken += 1
                    if on_step is not None and taken % len(parts) == 0:
                        on_step(taken // len(parts), n_steps, stack)


def _steps(
    stack: Stack,
    X: NDArray[Any],
    constant: Tensor,
    temperature: Tensor,
    alpha: Tensor,
    orders: Sequence[tuple[int, ...]],
    schedule: Schedule,
    dropout: Sequence[np.random.Generator],
    threshold: int,
) -> Iterator[None]:
    """Train a part of a stack, one optimiser step at a time."""
    # One order of the batches is enough for networks that all have the same.
    seeds = orders if len(set(orders)) > 1 else orders[:1]
    shuffles = [_generator(_ORDER, *seed) for seed in seeds]
    n_steps = schedule.epochs * math.ceil(len(X) / schedule.batch_size)
    rates = learning_rates(schedule, n_steps)
    dropped = stack.sizes[1:-1][: 2 if threshold else 0]
    scale = 256 / (256 - threshold)
    grad = Stack.empty(stack.k, stack.sizes)
    average, square = (torch.zeros_like(stack.flat) for _ in range(2))

    @functools.cache
    def backprop(n_batch: int) -> Backprop:
        shape = (stack.k, stack.sizes[-1], n_batch)
        logit_gradient = LogitGradient(temperature, alpha, shape, scale ** len(dropped))
        return Backprop(stack, grad, n_batch, logit_gradient, n_dropped=len(dropped), scale=scale)

    step = 0
    for batches in _epochs(X, constant, shuffles, schedule):
        for batch_X, batch_constant in batches:
            size = batch_X.shape[1]
            kept = _kept_units(dropout, dropped, size, threshold) if dropped else ()
            backprop(size)(batch_X, batch_constant, kept)
            step += 1
            # The fused kernel that torch.optim.Adam(fused=True) ends in, without its wrapper.
            torch._fused_adam_(
                [stack.flat],
                [grad.flat],
                [average],
                [square],
                [],
                [torch.tensor(float(step))],
                lr=next(rates),
                beta1=0.9,
                beta2=0.999,
                weight_decay=schedule.weight_decay,
                eps=1e-8,
                amsgrad=False,
                maximize=False,
            )
            if step % len(batches) == 0 and not torch.isfinite(stack.flat).all():
                raise TrainingDivergedError(
                    f"Training diverged by step {step} of {n_steps}: a weight is no longer a "
                    f"finite number at learning rate {schedule.learning_rate:g}."
                )
            yield


def _bytes_per_network(stack: Stack, schedule: Schedule) -> int:
    """Return what one network works on: four numbers per parameter, two per unit and sample."""
    units = sum(width + 1 for width in stack.sizes[1:-1])
    return 4 * (4 * stack.n_parameters + 2 * units * schedule.batch_size)


@functools.cache
def _libraries() -> threadpoolctl.ThreadpoolController:
    """Return the libraries that have threads; networks of this size are fastest on one.

    With one thread results do not depend on how many a process has, either.
    """
    return threadpoolctl.ThreadpoolController()


def _epochs(
    X: NDArray[Any], constant: Tensor, orders: Sequence[np.random.Generator], schedule: Schedule
) -> Iterator[list[tuple[NDArray[Any], NDArray[Any]]]]:
    """Shuffle once per epoch and yield its batches: X (k or 1, b, d) and constant (k, C, b).

    All epochs share their memory.
    """
    by_class = constant.mT.contiguous().numpy()
    shuffled_X = np.empty((len(orders), *X.shape), X.dtype)
    shuffled_constant = np.empty_like(by_class)
    cuts = range(0, len(X), schedule.batch_size)
    slices = [slice(start, start + schedule.batch_size) for start in cuts]
    batches = [(shuffled_X[:, part], shuffled_constant[:, :, part]) for part in slices]
    for _ in range(schedule.epochs):
        indices = [generator.permutation(len(X)) for generator in orders]
        for index, target in zip(indices, shuffled_X, strict=True):
            # Indices are valid: "clip" only spares NumPy the check before it writes.
            np.take(X, index, axis=0, out=target, mode="clip")
        for member, target in enumerate(shuffled_constant):
            index = indices[member % len(indices)]
            np.take(by_class[member], index, axis=1, out=target, mode="clip")
        yield batches


def _kept_units(
    generators: Sequence[np.random.Generator], widths: Sequence[int], n: int, threshold: int
) -> list[NDArray[np.bool_]]:
    """Return which units of dropped layers to keep, each (k, n, width + 1), the last always."""
    kept = [np.empty((len(generators), n, width + 1), bool) for width in widths]
    for layer in kept:
        for generator, units in zip(generators, layer.reshape(len(generators), -1), strict=True):
            # Raw words are several times faster than one random number per unit.
            words = generator.bit_generator.random_raw(-(-units.size // 8))
            np.greater_equal(words.view(np.uint8)[: units.size], threshold, out=units)
        layer[..., -1] = True
    return kept
