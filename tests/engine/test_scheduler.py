"""The scheduler's decisions, without a process, a thread or a clock."""

import itertools
from concurrent.futures import BrokenExecutor

import numpy as np
import pytest

from distill_core.engine import Cancelled, EngineError, ledger
from distill_core.engine import scheduler as module
from distill_core.engine.scheduler import MAX_GUESSES, Scheduler
from distill_core.engine.siblings import LOOK_EVERY
from distill_core.engine.task import GUESS_LIMIT, LAST_WORDS, LONG
from distill_core.engine.turns import AROUND, COMPANY, MANY, PAUSE, QUIET
from distill_core.specs import SpecError, StudentSpec


def spec_of(seed):
    return StudentSpec(seed=seed)


class FakePool:
    """Workers that never do anything."""

    def __init__(self, n_workers):
        self.workers = [object() for _ in range(n_workers)]
        self.idle = list(self.workers)
        self.broken = None

    def acquire(self):
        return self.idle.pop(0) if self.idle else None

    def size(self):
        return len(self.workers)

    def failure(self):
        return self.broken


class Room:
    """A scheduler, its workers and the time, moved on by hand."""

    def __init__(self, store, n_workers, **options):
        self.store = store
        self.pool = FakePool(n_workers)
        self.scheduler = Scheduler(store, self.pool, **options)
        self.now = 1000.0
        self.attempts = {}
        self.cancelled = []
        self.claimed = []

    def dispatch(self):
        cancels, claims = self.scheduler.dispatch(self.now)
        self.cancelled += [attempt for _, attempt in cancels]
        for worker, attempt, (_, _, spec) in claims:
            self.attempts[attempt] = worker, spec
            self.claimed.append(spec.seed)

    def ask(self, visitor, seed, slot="main", function="train", kind="thing"):
        spec = spec_of(seed)
        job = self.scheduler.request(
            visitor and (visitor, slot),
            (function, spec.digest, kind),
            ("module", function, spec),
            self.store.has(kind, spec.digest),
            self.now,
        )
        self.dispatch()
        return job

    def guess(self, visitor, *seeds):
        specs = [spec_of(seed) for seed in seeds]
        self.scheduler.guess(
            visitor,
            [(("train", spec.digest, "thing"), ("module", "train", spec)) for spec in specs],
        )
        self.dispatch()

    def attempt(self, seed):
        """Return the latest attempt at a job."""
        return max(number for number, (_, spec) in self.attempts.items() if spec.seed == seed)

    def end(self, seed, error=None, *, attempt=None):
        """Let a job leave its worker: with its result in the store, or with an error."""
        attempt = attempt or self.attempt(seed)
        worker, spec = self.attempts[attempt]
        self.pool.idle.append(worker)
        if error is None:
            self.store.put("thing", spec.digest, {"x": np.zeros(1)})
        self.scheduler.end(attempt, error, self.now)
        self.dispatch()

    def die(self, seed, *, started):
        """Let the worker of a job die, before or after it reported."""
        if started:
            self.scheduler.report(self.attempt(seed), 0, 1, None)
        self.end(seed, BrokenExecutor())

    def stop(self, seed):
        """Let a job that was asked to stop do so."""
        assert self.attempt(seed) in self.cancelled
        self.end(seed, Cancelled())

    def counts(self, kind="thing"):
        return {name: n for name, n in self.scheduler.counts()[kind].items() if n}


@pytest.fixture
def one(store):
    return Room(store, 1)


@pytest.fixture
def two(store):
    return Room(store, 2)


# One job per spec.


def test_all_who_ask_for_the_same_share_one_job(two):
    jobs = [two.ask(f"visitor {i}", 0) for i in range(30)]
    assert all(job is jobs[0] for job in jobs)
    assert two.claimed == [0]
    two.end(0)
    assert jobs[0].state == "done"
    assert two.counts() == {"done": 1}
    assert two.scheduler.jobs() == []


