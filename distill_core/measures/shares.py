"""Shares: how they are written, and how sure one counted share is."""

import functools

from scipy import stats


def format_share(share: float, digits: int = 1) -> str:
    """Return a share from 0 to 1 as a percentage; 100% and 0% stand for all and for none alone.

    >>> format_share(0.97249), format_share(0.99999), format_share(1.0), format_share(0.0001)
    ('97.2%', '>99.9%', '100.0%', '<0.1%')
    """
    text, step = f"{share:.{digits}%}", 10.0 ** -(digits + 2)
    if share < 1 and text == f"{1:.{digits}%}":
        return f">{1 - step:.{digits}%}"
    if share > 0 and text == f"{0:.{digits}%}":
        return f"<{step:.{digits}%}"
    return text


@functools.lru_cache(maxsize=4096)
def wilson_interval(count: int, n: int) -> tuple[float, float]:
    """Return the 95% interval, from 0 to 1, of a share of which count of n rows were seen.

    It speaks of other rows alone, for the one network that was asked (Wilson 1927).

    Raises
    ------
    ValueError
        When n is not positive or count is not between 0 and n.
    """
    if not 0 <= count <= n or n < 1:
        raise ValueError(f"A share needs 0 <= count <= n and n > 0, got {count} of {n}.")
    found = stats.binomtest(count, n).proportion_ci(0.95, "wilson")
    return float(found.low), float(found.high)


def describe_count(share: float, n: int) -> str:
    """Say of how many rows a share is, and its interval for other rows.

    >>> describe_count(0.972, 1000)
    '972 of 1,000 test rows; for other rows like these, of the same network, 96.0% to 98.1%'
    """
    count = round(share * n)
    low, high = wilson_interval(count, n)
    return (
        f"{count:,} of {n:,} test rows; for other rows like these, of the same network, "
        f"{format_share(low)} to {format_share(high)}"
    )
