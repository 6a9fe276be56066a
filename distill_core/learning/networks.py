"""Stacked multilayer perceptrons: k networks of one shape as one set of (k, in, out) tensors."""

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import threadpoolctl  # type: ignore[import-untyped]
import torch
from numpy.typing import NDArray
from torch import Tensor

# NumPy's products are split among threads in ways that differ in the last bits, so an answer
# would depend on how many threads its process has. Networks of this size are fastest on one, and
# idle threads of the others only take the cores from workers and browser.
threadpoolctl.threadpool_limits(1, user_api="blas")

# Each network's parameters fill whole blocks of so many floats. Vector kernels round the rest of
# an array that fills no whole vector by other instructions; without a rest, no parameter depends
# on its network's place in the stack.
_BLOCK = 16


@dataclass(frozen=True, eq=False)
class Stack:
    """k multilayer perceptrons of the same shape, ReLU between the layers.

    Parameters
    ----------
    flat : Tensor of shape (k, at least n_parameters)
        The memory of all parameters, one network after the other, so that an optimiser can
        treat them as one; zeros fill each network's last block.
    blocks : tuple of Tensor, each (k, in + 1, out)
        Views into `flat`, one per layer: the bias is one more row of the weights, for an
        input that is always 1.
    """

    flat: Tensor
    blocks: tuple[Tensor, ...]

    @classmethod
    def empty(cls, k: int, sizes: Sequence[int]) -> Self:
        """Return k networks with layer sizes (inputs, hidden..., classes), zeros everywhere."""
        shapes = [(k, i + 1, o) for i, o in itertools.pairwise(sizes)]
        flat = torch.zeros(k, math.ceil(n_parameters(sizes) / _BLOCK) * _BLOCK)
        parts = flat[:, : n_parameters(sizes)].split([i * o for _, i, o in shapes], dim=1)
        blocks = (part.view(shape) for part, shape in zip(parts, shapes, strict=True))
        return cls(flat, tuple(blocks))

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
        torch.cat([s.flat for s in stacks], out=joined.flat)
        return joined

    @property
    def weights(self) -> tuple[Tensor, ...]:
        """Weights of each layer, (k, in, out)."""
        return tuple(block[:, :-1] for block in self.blocks)

    @property
    def biases(self) -> tuple[Tensor, ...]:
        """Biases of each layer, (k, 1, out)."""
        return tuple(block[:, -1:] for block in self.blocks)

    @property
    def k(self) -> int:
        """Number of networks."""
        return len(self.flat)

    @property
    def sizes(self) -> tuple[int, ...]:
        """Layer sizes: inputs, hidden layers, classes."""
        return (self.blocks[0].shape[1] - 1, *(block.shape[2] for block in self.blocks))

    @property
    def n_parameters(self) -> int:
        """Number of parameters of one network."""
        return n_parameters(self.sizes)

    def layers(self) -> list[tuple[Tensor, Tensor]]:
        """Return (weight, bias) of every layer, the first layer first."""
        return list(zip(self.weights, self.biases, strict=True))

    def clone(self) -> Self:
        """Return a copy with memory of its own."""
        copy = type(self).empty(self.k, self.sizes)
        copy.flat.copy_(self.flat)
        return copy

    def view(self, part: slice) -> Self:
        """Return some of the networks, not copied: who changes them changes these."""
        return type(self)(self.flat[part], tuple(block[part] for block in self.blocks))

    def members(self, index: Sequence[int]) -> Self:
        """Return a copy of some of the networks, in the order of `index`."""
        chosen = type(self).empty(len(index), self.sizes)
        chosen.flat.copy_(self.flat[list(index)])
        return chosen

    def logits(self, X: Tensor) -> Tensor:
        """Return the outputs (k, n, n_classes) before the softmax.

        Parameters
        ----------
        X : Tensor of shape (n, d) or (k, n, d), float32
            Inputs for all networks, or for each network its own.
        """
        a = with_ones(X)
        for block in self.blocks[:-1]:
            z = torch.ones(self.k, X.shape[-2], block.shape[2] + 1, dtype=X.dtype)
            # NumPy's products of small matrices are faster than torch's, and the same wherever
            # in memory a matrix begins: an answer does not depend on the rest of the stack.
            np.matmul(a, block.numpy(), out=z.numpy()[..., :-1])
            a = z.clamp_min_(0).numpy()
        return torch.from_numpy(np.matmul(a, self.blocks[-1].numpy()))

    def on_plane(self, origin: NDArray[np.float64], basis: NDArray[np.float64]) -> Self:
        """Return the same functions seen on a plane: networks of the coordinates (u, v).

        The first layer applied to `o + uv B` is an affine map of uv itself, so a section
        through d dimensions costs no more than a network with two inputs.

        Parameters
        ----------
        origin, basis : ndarray of shape (d,) and (2, d)
            Of a `geometry.planes.Plane`.
        """
        first = self.weights[0].double()
        section = type(self).empty(self.k, (2, *self.sizes[1:]))
        section.weights[0].copy_(torch.from_numpy(basis) @ first)
        section.biases[0].copy_(self.biases[0] + torch.from_numpy(origin)[None] @ first)
        for target, source in zip(section.blocks[1:], self.blocks[1:], strict=True):
            target.copy_(source)
        return section

    def to_arrays(self) -> dict[str, NDArray[np.float32]]:
        """Return the parameters by name: `weight0` (k, in, out), `bias0` (k, 1, out), ..."""
        return {
            f"{name}{level}": tensor.contiguous().numpy()
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
            weight.copy_(torch.tensor(weights[level]))
            bias.copy_(torch.tensor(arrays[f"bias{level}"]))
        return stack


def n_parameters(sizes: Sequence[int]) -> int:
    """Return the number of parameters of one network with these layer sizes."""
    return sum((i + 1) * o for i, o in itertools.pairwise(sizes))


def with_ones(X: Tensor) -> NDArray[Any]:
    """Return inputs (..., n, d) with a last column of ones, which the bias row multiplies."""
    return np.concatenate([X.numpy(), np.ones_like(X[..., :1].numpy())], axis=-1)