def test_what_the_store_has_is_not_run(one):
    first = one.ask("a", 0)
    one.end(0)
    again = one.ask("b", 0)
    assert (again.state, again.wait(0), again.error) == ("done", True, None)
    assert first.digest == again.digest == spec_of(0).digest
    assert one.claimed == [0]
    one.store.delete("thing", spec_of(0).digest)
    assert one.ask("b", 0).state == "running"


def test_what_the_store_got_while_a_job_waited_is_not_run(one):
    one.ask("a", 0)
    job = one.ask("b", 1)
    one.store.put("thing", spec_of(1).digest, {"x": np.zeros(1)})
    one.end(0)
    assert job.state == "done"
    assert one.claimed == [0]


class FakeSiblings:
    """Other servers that make what they are told to."""

    def __init__(self):
        self.busy = set()
        self.mine = []

    def begin(self, kind, digest):
        if digest in self.busy:
            return False
        self.mine.append(digest)
        return True

    def end(self, kind, digest):
        self.mine.remove(digest)


@pytest.fixture
def shared(store):
    siblings = FakeSiblings()
    room = Room(store, 2, siblings=siblings)
    room.siblings = siblings
    return room


def test_what_another_server_makes_is_waited_for_and_holds_nobody_up(shared):
    shared.siblings.busy.add(spec_of(0).digest)
    job, other = shared.ask("a", 0), shared.ask("b", 1)
    assert (job.state, shared.claimed) == ("queued", [1])
    assert shared.scheduler.next_moment(shared.now) == shared.now + LOOK_EVERY
    shared.store.put("thing", spec_of(0).digest, {"x": np.zeros(1)})
    shared.now += LOOK_EVERY
    shared.dispatch()
    assert (job.state, other.state, shared.claimed) == ("done", "running", [1])


def test_what_another_server_gave_up_is_made_here(shared):
    shared.siblings.busy.add(spec_of(0).digest)
    job = shared.ask("a", 0)
    shared.siblings.busy.clear()
    shared.now += LOOK_EVERY
    shared.dispatch()
    assert (job.state, shared.claimed) == ("running", [0])
    shared.end(0)
    assert shared.siblings.mine == []


def test_what_another_server_has_just_finished_is_not_begun(shared, monkeypatch):
    def begin(kind, digest):
        # Between the look into the store and this.
        shared.store.put(kind, digest, {"x": np.zeros(1)})
        shared.siblings.mine.append(digest)
        return True

    monkeypatch.setattr(shared.siblings, "begin", begin)
    assert shared.ask("a", 0).state == "done"
    assert (shared.claimed, shared.siblings.mine) == ([], [])


@pytest.mark.parametrize("way", ["done", "failed", "stopped", "no worker", "killed"])
def test_others_may_make_what_is_off_its_worker(shared, way):
    shared.ask("a", 0)
    if way == "done":
        shared.end(0)
    elif way == "failed":
        shared.end(0, SpecError("no"))
    elif way == "stopped":
        shared.ask("a", 1)
        shared.stop(0)
        shared.end(1)
    elif way == "no worker":
        shared.ask("b", 1)
        shared.ask("c", 2)
        assert sorted(shared.siblings.mine) == sorted(spec_of(seed).digest for seed in (0, 1))
        shared.scheduler.release("c")
        shared.end(0)
        shared.end(1)
    else:
        shared.die(0, started=True)
        assert shared.siblings.mine == [spec_of(0).digest], "it is run again"
        shared.end(0)
    assert shared.siblings.mine == []


def test_kinds_and_functions_are_told_apart(two):
    jobs = [two.ask("a", 0), two.ask("b", 0, kind="other"), two.ask("c", 0, function="other")]
    assert len({id(job) for job in jobs}) == 3
    assert [job.kind for job in jobs] == ["thing", "other", "thing"]


