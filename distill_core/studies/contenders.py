"""The models whose cost is measured, each ready to be asked.

They go from inputs in memory to class probabilities: networks in torch, the others in
scikit-learn as installed.
"""

import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor, nn

from distill_core.geometry.problems import load_problem
from distill_core.jobs.rivals import refit_rival
from distill_core.learning.networks import Stack
from distill_core.learning.rivals import RIVALS
from distill_core.specs import SpecError
from distill_core.store import Artifact, Store
from distill_core.studies.worth import WorthSpec, name_teachers

# Rows of one call: a single case, and many at once.
BATCHES = (1, 1000)
# Models that cost exactly what another one does.
SAME_COST = {"twin": "student", "best-teacher": "teachers-1", "nearest-teacher": "teachers-1"}

Combine = Literal["logits", "probabilities"]


@dataclass(frozen=True, eq=False)
class Contender:
    """A model that can be asked.

    Parameters
    ----------
    model : str
        As in `worth.summarise`.
    form : str
        "float32", "one after another", "stacked" or "int8".
    predict : callable
        From inputs (n, d) to class probabilities (n, n_classes).
    X : array or Tensor of shape (1000, d)
        Inputs: test rows, again from the first where there are fewer.
    bytes : int, optional
        What it has on disk, where that is not what `worth.summarise` says.
    """

    model: str
    form: str
    predict: Callable[[Any], Any]
    X: Any
    bytes: int | None = None


def list_contenders(spec: WorthSpec, store: Store) -> Iterator[Contender]:
    """Yield the models of the first seed of a finished study, the student first.

    Left out are those of `SAME_COST`. The ensemble comes with its teachers one after another, as
    most are written, and stacked into one product a layer. "int8" has weights of 8 bits (torch's
    dynamic quantization), where torch offers it. Raises SpecError when the study is not finished.
    """
    students = next(iter(spec.blocks))
    X = shape_inputs(load_problem(spec.ensemble.problem).X_test)
    stack = Stack.from_arrays(_read(store, "ensemble", spec.ensemble.digest).arrays)
    fitted = _read(store, "rivals", spec.rivals.digest)
    pair = Stack.from_arrays(_read(store, "students", spec.students(students).digest).arrays)
    combine = spec.ensemble.combine
    yield from list_networks(pair.members([0]), stack, combine, X)
    for name in RIVALS:
        rival = refit_rival(spec.rivals, fitted, name)
        yield Contender(name, "float32", rival.predict_proba, X.numpy())
    teachers = as_modules(stack)
    for n in range(1, stack.k):
        form = "float32" if n == 1 else "one after another"
        yield Contender(name_teachers(n), form, partial(answer, teachers[:n], combine), X)


def list_networks(
    student: Stack, teachers: Stack, combine: Combine, X: Tensor
) -> Iterator[Contender]:
    """Yield a student and an ensemble in every form that torch offers, asked for X (n, d)."""
    for model, stack in (("student", student), ("ensemble", teachers)):
        modules = as_modules(stack)
        form = "float32" if stack.k == 1 else "one after another"
        yield Contender(model, form, partial(answer, modules, combine), X)
        if stack.k > 1:
            yield Contender(model, "stacked", partial(answer_stacked, stack, combine), X)
        small = quantize(modules)
        if small is not None:
            n_bytes = sum(map(_count_int8_bytes, modules))
            yield Contender(model, "int8", partial(answer, small, combine), X, n_bytes)


def shape_inputs(X: Tensor) -> Tensor:
    """Return 1,000 rows of X (n, d), again from the first where there are fewer."""
    return torch.from_numpy(np.resize(X.numpy(), (BATCHES[-1], X.shape[1])))


def as_modules(stack: Stack) -> list[nn.Sequential]:
    """Return each network of a stack as a module of torch with the same weights."""
    modules = []
    for member in range(stack.k):
        layers: list[nn.Module] = []
        for weight, bias in stack.layers():
            layer = nn.Linear(*weight.shape[1:])
            layer.weight = nn.Parameter(weight[member].T.contiguous(), requires_grad=False)
            layer.bias = nn.Parameter(bias[member, 0].clone(), requires_grad=False)
            layers += [layer, nn.ReLU()]
        modules.append(nn.Sequential(*layers[:-1]).eval())
    return modules


@torch.inference_mode()
def answer(modules: Sequence[nn.Module], combine: Combine, X: Tensor) -> Tensor:
    """Return the class probabilities of some networks together, asked one after another."""
    logits = [module(X) for module in modules]
    return _combine(logits[0] if len(logits) == 1 else torch.stack(logits), combine)


@torch.inference_mode()
def answer_stacked(stack: Stack, combine: Combine, X: Tensor) -> Tensor:
    """Return the class probabilities of a stack of networks, one product for all in each layer."""
    a = X.expand(stack.k, *X.shape)
    for level, (weight, bias) in enumerate(stack.layers()):
        z = torch.baddbmm(bias, a, weight)
        a = z if level == len(stack.blocks) - 1 else z.relu_()
    return _combine(a, combine)


def quantize(modules: Sequence[nn.Module]) -> list[nn.Module] | None:
    """Return networks with weights of 8 bits, or None where torch does not offer that."""
    with warnings.catch_warnings():
        # It moves to another package, and says so at every call.
        warnings.simplefilter("ignore")
        try:
            convert: Any = torch.ao.quantization.quantize_dynamic
            return [convert(module, {nn.Linear}, dtype=torch.qint8) for module in modules]
        except (AttributeError, RuntimeError):
            return None


def _combine(logits: Tensor, combine: Combine) -> Tensor:
    if logits.ndim == 2:
        return torch.softmax(logits, -1)
    if combine == "logits":
        return torch.softmax(logits.mean(0), -1)
    return torch.softmax(logits, -1).mean(0)


def _count_int8_bytes(module: nn.Module) -> int:
    """Return the bytes of a quantized network: weights of one byte, the rest of four.

    A layer has a scale and a zero point beside weights and biases.
    """
    layers = [layer for layer in module.modules() if isinstance(layer, nn.Linear)]
    return sum(layer.weight.numel() + 4 * layer.bias.numel() + 8 for layer in layers)


def _read(store: Store, kind: str, digest: str) -> Artifact:
    found = store.get(kind, digest)
    if found is None:
        raise SpecError(f"There is no {kind} yet whose time could be taken: run the study first.")
    return found
