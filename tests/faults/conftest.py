import pytest

from tests.conftest import FULL


@pytest.fixture(scope="session")
def many():
    """Return a function that says how often something is tried: in full, or a little."""
    return lambda full, few: full if FULL else few