def test_the_oldest_request_is_first(one):
    one.ask("x", 99)
    for visitor, seed in {"a": 1, "b": 2, "c": 3}.items():
        one.ask(visitor, seed)
    # A visitor who changes the wish queues up again.
    one.ask("a", 4)
    for seed in (99, 2, 3, 4):
        one.end(seed)
    assert one.claimed == [99, 2, 3, 4]


# Latest wins.


def test_twenty_moves_leave_one_running_one_waiting_and_the_last_wins(two):
    jobs = []
    for seed in range(20):
        jobs.append(two.ask("hand", seed))
        states = [job.state for job in two.scheduler.jobs()]
        assert states == ["running", "queued"][: seed + 1]
    assert two.claimed == [0]
    assert two.cancelled == [two.attempt(0)], "asked to stop once"
    two.stop(0)
    two.end(19)
    assert [job.state for job in jobs] == ["cancelled"] * 19 + ["done"]
    assert isinstance(jobs[0].error, Cancelled)
    assert two.counts() == {"done": 1, "cancelled": 1, "dropped": 18}


def test_the_next_job_waits_until_the_one_before_is_off_its_worker(two):
    two.ask("a", 0)
    after = two.ask("a", 1)
    assert after.state == "queued"
    # Unless somebody else waits for it too.
    assert two.ask("b", 1) is after
    assert after.state == "running"


def test_a_job_goes_on_while_somebody_else_wants_it(two):
    shared = two.ask("a", 0)
    assert two.ask("b", 0) is shared
    two.ask("a", 1)
    assert two.cancelled == []
    assert two.claimed == [0, 1]
    two.ask("b", 2)
    two.stop(0)
    assert shared.state == "cancelled"


def test_slots_of_one_visitor_do_not_replace_each_other(two):
    jobs = [two.ask("a", 0), two.ask("a", 1, slot="second")]
    assert [job.state for job in jobs] == ["running"] * 2
    assert two.cancelled == []


def test_asking_again_for_what_is_being_stopped_runs_it_anew(one):
    first = one.ask("a", 0)
    stopping = one.attempt(0)
    one.ask("a", 1)
    back = one.ask("a", 0)
    assert back is not first
    one.stop(0)
    assert one.attempt(0) != stopping
    one.end(0)
    assert (first.state, back.state) == ("cancelled", "done")


def test_a_job_that_ends_before_it_is_stopped_is_done(one):
    job = one.ask("a", 0)
    one.ask("a", 1)
    one.end(0)
    assert job.state == "done"


def test_release_drops_and_stops(one):
    running, waiting = one.ask("a", 0), one.ask("a", 1, slot="second")
    other = one.ask("b", 2)
    one.scheduler.release("a", "second")
    assert (running.state, waiting.state) == ("running", "cancelled")
    one.scheduler.release("a")
    one.dispatch()
    one.stop(0)
    assert (running.state, other.state) == ("cancelled", "running")
    assert one.counts() == {"dropped": 1, "cancelled": 1}


def test_close_cancels_what_runs_waits_and_is_being_stopped(one):
    jobs = [one.ask("a", 0), one.ask("b", 1), one.ask("a", 2)]
    one.scheduler.close()
    assert [job.state for job in jobs] == ["cancelled"] * 3
    assert {str(job.error) for job in jobs} == {"The engine was closed."}
    one.end(0, Cancelled())
    assert one.claimed == [0]


# Work ahead.


def test_work_ahead_yields_to_a_visitor_and_is_finished_later(two):
    ahead = [two.ask(None, seed) for seed in range(3)]
    assert two.claimed == [0, 1]
    job = two.ask("a", 50)
    # Both: the cores are for the visitor, even if one worker is enough.
    assert two.cancelled == [two.attempt(0), two.attempt(1)]
    two.stop(0)
    two.stop(1)
    assert two.claimed == [0, 1, 50]
    assert two.counts() == {"preempted": 2}
    two.end(50)
    assert job.state == "done"
    assert [task.state for task in ahead] == ["queued"] * 3
    two.now += QUIET
    two.dispatch()
    for seed in range(3):
        two.end(seed)
    assert two.claimed == [0, 1, 50, 0, 1, 2], "at their old place"
    assert [task.state for task in ahead] == ["done"] * 3


