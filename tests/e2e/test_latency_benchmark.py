from concurrent.futures import ThreadPoolExecutor

import pytest

from benchmarks import latency

pytestmark = pytest.mark.e2e


@pytest.mark.reliability
def test_latency_is_measured_in_a_real_browser(monkeypatch):
    # Work ahead would take the cores from the other browser tests.
    monkeypatch.setenv("DISTILL_WARM", "0")
    lines = []
    # In a thread of its own: Playwright of the other browser tests holds this one.
    with ThreadPoolExecutor(1) as thread:
        outcome = thread.submit(
            latency.run, lines.append, latency.WALK[:1], "&data=moons&teachers=2", 1
        ).result()
    cold, warm, planes = outcome.rows
    assert cold["moves"] == warm["moves"] == planes["moves"] == 1
    assert len(lines) == 3
    for row in outcome.rows:
        # Nothing is painted within one frame of the browser.
        assert 5 < row["p50 ms"] <= row["p95 ms"] <= row["whole p95 ms"] < 60_000
        assert row["all messages KB, p50"] > 1
    # Some message held the new picture.
    assert 4 < cold["largest message KB"] < 60
