from concurrent.futures import ThreadPoolExecutor

import pytest

from benchmarks import latency

pytestmark = pytest.mark.e2e


def test_latency_is_measured_in_a_real_browser():
    lines = []
    # In a thread of its own: Playwright of the other browser tests holds this one.
    with ThreadPoolExecutor(1) as thread:
        outcome = thread.submit(
            latency.run, lines.append, latency.WALK[:3], "&data=moons&teachers=2"
        ).result()
    cold, warm = outcome.rows
    assert cold["moves"] == warm["moves"] == 3
    assert len(lines) == 6
    for row in (cold, warm):
        # Nothing is painted within one frame of the browser.
        assert 5 < row["p50 ms"] <= row["p95 ms"] <= row["whole p95 ms"] < 60_000
        assert row["all messages KB, p50"] > 1
    # Some message held the new picture.
    assert 4 < cold["largest message KB"] < 60
