"""What training draws at random: streams of numbers, the order of batches, units to drop."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from distill_core.specs import Schedule

INIT, ORDER, DROPOUT = range(3)
"""Random streams of a network: its start, the order of its samples, what dropout keeps."""


def make_generator(stream: int, *entropy: int) -> np.random.Generator:
    """Return a random stream that depends on its numbers alone, the same on every machine."""
    return np.random.Generator(np.random.SFC64(np.random.SeedSequence([stream, *entropy])))


def shuffle_epochs(
    X: NDArray[Any], constant: Tensor, shuffles: Sequence[np.random.Generator], schedule: Schedule
) -> Iterator[list[tuple[NDArray[Any], NDArray[Any]]]]:
    """Shuffle once per epoch and yield its batches: X (k or 1, b, d) and constant (k, C, b).

    All epochs share their memory.
    """
    by_class = constant.mT.contiguous().numpy()
    shuffled_X = np.empty((len(shuffles), *X.shape), X.dtype)
    shuffled_constant = np.empty_like(by_class)
    cuts = range(0, len(X), schedule.batch_size)
    slices = [slice(start, start + schedule.batch_size) for start in cuts]
    batches = [(shuffled_X[:, part], shuffled_constant[:, :, part]) for part in slices]
    for _ in range(schedule.epochs):
        indices = [generator.permutation(len(X)) for generator in shuffles]
        for index, target in zip(indices, shuffled_X, strict=True):
            # Indices are valid: "clip" only spares NumPy the check before it writes.
            np.take(X, index, axis=0, out=target, mode="clip")
        for member, target in enumerate(shuffled_constant):
            index = indices[member % len(indices)]
            np.take(by_class[member], index, axis=1, out=target, mode="clip")
        yield batches


def draw_kept_units(
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
