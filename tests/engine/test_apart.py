"""Calls in a process of their own: what they return and raise, and what ends them."""

import os
import sys
import time

import numpy as np
import pytest

from distill_core.data import csv_files
from distill_core.data.csv_files import UploadError
from distill_core.engine import apart
from distill_core.engine.apart import OutOfBoundsError, run_apart

GENEROUS = {"seconds": 60.0, "memory": 2 * 1024**3}


def test_what_a_call_returns_and_raises_comes_back():
    assert run_apart(divmod, 7, 2, **GENEROUS) == (3, 1)
    assert run_apart(os.getpid, **GENEROUS) != os.getpid()
    sheet = run_apart(csv_files.read, b"x,y\n1,a\n2,b\n", **GENEROUS)
    assert sheet.column("x").numbers.tolist() == [1, 2]
    with pytest.raises(UploadError, match="The file is empty"):
        run_apart(csv_files.read, b"", **GENEROUS)


def test_large_values_cross_piece_by_piece_and_whole():
    content = os.urandom(2 * apart._PIECE + 3)
    assert run_apart(bytes, content, **GENEROUS) == content
    # Of no byte, of one piece exactly, one more; not in the order of its bytes.
    for shape in ((0, 3), (apart._PIECE,), (apart._PIECE + 1,), (3, 700_000)):
        array = np.random.default_rng(0).integers(0, 255, shape, np.uint8).T
        np.testing.assert_array_equal(run_apart(np.negative, array, **GENEROUS), -array)


def test_what_goes_on_for_too_long_or_dies_ends_alone():
    with pytest.raises(OutOfBoundsError, match="more than 1 s"):
        run_apart(time.sleep, 60, seconds=1, memory=2 * 1024**3)
    with pytest.raises(OutOfBoundsError, match="process ended"):
        run_apart(os._exit, 3, **GENEROUS)


@pytest.mark.skipif(sys.platform != "linux", reason="memory is bounded on Linux")
def test_memory_is_bounded():
    with pytest.raises(OutOfBoundsError, match="too much memory"):
        run_apart(bytes, 3 * 1024**3, seconds=60, memory=2 * 1024**3)
