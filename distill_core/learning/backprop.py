"""One batch forward and back through a whole stack, with all memory taken once.

The backward pass is written out by hand: for small networks most of autograd's time is
bookkeeping. The products are NumPy's, whose BLAS is faster on small matrices than torch's and
rounds alike wherever in memory a matrix begins, so that no network depends on the rest of its
stack. Tests hold all of this against autograd and against separately trained networks.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from distill_core.learning.networks import Stack

Array = NDArray[Any]

# Writes into its own first argument `delta * (a > 0)`, in one pass over both.
_relu_backward = torch.ops.aten.threshold_backward.grad_input


class Backprop:
    """A stack's logits and the gradient at its parameters, for batches of one size.

    Parameters
    ----------
    stack, grad : Stack
        The networks, and another stack of their shape for the gradient.
    n : int
        Samples per batch.
    n_dropped : int
        How many hidden layers, counted from the first, dropout follows.
    scale : float
        1 / (1 - dropout rate), or 1.
    """

    def __init__(
        self, stack: Stack, grad: Stack, n: int, n_dropped: int = 0, scale: float = 1.0
    ) -> None:
        # Hidden layers have a last column for the bias row of the next block. ReLU networks are
        # homogeneous: kept units need no scaling if that column is divided by the scale instead;
        # then every later number is, up to the logits.
        ones = [scale ** -min(level + 1, n_dropped) for level in range(len(stack.blocks) - 1)]
        self._hidden = [
            _Hidden(stack.flat.new_empty(stack.k, n, width + 1), one)
            for width, one in zip(stack.sizes[1:-1], ones, strict=True)
        ]
        self._logits = stack.flat.new_empty(stack.k, stack.sizes[-1], n).numpy()
        self._logits_out = _transposed(self._logits)
        self._blocks = [block.numpy() for block in stack.blocks]
        self._transposed_blocks = [_transposed(block) for block in self._blocks]
        self._grads = [block.numpy() for block in grad.blocks]

    def forward(self, X: Array, kept: Sequence[Array] = ()) -> Array:
        """Return the logits (k, n_classes, n), divided by `scale ** n_dropped`.

        Parameters
        ----------
        X : array of shape (k, n, d + 1) or (1, n, d + 1)
            Inputs with a last column of ones, for each network its own or for all.
        kept : sequence of bool arrays, each (k, n, width + 1)
            Which units dropout keeps, one per dropped layer; the last column is kept.
        """
        a = X
        for level, hidden in enumerate(self._hidden):
            np.matmul(a, self._blocks[level], out=hidden.out)
            hidden.tensor.relu_()
            a = hidden.array
            if level < len(kept):
                np.multiply(a, kept[level], out=a)
        np.matmul(a, self._blocks[-1], out=self._logits_out)
        return self._logits

    def backward(self, X: Array, logit_gradient: Array) -> None:
        """Write the gradient of the batch that went forward last into `grad`.

        Parameters
        ----------
        X : array
            The inputs that went forward.
        logit_gradient : array of shape (k, n_classes, n)
            The gradient at what `forward` returned.
        """
        delta = _transposed(logit_gradient)
        for level in range(len(self._hidden), 0, -1):
            hidden = self._hidden[level - 1]
            np.matmul(hidden.transposed, delta, out=self._grads[level])
            np.matmul(delta, self._transposed_blocks[level], out=hidden.delta)
            # A dropped unit is zero, so this is dropout's backward pass too.
            _relu_backward(hidden.delta_tensor, hidden.tensor, 0, grad_input=hidden.delta_tensor)
            delta = hidden.delta_out
        np.matmul(_transposed(X), delta, out=self._grads[0])


class _Hidden:
    """The units of a hidden layer (k, n, width + 1) and the gradient there, as all views needed."""

    def __init__(self, tensor: Tensor, one: float) -> None:
        tensor[..., -1] = one
        self.tensor, self.array = tensor, tensor.numpy()
        self.transposed, self.out = _transposed(self.array), self.array[..., :-1]
        self.delta_tensor = torch.zeros_like(tensor)
        self.delta = self.delta_tensor.numpy()
        self.delta_out = self.delta[..., :-1]


def _transposed(stacked: Array) -> Array:
    return stacked.transpose(0, 2, 1)