def test_work_ahead_stays_away_while_a_visitor_is_there(one):
    ahead = one.ask(None, 0)
    for _ in range(4):
        one.scheduler.visit("x", one.now)
        one.dispatch()
        if ahead.state == "running":
            one.stop(0)
        one.now += QUIET - 0.1
        one.dispatch()
        assert ahead.state == "queued"
    assert one.counts() == {"preempted": 1}, "it must not have begun again in between"
    one.now += 0.1
    one.dispatch()
    assert ahead.state == "running"


def test_work_ahead_leaves_a_worker_to_a_visitor_around(two):
    two.scheduler.visit("x", two.now)
    ahead = [two.ask(None, seed) for seed in range(3)]
    assert two.claimed == []
    two.now += QUIET
    two.dispatch()
    assert [job.state for job in ahead] == ["running", "queued", "queued"]
    assert two.pool.idle
    # Nobody was there for long: all workers are for the work ahead.
    two.now += AROUND
    two.dispatch()
    assert [job.state for job in ahead] == ["running", "running", "queued"]


def test_work_ahead_has_the_only_worker_there_is(one):
    one.scheduler.visit("x", one.now)
    one.now += QUIET
    assert one.ask(None, 0).state == "running"


def test_work_ahead_that_a_visitor_wants_does_not_yield(one):
    ahead = one.ask(None, 0)
    assert one.ask("a", 0) is ahead
    one.ask("b", 1)
    assert one.cancelled == []
    # It goes on as work ahead when the visitor wants something else, and is preempted then.
    one.ask("a", 2)
    assert one.cancelled == [one.attempt(0)]
    one.stop(0)
    assert ahead.state == "queued"
    assert one.claimed == [0, 1]


def test_work_ahead_that_a_visitor_wants_is_as_old_as_the_visitors_request(one):
    one.ask("x", 99)
    one.ask(None, 0)
    one.ask("a", 1)
    one.ask("b", 0)
    for seed in (99, 1):
        one.end(seed)
    assert one.claimed == [99, 1, 0]


def test_visitors_are_before_work_ahead(one):
    one.ask(None, 0)
    one.ask(None, 1)
    one.ask("a", 2)
    one.now += QUIET
    one.stop(0)
    assert one.claimed == [0, 2]


def test_work_ahead_goes_on_when_the_visitor_who_wanted_it_leaves(one):
    job = one.ask("a", 0)
    assert one.ask(None, 0) is job
    one.scheduler.release("a")
    one.dispatch()
    assert one.cancelled == []
    one.end(0)
    assert job.state == "done"


# Guesses.


def test_a_guess_is_made_while_a_worker_is_idle_and_one_stays_free(two):
    two.guess("a", 1, 2)
    assert two.claimed == [1]
    assert two.pool.idle
    two.end(1)
    assert two.claimed == [1, 2]


def test_a_guess_steps_aside_for_a_request_and_comes_back_after_a_pause(two):
    two.guess("a", 1, 2)
    asked = two.ask("b", 50)
    assert asked.state == "running", "on the worker that was free"
    two.stop(1)
    two.end(50)
    assert two.claimed == [1, 50]
    two.now += PAUSE
    two.dispatch()
    assert two.claimed == [1, 50, 1]


def test_a_guess_that_comes_true_is_not_begun_again(one):
    one.guess("a", 1)
    guessed = one.scheduler.jobs()[0]
    assert one.ask("a", 1) is guessed
    assert (one.cancelled, guessed.state) == ([], "running")
    one.end(1)
    assert guessed.state == "done"


def test_newer_guesses_replace_older_ones(one):
    one.guess("a", 1, 2, 3)
    one.guess("a", 1, 4)
    one.end(1)
    one.end(4)
    assert one.claimed == [1, 4]
    one.guess("a", 5)
    one.guess("a")
    one.stop(5)
    assert one.scheduler.jobs() == []
    assert one.counts() == {"done": 2, "dropped": 2, "cancelled": 1}


