import os

import pytest

# `make reliability` runs everything in full; `make test` a small part of the same.
FULL = os.environ.get("DISTILL_RELIABILITY") == "1"


@pytest.fixture(scope="session")
def many():
    """Return a function that says how often something is tried: in full, or a little."""
    return lambda full, few: full if FULL else few
