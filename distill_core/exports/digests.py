"""The SHA-256 of arrays: the same in every process that trains the same."""

import hashlib
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from distill_core import jobs
from distill_core.jobs import artifacts
from distill_core.specs import StudentSpec
from distill_core.store import Store


def hash_arrays(arrays: Mapping[str, NDArray[Any]]) -> str:
    """Return the SHA-256 of arrays by name: names, types, shapes and every byte."""
    found = hashlib.sha256()
    for name in sorted(arrays):
        array = np.asarray(arrays[name], order="C")
        array = array.astype(array.dtype.newbyteorder("<"))
        found.update(f"{name} {array.dtype.str} {array.shape}\n".encode())
        found.update(array.tobytes())
    return found.hexdigest()


def digest_training(
    spec: StudentSpec, store: Store, report: Any = jobs.report_nothing
) -> dict[str, str]:
    """Return the digests of an ensemble and of a student with its twin; trained where missing."""
    return {
        "teachers": hash_arrays(
            artifacts.load_or_make(store, jobs.train_ensemble, spec.ensemble, report).arrays
        ),
        "student and twin": hash_arrays(
            artifacts.load_or_make(store, jobs.train_student, spec, report).arrays
        ),
    }