def test_what_two_visitors_may_want_stays_while_one_of_them_does(one):
    one.ask("x", 99)
    one.guess("a", 1)
    one.guess("b", 1)
    one.scheduler.release("a")
    assert [job.state for job in one.scheduler.jobs()] == ["running", "queued"]
    one.scheduler.release("b")
    assert [job.state for job in one.scheduler.jobs()] == ["running"]


def test_a_guess_that_was_wanted_meanwhile_is_one_again(one):
    one.guess("a", 1)
    one.ask("b", 1)
    one.ask("b", 2)
    one.stop(1)
    one.end(2)
    one.now += PAUSE
    one.dispatch()
    assert one.claimed == [1, 2, 1]


def test_guesses_are_before_work_ahead_and_behind_visitors(one):
    one.ask("x", 99)
    one.ask(None, 1)
    one.guess("a", 2)
    one.ask("b", 3)
    one.end(99)
    one.end(3)
    one.now += QUIET
    one.dispatch()
    one.end(2)
    assert one.claimed == [99, 3, 2, 1]


def test_a_guess_that_takes_long_is_given_up_with_the_others_of_its_visitor(one):
    one.guess("a", 1, 2)
    guessed = one.scheduler.jobs()[0]
    assert one.scheduler.next_moment(one.now) == one.now + GUESS_LIMIT
    one.now += GUESS_LIMIT
    one.dispatch()
    # Whoever asks for it now gets it, and no word of how long it took as a guess.
    asked = one.ask("b", 1)
    one.stop(1)
    assert (guessed.state, asked.state) == ("cancelled", "running")
    one.end(1)
    assert one.scheduler.jobs() == []
    assert one.claimed == [1, 1]


def test_only_so_many_guesses_wait(one):
    one.ask("x", 99)
    one.guess("a", *range(1000, 1000 + MAX_GUESSES))
    one.guess("b", 1, 2, 3)
    jobs = one.scheduler.jobs()[1:]
    assert len(jobs) == MAX_GUESSES
    kept = {job.digest for job in jobs}
    assert spec_of(1000).digest not in kept
    assert spec_of(3).digest in kept


# Turns.


def test_visitors_take_turns(one):
    one.ask("x", 99)
    for seed in (1, 2, 3):
        one.ask("many wishes", seed, slot=f"slot {seed}")
    one.ask("one wish", 4)
    for seed in (99, 1, 4, 2):
        one.now += 1
        one.end(seed)
    assert one.claimed == [99, 1, 4, 2, 3]


def test_who_has_a_worker_waits_for_those_who_have_none(two):
    two.ask("a", 1)
    two.ask("x", 99)
    two.ask("a", 2, slot="second")
    two.ask("b", 3)
    two.end(99)
    assert two.claimed == [1, 99, 3]


def test_beside_many_others_nobody_has_all_workers_alone(two):
    others = [f"other {i}" for i in range(MANY)]
    for name in others:
        two.scheduler.visit(name, two.now)
    two.ask("alone", 1, slot="first part")
    two.ask("alone", 2, slot="second part")
    assert two.claimed == [1], "a worker stays free for the class"
    two.ask(others[0], 3)
    assert two.claimed == [1, 3]
    two.end(3)
    assert two.claimed == [1, 3]
    # What somebody else wants, too, is not for one alone.
    two.ask(others[1], 2)
    assert two.claimed == [1, 3, 2]
    two.end(1)
    two.end(2)
    # The others have gone.
    two.now += COMPANY + 1
    two.ask("alone", 4, slot="first part")
    two.ask("alone", 5, slot="second part")
    assert two.claimed == [1, 3, 2, 4, 5]


