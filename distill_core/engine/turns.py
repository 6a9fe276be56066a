"""Whose turn it is: visitors before guesses before work ahead, and fair between visitors."""

import collections
import math
from collections.abc import Iterable

from distill_core.engine.task import Task

# Seconds for which work ahead stays away after a visitor was there: cores are for visitors,
# even when the workers have nothing to do.
QUIET = 3.0
# Seconds after that in which work ahead leaves one worker free: a visitor who looks at a picture
# will move a slider, and finds a core at rest.
AROUND = 300.0
# Seconds for which guesses stay away: the server and the browser first draw what was asked for.
PAUSE = 0.15
# Beside so many others, who were there in the last `COMPANY` seconds, nobody has all workers for
# what they alone want: another ensemble, say, would keep a class waiting that moves sliders.
MANY, COMPANY = 4, 10.0
# By a task's rank.
_PATIENCE = (0.0, PAUSE, QUIET)


class Turns:
    """Decides which of the waiting tasks may start, and in which order.

    Visitors take turns: whoever has fewer tasks on workers or in front comes first. Within one
    turn the task comes first whose visitors have together waited longest, since they asked or
    last had a worker: it serves most people, and nobody waits for ever.
    """

    def __init__(self) -> None:
        self.visited = -math.inf
        # By visitor, when they last had a worker, and when they were last there.
        self._served: dict[str, float] = {}
        self._seen: dict[str, float] = {}

    def note_visit(self, visitor: str, now: float) -> None:
        """Note that a visitor is there."""
        self.visited = self._seen[visitor] = now

    def note_claim(self, task: Task, now: float) -> None:
        """Note that a task has a worker: its visitors have had a turn."""
        self._served.update(dict.fromkeys(task.visitors, now))

    def forget(self, visitor: str) -> None:
        """Forget a visitor who wants nothing any more."""
        self._served.pop(visitor, None)
        self._seen.pop(visitor, None)

    def moments(self, queue: Iterable[Task]) -> list[float]:
        """Return when time alone lets something begin."""
        return [self.visited + _PATIENCE[rank] for rank in {task.rank for task in queue} if rank]

    def sort(self, queue: Iterable[Task], running: Iterable[Task], now: float) -> list[Task]:
        """Return what may start now, the next one first.

        A task does not start while each of its requesters has an older one still on a worker.
        """
        running = list(running)
        held_up = {task.cancelled_by for task in running}
        ready = [task for task in queue if self._is_ready(task, held_up, now)]
        turn = _count_turns(ready, running)
        return sorted(
            ready,
            key=lambda task: (task.rank, turn.get(task, 0), -self._waited(task, now), task.order),
        )

    def _waited(self, task: Task, now: float) -> float:
        """Return for how long all who want a task have waited together, in seconds."""
        return sum(
            now - max(since, self._served.get(visitor, since))
            for (visitor, _), since in task.requesters.items()
        )

    def has_room(self, task: Task, running: Iterable[Task], n_workers: int, now: float) -> bool:
        """Say whether a task may have an idle worker.

        Those of visitors always, unless one alone would have all workers and many others are there.
        """
        if task.requesters:
            visitor, *others = task.visitors
            alone = sum(other.visitors == {visitor} for other in running)
            is_within = alone < max(1, n_workers - 1) or self._count_others(visitor, now) < MANY
            return bool(others) or is_within
        leaves_one = bool(task.guessers) or now < self.visited + QUIET + AROUND
        room = max(1, n_workers - 1) if leaves_one else n_workers
        return sum(not other.requesters for other in running) < room

    def _count_others(self, visitor: str, now: float) -> int:
        """Return how many others were there a moment ago."""
        return sum(now - seen <= COMPANY for name, seen in self._seen.items() if name != visitor)

    def _is_ready(self, task: Task, held_up: set[tuple[str, str] | None], now: float) -> bool:
        if task.requesters:
            return any(requester not in held_up for requester in task.requesters)
        return now >= self.visited + _PATIENCE[task.rank]


def _count_turns(ready: Iterable[Task], running: Iterable[Task]) -> dict[Task, int]:
    """Return for each task of visitors the turn in which one of them can have it, from 0."""
    had = collections.Counter(visitor for task in running for visitor in task.visitors)
    turns: dict[Task, int] = {}
    for task in sorted(ready, key=lambda task: task.order):
        if task.requesters:
            turns[task] = min(had[visitor] for visitor in task.visitors)
            had.update(task.visitors)
    return turns
