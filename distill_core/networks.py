"""Stacked multilayer perceptrons: k networks of one shape as one set of (k, in, out) tensors."""

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from distill_core.planes import Plane

# Floats per block of parameter memory. Vector kernels round the rest of an array that fills no
# whole vector by other instructions; without a rest, no parameter depends on the stack's size.
_BLOCK = 16


@dataclass(frozen=True, eq=False)
class Stack:
    """k multilayer perceptrons of the same shape, ReLU between the layers.

    Parameters
    ----------
    flat : Tensor of shape (at least n_parameters * k,)
        The memory of all parameters, so that an optimiser can treat them as one; zeros fill
        its last block.
    weights : tuple of Tensor, each (k, in, out)
        Views into `flat`, one per layer.
    biases : tuple of Tensor, each (k, 1, out)
        Views into `flat`, one per layer.
    """

    flat: Tensor
    weights: tuple[Tensor, ...]
    biases: tuple[Tensor, ...]

    @classmethod
    def empty(cls, k: int, sizes: Sequence[int]) -> Self:
        """Return k networks with layer sizes (inputs, hidden..., classes), zeros everywhere."""
        shapes = [shape for i, o in itertools.pairwise(sizes) for shape in ((k, i, o), (k, 1, o))]
        lengths = [math.prod(shape) for shape in shapes]
        flat = torch.zeros(math.ceil(sum(lengths) / _BLOCK) * _BLOCK)
        parts = flat[: sum(lengths)].split(lengths)
        views = [part.view(shape) for part, shape in zip(parts, shapes, strict=True)]
        return cls(flat, tuple(views[::2]), tuple(views[1::2]))

    @classmethod
    def initialised(cls, generators: Sequence[np.random.Generator], sizes: Sequence[int]) -> Self:
        """Return one network per generator, drawn as `torch.nn.Linear` draws: U(±1/√in).

        A network depends on its own generator only, not on its neighbours in the stack.
        """
        stack = cls.empty(len(generators), sizes)
        for member, generator in enumerate(generators):
            for weight, bias in stack.layers():
                bound = 1 / math.sqrt(weight.shape[1])
                for tensor in (weight[member], bias[member]):
                    drawn = generator.random(tensor.shape, dtype=np.float32)
                    tensor.copy_(torch.from_numpy((2 * drawn - 1) * np.float32(bound)))
        return stack

    @classmethod
    def joined(cls, stacks: Sequence["Stack"]) -> Self:
        """Return all members of stacks of one shape in one stack, in order."""
        joined = cls.empty(sum(s.k for s in stacks), stacks[0].sizes)
        for target, *sources in zip(joined.tensors(), *(s.tensors() for s in stacks), strict=True):
            torch.cat(sources, out=target)
        return joined

    @property
    def k(self) -> int:
        """Number of networks."""
        return self.weights[0].shape[0]

    @property
    def sizes(self) -> tuple[int, ...]:
        """Layer sizes: inputs, hidden layers, classes."""
        return (self.weights[0].shape[1], *(w.shape[2] for w in self.weights))

    @property
    def n_parameters(self) -> int:
        """Number of parameters of one network."""
        return n_parameters(self.sizes)

    def layers(self) -> list[tuple[Tensor, Tensor]]:
        """Return (weight, bias) of every layer, the first layer first."""
        return list(zip(self.weights, self.biases, strict=True))

    def tensors(self) -> list[Tensor]:
        """Return all parameters in the order of `flat`."""
        return [tensor for layer in self.layers() for tensor in layer]

    def clone(self) -> Self:
        """Return a copy with memory of its own."""
        copy = type(self).empty(self.k, self.sizes)
        copy.flat.copy_(self.flat)
        return copy

    def members(self, index: Sequence[int]) -> Self:
        """Return a copy of some of the networks, in the order of `index`."""
        chosen = type(self).empty(len(index), self.sizes)
        for target, source in zip(chosen.tensors(), self.tensors(), strict=True):
            target.copy_(source[list(index)])
        return chosen

    def logits(self, X: Tensor) -> Tensor:
        """Return the outputs (k, n, n_classes) before the softmax.

        Parameters
        ----------
        X : Tensor of shape (n, d) or (k, n, d), float32
            Inputs for all networks, or for each network its own.
        """
        a = X.expand(self.k, *X.shape) if X.ndim == 2 else X
        for weight, bias in self.layers()[:-1]:
            a = torch.baddbmm(bias, a, weight).clamp_min_(0)
        return torch.baddbmm(self.biases[-1], a, self.weights[-1])

    def on_plane(self, plane: Plane) -> Self:
        """Return the same functions seen on a plane: networks of the coordinates (u, v).

        The first layer applied to `o + uv B` is an affine map of uv itself, so a section
        through d dimensions costs no more than a network with two inputs.
        """
        first = self.weights[0].double()
        section = type(self).empty(self.k, (2, *self.sizes[1:]))
        origin, basis = torch.from_numpy(plane.origin), torch.from_numpy(plane.basis)
        section.weights[0].copy_(basis @ first)
        section.biases[0].copy_(self.biases[0] + origin[None] @ first)
        for target, source in zip(section.tensors()[2:], self.tensors()[2:], strict=True):
            target.copy_(source)
        return section

    def to_arrays(self) -> dict[str, NDArray[np.float32]]:
        """Return the parameters by name: `weight0` (k, in, out), `bias0` (k, 1, out), ..."""
        return {
            f"{name}{level}": tensor.numpy()
            for level, layer in enumerate(self.layers())
            for name, tensor in zip(("weight", "bias"), layer, strict=True)
        }

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[np.float32]]) -> Self:
        """Return the stack that `to_arrays` described; other names are left alone."""
        n_layers = sum(name.startswith("weight") for name in arrays)
        weights = [arrays[f"weight{level}"] for level in range(n_layers)]
        stack = cls.empty(len(weights[0]), (weights[0].shape[1], *(w.shape[2] for w in weights)))
        for level, (weight, bias) in enumerate(stack.layers()):
            weight.copy_(torch.from_numpy(weights[level]))
            bias.copy_(torch.from_numpy(arrays[f"bias{level}"]))
        return stack


def n_parameters(sizes: Sequence[int]) -> int:
    """Return the number of parameters of one network with these layer sizes."""
    return sum((i + 1) * o for i, o in itertools.pairwise(sizes))
