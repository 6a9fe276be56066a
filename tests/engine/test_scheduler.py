"""What runs when: the engine on workers that only take note, at a time that a test sets."""

import itertools
from concurrent.futures import BrokenExecutor, Future

import numpy as np
import pytest

from distill_core.engine import Cancelled, Engine, EngineError
from distill_core.engine import engine as engine_module
from distill_core.engine.scheduler import Scheduler
from distill_core.specs import SpecError, StudentSpec
from tests.engine import engine_jobs


def spec(seed):
    return StudentSpec(seed=seed)


class Worker:
    """Runs one job, until a test ends it."""

    def __init__(self, pool):
        self.pool, self.busy, self.ordered = pool, False, False

    def submit(self, attempt, call):
        self.attempt, self.spec, self.future = attempt, call[2], Future()
        self.function = call[1]
        self.pool.running.append(self)
        return self.future

    def cancel(self, attempt):
        assert attempt == self.attempt
        self.ordered = True

    def end(self, error=None):
        """End the job: done, or with an error."""
        self.pool.running.remove(self)
        self.busy = self.ordered = False
        if error is None:
            kind = getattr(engine_jobs, self.function).kind
            self.pool.store.put(kind, self.spec.digest, {"x": np.zeros(1)})
            self.future.set_result(None)
        else:
            self.future.set_exception(error)

    def obey(self):
        """End the job as one does that was asked to stop."""
        assert self.ordered
        self.end(Cancelled("asked to stop"))

    def began(self):
        self.pool.on_report(self.attempt, 0, 10, None)


class Pool:
    """Stands for worker processes; `running` are those at work, the longest first."""

    def __init__(self, store, n_workers, on_report):
        self.store, self.on_report, self.running = store, on_report, []
        self.workers = [Worker(self) for _ in range(n_workers)]

    def start(self): ...
    def revive(self): ...
    def close(self): ...

    def failure(self):
        return None

    def size(self):
        return len(self.workers)

    def take(self):
        free = [worker for worker in self.workers if not worker.busy]
        if free:
            free[0].busy = True
            return free[0]
        return None

    def seeds(self):
        return [worker.spec.seed for worker in self.running]


class Clock:
    """The time, and the one timer that an engine sets."""

    def __init__(self):
        self.now, self.timers = 1000.0, []

    def __call__(self):
        return self.now

    def timer(self, seconds, function):
        clock, due = self, self.now + seconds

        class Timer:
            def start(self):
                clock.timers.append((due, function))

            def cancel(self): ...

        return Timer()

    def go(self, seconds):
        """Let time pass; timers ring when they are due."""
        end = self.now + seconds
        while self.timers and min(self.timers)[0] <= end:
            due, function = self.timers.pop(0)
            self.now = due
            function()
        self.now = end


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(engine_module, "monotonic", clock)
    monkeypatch.setattr(engine_module, "Timer", clock.timer)
    return clock


@pytest.fixture
def start(store, clock, monkeypatch):
    """Return a function that starts an engine on so many workers that take note."""

    def start(n_workers=1):
        pools = []

        def local(self, n):
            pools.append(Pool(store, n_workers, self._on_report))
            return pools[0]

        monkeypatch.setattr(Engine, "_local", local)
        return Engine(store), pools[0]

    return start


def states(jobs):
    return [job.state for job in jobs]


# One job per spec.


def test_thirty_visitors_share_one_training(start):
    engine, pool = start(2)
    jobs = [engine.request(f"visitor {i}", engine_jobs.train, spec(0)) for i in range(30)]
    assert len(set(jobs)) == 1
    assert pool.seeds() == [0]
    pool.running[0].end()
    assert jobs[0].state == "done"
    assert sum(engine.counts()["weights"].values()) == 1
    assert engine.jobs() == []


def test_what_the_store_has_is_not_run(start, store):
    engine, pool = start()
    engine.request("a", engine_jobs.note, spec(1))
    pool.running[0].end()
    again = engine.request("b", engine_jobs.note, spec(1))
    assert (again.state, again.wait(0), again.error) == ("done", True, None)
    assert pool.running == []
    store.delete("note", spec(1).digest)
    assert engine.request("b", engine_jobs.note, spec(1)).state == "running"


def test_what_came_into_the_store_while_it_waited_is_not_run(start, store):
    engine, pool = start()
    engine.request("a", engine_jobs.note, spec(0))
    waiting = engine.request("b", engine_jobs.note, spec(1))
    store.put("note", spec(1).digest, {})
    pool.running[0].end()
    assert waiting.state == "done"
    assert pool.running == []


def test_kinds_and_functions_are_told_apart(start):
    engine, pool = start(2)
    jobs = [
        engine.request("ab"[i], f, spec(2))
        for i, f in enumerate((engine_jobs.loop, engine_jobs.note))
    ]
    assert [job.kind for job in jobs] == ["loop", "note"]
    assert len(pool.running) == 2


