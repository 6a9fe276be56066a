"""What became of jobs: how many ended how, and failures that are answers for a moment."""

import collections
import math

from distill_core.engine.job import Job
from distill_core.engine.task import Key

# Seconds for which a failure answers the same request without another try, and how many.
REMEMBERED, N_REMEMBERED = 5.0, 128

_OUTCOMES = ("done", "failed", "cancelled", "dropped", "retried", "preempted")


class Ledger:
    """Counts by kind and outcome, and the latest failures."""

    def __init__(self) -> None:
        self._counts: dict[str, dict[str, int]] = {}
        self._failed: collections.OrderedDict[Key, tuple[float, Job]] = collections.OrderedDict()

    def open(self, kind: str) -> None:
        """Begin to count a kind."""
        self._counts.setdefault(kind, dict.fromkeys(_OUTCOMES, 0))

    def count(self, kind: str, outcome: str) -> None:
        """Count one more of a kind that ended so."""
        self._counts[kind][outcome] += 1

    def counts(self) -> dict[str, dict[str, int]]:
        """Return for each kind how many jobs ended how; see `Engine.counts`."""
        return {kind: dict(counts) for kind, counts in self._counts.items()}

    def remember(self, key: Key, job: Job, now: float) -> None:
        """Keep a failure for those who ask for the same in a moment."""
        self._failed[key] = now, job
        if len(self._failed) > N_REMEMBERED:
            self._failed.popitem(last=False)

    def find_failure(self, key: Key, now: float) -> Job | None:
        """Return the job that has failed a moment ago, if one has."""
        when, job = self._failed.get(key, (-math.inf, None))
        return job if now < when + REMEMBERED else None
