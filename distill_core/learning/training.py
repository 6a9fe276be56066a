"""Stacked training: the whole ensemble in one pass, any number of students in another."""

import functools
import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, fields
from typing import Any, Self

import numpy as np
import threadpoolctl  # type: ignore[import-untyped]
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from distill_core.learning.backprop import Backprop
from distill_core.learning.batches import (
    DROPOUT,
    INIT,
    ORDER,
    draw_kept_units,
    make_generator,
    shuffle_epochs,
)
from distill_core.learning.losses import LogitGradient, constant_part, soft_targets
from distill_core.learning.networks import Stack, with_ones
from distill_core.specs import EnsembleSpec, Schedule, StudentSpec

# Called with (steps done, steps in all, the stack as it is now), once for each step; it may raise
# to stop the training, and the exception reaches the caller. Networks of a large stack take turns,
# and the steps are their average. All are equally far after the first step and after each epoch.
OnStep = Callable[[int, int, Stack], None]

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
    stack = Stack.initialised([make_generator(INIT, spec.seed, m) for m in chosen], sizes)
    # Labels alone: the distillation loss with no weight on an ensemble.
    ones = torch.ones(stack.k)
    labels = F.one_hot(y, n_classes).to(X.dtype)
    own = _PerNetwork(
        temperature=ones,
        alpha=ones - 1,
        constant=labels.expand(stack.k, -1, -1),
        orders=[(spec.seed, m) for m in chosen],
        dropout=[make_generator(DROPOUT, spec.seed, m) for m in chosen],
    )
    # One random byte decides one unit, so the rate is rounded to a multiple of 1/256.
    _train(stack, X, own, spec.schedule, min(255, round(256 * spec.dropout)), on_step)
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
    own = _PerNetwork(
        temperature=torch.tensor([s.temperature for s in specs]),
        alpha=torch.tensor([s.alpha for s in specs]),
        constant=torch.stack(
            [constant_part(targets[s.temperature], y, s.temperature, s.alpha) for s in specs]
        ),
        orders=[(s.seed,) for s in specs],
    )
    sizes = (X.shape[1], *first.hidden, own.constant.shape[-1])
    stack = Stack.initialised([make_generator(INIT, s.seed) for s in specs], sizes)
    _train(stack, X, own, first.schedule, 0, on_step)
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


@dataclass(frozen=True, eq=False)
class _PerNetwork:
    """What belongs to each of the k networks of a stack, beside its parameters.

    Parameters
    ----------
    temperature, alpha : Tensor of shape (k,)
        Of each network's loss.
    constant : Tensor of shape (k, n, n_classes)
        What the gradient of each loss subtracts, from `constant_part`.
    orders : sequence of k tuples of int
        The seeds of each network's shuffling.
    dropout : sequence of k generators
        What draws each network's dropped units; empty where nothing is dropped.
    """

    temperature: Tensor
    alpha: Tensor
    constant: Tensor
    orders: Sequence[tuple[int, ...]]
    dropout: Sequence[np.random.Generator] = ()

    def view(self, part: slice) -> Self:
        """Return what belongs to some of the networks, not copied."""
        return type(self)(*(getattr(self, field.name)[part] for field in fields(self)))


def _train(
    stack: Stack,
    X: Tensor,
    own: _PerNetwork,
    schedule: Schedule,
    threshold: int,
    on_step: OnStep | None,
) -> None:
    """Train a stack in place, in parts that take turns.

    `threshold` is how many of the 256 values of a random byte drop a unit.
    """
    inputs = with_ones(X)
    n_batches = math.ceil(len(X) / schedule.batch_size)
    n_steps = schedule.epochs * n_batches
    n_parts = math.ceil(stack.k * _bytes_per_network(stack, schedule) / _WORKING_SET)
    cuts = np.linspace(0, stack.k, min(n_parts, stack.k) + 1).astype(int).tolist()
    parts = [
        _steps(stack.view(part), inputs, own.view(part), schedule, threshold)
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
    stack: Stack, X: NDArray[Any], own: _PerNetwork, schedule: Schedule, threshold: int
) -> Iterator[None]:
    """Train a part of a stack with Adam on the distillation loss, step by step."""
    # One order of the batches is enough for networks that all have the same.
    seeds = own.orders if len(set(own.orders)) > 1 else own.orders[:1]
    shuffles = [make_generator(ORDER, *seed) for seed in seeds]
    n_steps = schedule.epochs * math.ceil(len(X) / schedule.batch_size)
    rates = learning_rates(schedule, n_steps)
    # Dropout follows the first two hidden layers.
    dropped = stack.sizes[1:-1][: 2 if threshold else 0]
    scale = 256 / (256 - threshold)
    grad = Stack.empty(stack.k, stack.sizes)
    average, square = (torch.zeros_like(stack.flat) for _ in range(2))
    # The fused kernel that torch.optim.Adam(fused=True) ends in, without its wrapper.
    adam = functools.partial(
        torch._fused_adam_,
        *([stack.flat], [grad.flat], [average], [square], []),
        beta1=0.9,
        beta2=0.999,
        weight_decay=schedule.weight_decay,
        eps=1e-8,
        amsgrad=False,
        maximize=False,
    )

    @functools.cache
    def memory(n: int) -> tuple[Backprop, LogitGradient]:
        """Take the memory for batches of one size; the last of an epoch may be smaller."""
        shape = (stack.k, stack.sizes[-1], n)
        return (
            Backprop(stack, grad, n, len(dropped), scale),
            LogitGradient(own.temperature, own.alpha, shape, scale ** len(dropped)),
        )

    step = 0
    for batches in shuffle_epochs(X, own.constant, shuffles, schedule):
        for batch_X, constant in batches:
            step += 1
            network, logit_gradient = memory(batch_X.shape[1])
            kept = draw_kept_units(own.dropout, dropped, batch_X.shape[1], threshold)
            # What is not finite is found by the check after the epoch.
            with np.errstate(all="ignore"):
                logits = network.forward(batch_X, kept)
                network.backward(batch_X, logit_gradient(logits, constant))
            adam([torch.tensor(float(step))], lr=next(rates))
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