def test_a_lone_wish_waits_no_longer_than_for_its_own_first_part(two):
    for i in range(MANY):
        two.scheduler.visit(f"other {i}", two.now)
    two.ask("alone", 1, slot="first part")
    two.ask("alone", 2, slot="second part")
    two.ask("other 0", 3)
    two.end(1)
    assert two.claimed == [1, 3, 2]


def test_what_most_people_wait_for_comes_first_and_nobody_waits_for_ever(one):
    one.ask("x", 99)
    one.now += 1
    one.ask("alone", 1)
    one.now += 1
    for visitor in "abc":
        one.ask(visitor, 2)
    for visitor in "jk":
        one.ask(visitor, 3)
    one.now += 1
    one.end(99)
    assert one.claimed == [99, 2], "three who wait for a second, before one who waits for two"
    one.now += 10
    for visitor in "defghi":
        one.ask(visitor, 4)
    one.now += 1
    for seed in (2, 3, 1):
        one.end(seed)
    assert one.claimed == [99, 2, 3, 1, 4], "alone for 13 seconds, before six for one"


def test_who_waits_knows_their_place(one):
    one.ask("x", 99)
    jobs = [one.ask(visitor, seed) for seed, visitor in enumerate("abc")]
    assert [job.place for job in jobs] == [1, 2, 3]
    one.end(99)
    assert [job.place for job in jobs] == [0, 1, 2]


# Failures and deaths.


def test_a_failure_is_remembered_for_a_moment(one):
    job = one.ask("a", 0)
    one.end(0, SpecError("width should be less."))
    assert (job.state, str(job.error)) == ("failed", "width should be less.")
    one.now += ledger.REMEMBERED - 0.1
    assert one.ask("b", 0) is job
    assert one.claimed == [0]
    assert one.counts() == {"failed": 1}
    one.now += 0.2
    assert one.ask("b", 0) is not job
    assert one.claimed == [0, 0]


def test_only_so_many_failures_are_remembered(one):
    for seed in range(ledger.N_REMEMBERED + 1):
        one.ask("a", seed)
        one.end(seed, SpecError("No."))
    assert one.ask("a", 1).state == "failed"
    assert one.ask("a", 0).state == "running"


def test_a_job_that_stores_nothing_fails(one):
    job = one.ask("a", 0)
    one.scheduler.end(one.attempt(0), None, one.now)
    assert type(job.error) is EngineError
    assert str(job.error) == "train ended without storing a thing."


def test_foreign_errors_become_sentences(one):
    job = one.ask("a", 0)
    one.end(0, SystemExit(3))
    assert type(job.error) is EngineError
    assert str(job.error) == "The job stopped with SystemExit: 3"


def test_a_job_is_run_again_after_one_death_and_fails_after_two(one):
    job = one.ask("a", 0)
    one.die(0, started=True)
    assert (job.state, one.claimed) == ("running", [0, 0])
    one.die(0, started=True)
    assert job.state == "failed"
    assert "died twice" in str(job.error)
    assert one.counts() == {"retried": 1, "failed": 1}


def test_a_worker_that_was_dead_before_does_not_count_against_a_job(one):
    job = one.ask("a", 0)
    one.die(0, started=True)
    for _ in range(3):
        one.die(0, started=False)
    assert job.state == "running"
    assert one.counts() == {"retried": 1}
    one.die(0, started=True)
    assert job.state == "failed"


def test_a_job_is_not_tried_for_ever_on_dead_workers(one):
    job = one.ask("a", 0)
    for _ in range(module._N_TRIES):
        assert job.state == "running"
        one.die(0, started=False)
    assert job.state == "failed"


def test_a_job_that_was_stopped_is_not_retried_when_its_worker_dies(one):
    job = one.ask("a", 0)
    one.scheduler.release("a")
    one.die(0, started=True)
    assert job.state == "cancelled"
    assert one.counts() == {"cancelled": 1}


def test_without_workers_all_that_waits_fails_with_their_sentence(one):
    one.pool.broken = "No worker process could be started."
    job = one.ask("a", 0)
    assert (job.state, str(job.error)) == ("failed", one.pool.broken)