# Latest wins.


def test_twenty_moves_leave_one_running_one_waiting_and_the_last_wins(start):
    engine, pool = start(2)
    jobs = []
    for seed in range(20):
        jobs.append(engine.request("hand", engine_jobs.loop, spec(seed)))
        assert states(engine.jobs()).count("queued") <= 1
        # A worker is free, but the visitor's job before is not off its own yet.
        assert len(pool.running) == 1
    pool.running[0].obey()
    assert pool.seeds() == [19]
    pool.running[0].end()
    assert states(jobs) == ["cancelled"] * 19 + ["done"]
    counts = engine.counts()["loop"]
    assert (counts["done"], counts["dropped"], counts["cancelled"]) == (1, 18, 1)


def test_a_job_goes_on_while_somebody_else_wants_it(start):
    engine, pool = start()
    shared = engine.request("a", engine_jobs.loop, spec(0))
    assert engine.request("b", engine_jobs.loop, spec(0)) is shared
    other = engine.request("a", engine_jobs.note, spec(1))
    assert not pool.running[0].ordered
    pool.running[0].end()
    pool.running[0].end()
    assert states([shared, other]) == ["done", "done"]


def test_slots_of_one_visitor_do_not_replace_each_other(start):
    engine, pool = start(2)
    engine.request("a", engine_jobs.loop, spec(0))
    engine.request("a", engine_jobs.loop, spec(1), slot="second")
    assert pool.seeds() == [0, 1]
    assert not any(worker.ordered for worker in pool.running)


def test_asking_again_for_what_is_being_cancelled_runs_it_anew(start):
    engine, pool = start()
    first = engine.request("a", engine_jobs.loop, spec(0))
    engine.request("a", engine_jobs.note, spec(1))
    back = engine.request("a", engine_jobs.loop, spec(0))
    assert back is not first
    pool.running[0].obey()
    assert first.state == "cancelled"
    assert pool.seeds() == [0]
    pool.running[0].end()
    assert back.state == "done"


def test_a_job_that_ends_though_it_was_cancelled_counts_as_done(start):
    engine, pool = start()
    job = engine.request("a", engine_jobs.loop, spec(0))
    engine.release("a")
    pool.running[0].end()
    assert job.state == "done"


def test_release_drops_and_cancels(start):
    engine, pool = start()
    running = engine.request("a", engine_jobs.loop, spec(0))
    waiting = engine.request("a", engine_jobs.loop, spec(1), slot="second")
    engine.release("a")
    assert waiting.state == "cancelled"
    pool.running[0].obey()
    assert running.state == "cancelled"
    assert engine.counts()["loop"]["dropped"] == engine.counts()["loop"]["cancelled"] == 1


def test_the_oldest_request_is_first(start):
    engine, pool = start()
    engine.request("x", engine_jobs.loop, spec(99))
    for seed, visitor in enumerate("abc"):
        engine.request(visitor, engine_jobs.note, spec(seed))
    # A visitor who changes the wish queues up again.
    engine.request("a", engine_jobs.note, spec(3))
    ran = []
    while pool.running:
        ran += pool.seeds()
        pool.running[0].end()
    assert ran == [99, 1, 2, 3]


# Work ahead.


def test_work_ahead_is_preempted_by_a_visitor_and_finished_later(start, clock):
    engine, pool = start(2)
    ahead = [engine.request(None, engine_jobs.loop, spec(seed)) for seed in range(3)]
    assert pool.seeds() == [0, 1]
    job = engine.request("a", engine_jobs.note, spec(50))
    # Both: the cores are for the visitor, even if one worker is enough.
    assert [worker.ordered for worker in pool.running] == [True, True]
    pool.running[0].obey()
    pool.running[0].obey()
    assert pool.seeds() == [50]
    pool.running[0].end()
    assert job.state == "done"
    assert pool.running == []
    assert engine.counts()["loop"]["preempted"] == 2
    clock.go(engine_module.QUIET + engine_module.AROUND)
    engine.request(None, engine_jobs.loop, spec(0))
    while pool.running:
        pool.running[0].end()
    assert states(ahead) == ["done"] * 3


def test_work_ahead_stays_away_while_a_visitor_is_there(start, clock):
    engine, pool = start()
    ahead = engine.request(None, engine_jobs.loop, spec(0))
    engine.visited()
    pool.running[0].obey()
    for _ in range(4):
        clock.go(engine_module.QUIET / 2)
        assert ahead.state == "queued"
        engine.visited()
    clock.go(engine_module.QUIET)
    assert ahead.state == "running"
    assert engine.counts()["loop"]["preempted"] == 1


