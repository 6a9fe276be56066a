"""What the scheduler remembers of a job that is not finished, and how long it may take."""

import math
from collections.abc import Collection
from dataclasses import dataclass, field

from distill_core.engine.job import Job
from distill_core.engine.worker import Call, Worker

Requester = tuple[str, str]  # visitor, slot
Key = tuple[str, str, str]  # function, digest, kind

# Seconds after which a job is long: should all workers run such ones, the youngest gives its
# worker to a visitor who waits, and begins again behind them.
LONG = 10.0
# Seconds that a guess may take: one that takes longer is not what a visitor gets at once.
GUESS_LIMIT = 5.0
# Seconds that a job has for its next report after it was stopped for its time limit; a job that
# is silent for longer loses its process.
LAST_WORDS = 10.0

TOO_LONG = (
    "This would take longer than the {:.0f} seconds that one setting may take here. A smaller "
    "student, fewer epochs or fewer teachers are sooner done."
)


@dataclass(eq=False)
class Task:
    """A job that is not finished, with all that is remembered about it."""

    job: Job
    key: Key
    call: Call
    order: int
    # Who waits for it, and since when; who may want it next; whether it is work ahead.
    requesters: dict[Requester, float] = field(default_factory=dict)
    guessers: set[str] = field(default_factory=set)
    ahead: bool = False
    worker: Worker | None = None
    attempt: int = 0
    started: bool = False
    preempted: bool = False
    overdue: bool = False
    killed: bool = False
    # When it was claimed, and how long earlier attempts took, both in seconds.
    began: float = 0.0
    spent: float = 0.0
    cancelled_by: Requester | None = None
    n_deaths: int = 0
    n_tries: int = 0

    @property
    def wanted(self) -> bool:
        """Whether there is any reason to do it."""
        return bool(self.requesters or self.guessers or self.ahead)

    @property
    def rank(self) -> int:
        """0 for what visitors wait for, 1 for guesses, 2 for work ahead."""
        return 0 if self.requesters else 1 if self.guessers else 2

    @property
    def visitors(self) -> set[str]:
        """Who waits for it."""
        return {visitor for visitor, _ in self.requesters}


def find_due(task: Task, time_limit: float) -> float:
    """Return when a running job has used up its time; work ahead never does."""
    if task.rank == 1:
        return task.began + min(time_limit, GUESS_LIMIT)
    return math.inf if task.ahead else task.began + time_limit - task.spent


def find_youngest_long(running: Collection[Task], now: float) -> Task | None:
    """Return the youngest of running jobs if all are long and none is about to leave."""
    if any(task.cancelled_by or task.preempted or task.overdue for task in running):
        return None
    if any(now < task.began + LONG for task in running):
        return None
    return max(running, key=lambda task: task.began, default=None)