def test_a_retry_by_the_cluster_is_counted(one):
    one.ask("a", 0)
    one.scheduler.note_retry(one.attempt(0))
    one.scheduler.note_retry(999)
    assert one.counts() == {"retried": 1}


def test_whatever_visitors_do_all_get_their_last_wish(store):
    """Every order of a few moves by two visitors."""
    for moves in itertools.product([("a", 0), ("a", 1), ("b", 0), ("b", 2)], repeat=4):
        room = Room(store, 1)
        last = {}
        for visitor, seed in moves:
            last[visitor] = room.ask(visitor, seed)
            for attempt in set(room.cancelled) & set(room.scheduler._running):
                room.end(None, Cancelled(), attempt=attempt)
        while room.scheduler.jobs():
            room.end(room.claimed[-1])
        assert [job.state for job in last.values()] == ["done"] * len(last)
        for seed in range(3):
            store.delete("thing", spec_of(seed).digest)


# How long a job may take.


def test_a_job_that_takes_too_long_is_stopped_and_says_so(store):
    room = Room(store, 1, time_limit=60.0)
    job = room.ask("anna", 1)
    assert room.scheduler.next_moment(room.now) == room.now + 60
    room.now += 59
    room.dispatch()
    assert room.cancelled == []
    assert room.scheduler.next_moment(room.now) == room.now + 1
    room.now += 1
    room.dispatch()
    assert room.cancelled == [room.attempt(1)]
    room.stop(1)
    assert job.state == "failed"
    assert "longer than the 60 seconds" in str(job.error)
    assert room.scheduler.take_kills() == []


def test_a_job_that_does_not_stop_loses_its_process_and_is_not_tried_again(store):
    room = Room(store, 1, time_limit=60.0)
    job = room.ask("anna", 1)
    room.now += 60
    room.dispatch()
    room.now += LAST_WORDS
    room.dispatch()
    assert room.scheduler.take_kills() == room.pool.workers
    room.dispatch()
    assert room.scheduler.take_kills() == []
    room.die(1, started=True)
    assert job.state == "failed"
    assert "longer than the 60 seconds" in str(job.error)
    assert room.claimed == [1]


def test_all_attempts_together_have_one_limit_and_work_ahead_has_none(store):
    room = Room(store, 1, time_limit=60.0)
    job = room.ask("anna", 1)
    room.now += 40
    room.die(1, started=True)
    assert room.claimed == [1, 1]
    room.now += 20
    room.dispatch()
    room.stop(1)
    assert job.state == "failed"
    room.now += 100
    ahead = room.ask(None, 2)
    room.now += 1000
    room.dispatch()
    assert ahead.state == "running"


def test_who_waits_behind_long_jobs_alone_gets_a_worker(two):
    first, second = two.ask("anna", 1, slot="a"), two.ask("anna", 2, slot="b")
    two.now += 1
    waiting = two.ask("ben", 3)
    assert two.cancelled == []
    assert two.scheduler.next_moment(two.now) <= two.now + LONG - 1
    two.now += LONG
    two.dispatch()
    # The one that came last; the other goes on, so that something always gets done.
    assert len(two.cancelled) == 1
    two.dispatch()
    assert len(two.cancelled) == 1, "one worker is enough"
    (stopped,) = {1, 2} & {two.attempts[attempt][1].seed for attempt in two.cancelled}
    two.stop(stopped)
    assert waiting.state == "running"
    assert sorted([first.state, second.state]) == ["queued", "running"]
    assert two.counts()["preempted"] == 1
    two.end(3)
    assert first.state == second.state == "running"


def test_nobody_loses_a_worker_when_nobody_waits_or_it_is_the_only_one(one, two):
    for room in (one, two):
        room.ask("anna", 1, slot="a")
        room.ask("anna", 2, slot="b")
    two.now += 10 * LONG
    two.dispatch()
    assert two.cancelled == []
    one.now += 10 * LONG
    one.dispatch()
    assert one.cancelled == []