def test_work_ahead_leaves_a_worker_to_a_visitor_around(start, clock):
    engine, pool = start(2)
    engine.visited()
    for seed in range(3):
        engine.request(None, engine_jobs.loop, spec(seed))
    assert pool.running == []
    clock.go(engine_module.QUIET)
    assert pool.seeds() == [0]
    # Nobody was there for long: all workers are for the work ahead.
    clock.go(engine_module.AROUND + 1)
    pool.running[0].end()
    assert pool.seeds() == [1, 2]


def test_work_ahead_that_a_visitor_wants_is_not_preempted(start):
    engine, pool = start()
    ahead = engine.request(None, engine_jobs.loop, spec(0))
    assert engine.request("a", engine_jobs.loop, spec(0)) is ahead
    other = engine.request("b", engine_jobs.note, spec(1))
    assert not pool.running[0].ordered
    pool.running[0].end()
    pool.running[0].end()
    assert states([ahead, other]) == ["done", "done"]
    assert engine.counts()["loop"]["preempted"] == 0


def test_work_ahead_goes_on_when_the_visitor_who_wanted_it_leaves(start):
    engine, pool = start()
    engine.request("a", engine_jobs.loop, spec(0))
    ahead = engine.request(None, engine_jobs.loop, spec(0))
    engine.release("a")
    assert not pool.running[0].ordered
    pool.running[0].end()
    assert ahead.state == "done"


# Failures.


def test_a_failure_answers_the_same_request_for_a_moment(start, clock):
    engine, pool = start()
    job = engine.request("a", engine_jobs.misfit, spec(0))
    pool.running[0].end(SpecError("width should be less."))
    assert engine.request("b", engine_jobs.misfit, spec(0)) is job
    clock.go(60)
    assert engine.request("b", engine_jobs.misfit, spec(0)).state == "running"


def test_a_job_that_loses_two_workers_is_given_up(start):
    engine, pool = start()
    job = engine.request("a", engine_jobs.loop, spec(0))
    for retried in (1, 1):
        pool.running[0].began()
        pool.running[0].end(BrokenExecutor())
        assert engine.counts()["loop"]["retried"] == retried
    assert job.state == "failed"
    assert "died twice" in str(job.error)


def test_a_worker_that_was_dead_before_does_not_count_against_a_job(start):
    engine, pool = start()
    job = engine.request("a", engine_jobs.loop, spec(0))
    pool.running[0].began()
    for _ in range(4):
        pool.running[0].end(BrokenExecutor())
    assert engine.counts()["loop"]["retried"] == 1
    pool.running[0].began()
    pool.running[0].end(BrokenExecutor())
    assert job.state == "failed"


def test_a_cancelled_job_is_not_retried_when_its_worker_dies(start):
    engine, pool = start()
    job = engine.request("a", engine_jobs.loop, spec(0))
    pool.running[0].began()
    engine.release("a")
    pool.running[0].end(BrokenExecutor())
    assert job.state == "cancelled"
    assert engine.counts()["loop"]["retried"] == 0


def test_a_job_that_stores_nothing_failed(start, store):
    engine, pool = start()
    job = engine.request("a", engine_jobs.loop, spec(0))
    pool.running[0].future.set_result(None)
    assert isinstance(job.error, EngineError)
    assert "ended without storing a loop" in str(job.error)


def test_a_closed_engine_cancels_what_waits_and_refuses(start):
    engine, _ = start()
    jobs = [engine.request(visitor, engine_jobs.loop, spec(i)) for i, visitor in enumerate("ab")]
    engine.close()
    assert states(jobs) == ["cancelled"] * 2
    with pytest.raises(EngineError, match="closed"):
        engine.request("a", engine_jobs.note, spec(0))


def test_the_queue_is_empty_at_the_end_whatever_visitors_do(start):
    """Every order of a few moves by two visitors ends with all their last wishes done."""
    for moves in itertools.product([("a", 0), ("a", 1), ("b", 0), ("b", 2)], repeat=4):
        engine, pool = start()
        last = {}
        for visitor, seed in moves:
            last[visitor] = engine.request(visitor, engine_jobs.linger, spec(seed))
            if pool.running and pool.running[0].ordered:
                pool.running[0].obey()
        while pool.running:
            pool.running[0].end()
        assert states(last.values()) == ["done"] * len(last)
        assert engine.jobs() == []
        for seed in range(3):
            pool.store.delete("thing", spec(seed).digest)


def test_the_scheduler_alone_starts_visitors_first():
    scheduler = Scheduler()
    ahead = scheduler.enqueue(("f", "0" * 32, "thing"), ("module", "f", spec(0)))
    wanted = scheduler.enqueue(("f", "1" * 32, "thing"), ("module", "f", spec(1)))
    scheduler.claim(("a", "main"), wanted)
    assert scheduler.waiting() == [wanted, ahead]
    assert scheduler.waiting(visitors_only=True) == [wanted]
