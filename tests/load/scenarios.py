"""What crowds do: by name, each bounded in users, messages and time."""

import asyncio
import contextlib
import json
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from tests.load.canary import Canaries
from tests.load.measuring import Served, Usage
from tests.load.visitor import PATIENCE, LightVisitor, Tally
from tests.visitor import Tab

# Bounds of every run: tabs at once, messages of all of them, seconds.
MOST_USERS, MOST_MESSAGES, MOST_SECONDS = 250, 200_000, 3600.0
THINK = 4.0
SESSIONS_A_DAY = 2000
SHARED = "data=moons&seed=3"
_SLIDERS = ("Student width", "Temperature T", "alpha (weight on the ensemble)")
SESSIONS = Path(__file__).with_name("sessions.json")

Row = dict[str, Any]
Step = Callable[[LightVisitor, random.Random], Awaitable[None]]


@dataclass
class Run:
    """What a run may vary, and the server that it is about.

    Parameters
    ----------
    served : Served
        The server.
    users : sequence of int
        How many there are at once; one crowd after another.
    seconds : float
        For how long a crowd is measured.
    canaries : bool
        Whether two pages in Chromium are there, too.
    query : str
        Settings of the page.
    is_cold : bool
        Whether nothing is trained of what the page shows. Pages in Chromium then come after the
        crowd: before it they would have it trained, with it they take its processor to start.
    n_rows : int
        Of a file that is sent.
    sessions : int
        How many come and go on a day.
    """

    served: Served
    users: list[int]
    seconds: float
    canaries: bool = True
    query: str = ""
    is_cold: bool = False
    n_rows: int = 0
    sessions: int = SESSIONS_A_DAY
    rows: list[Row] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Refuse what is more than a run may be."""
        if max(self.users) > MOST_USERS or self.seconds > MOST_SECONDS:
            raise ValueError(
                f"A run has at most {MOST_USERS} users and {MOST_SECONDS:.0f} s, got "
                f"{max(self.users)} and {self.seconds:.0f} s."
            )


def list_sessions() -> list[dict[str, Any]]:
    """Return the recorded sessions; see `tests.load.record`."""
    return list(json.loads(SESSIONS.read_text("utf-8"))) if SESSIONS.exists() else []


async def measure_class(run: Run, name: str = "class") -> None:
    """A class that thinks for `THINK` seconds between two moves, some by recorded sessions."""
    for n in run.users:
        ramp = min(20.0, n / 10)
        async with crowd(run, f"{name}, {n}", n, ramp, move_on) as tally:
            await tally.all_there.wait()
            await asyncio.sleep(min(5.0, run.seconds / 4))
            tally.answers.clear()
            tally.ended.clear()
            tally.watch()
            await asyncio.sleep(run.seconds)


async def measure_join(run: Run) -> None:
    """All of a class open the page within `seconds` and look."""
    for n in run.users:
        async with crowd(run, f"join, {n}", n, run.seconds, _rest) as tally:
            tally.watch()
            await tally.wait_for(n, run.seconds + PATIENCE)


async def measure_cold(run: Run) -> None:
    """A class opens one setting that nobody has trained, all at once, and looks."""
    for n in run.users:
        async with crowd(run, f"cold join, {n}", n, 2.0, _rest) as tally:
            tally.watch()
            await tally.wait_for(n, 2 * PATIENCE)
            # Until all is there that a picture is completed with.
            await asyncio.sleep(run.seconds)


async def measure_shared(run: Run, name: str = "cold but shared") -> None:
    """A class opens the same setting, which nobody has trained, and goes on from there."""
    await measure_class(replace(run, query=run.query or SHARED, is_cold=True), name)


async def measure_storm(run: Run) -> None:
    """Twenty moves in two seconds each, and then the picture of the last one."""

    async def storm(visitor: LightVisitor, rng: random.Random) -> None:
        label = rng.choice(_SLIDERS)
        stops, here = visitor.list_stops(label)
        way = [min(abs(here + i), 2 * len(stops) - 2) for i in range(1, 21)]
        way = [i % len(stops) for i in way]
        for i in way[:-1]:
            await visitor.pass_by(label, stops[i])
            await asyncio.sleep(0.1)
        if visitor.list_stops(label)[1] != way[-1]:
            await visitor.move(label, stops[way[-1]])
        await asyncio.sleep(1.0)

    for n in run.users:
        async with crowd(run, f"storm, {n}", n, 2.0, storm) as tally:
            await tally.wait_for(n, PATIENCE)
            tally.answers.clear()
            tally.watch()
            await asyncio.sleep(run.seconds)


async def measure_keys(run: Run) -> None:
    """Everybody opens a setting of their own that nobody has trained."""
    for n in run.users:
        numbers = iter(range(1000, 2000))

        def tab(numbers: Any = numbers) -> Tab:
            return Tab(f"{run.query}&seed={next(numbers)}")

        async with crowd(run, f"distinct cold keys, {n}", n, 2.0, _rest, tab) as tally:
            tally.watch()
            await tally.wait_for(n, run.seconds + PATIENCE)


async def measure_watched(run: Run) -> None:
    """Everybody watches one and the same study grow, and some go on to move sliders."""
    for n in run.users:
        served, tally = run.served, Tally(MOST_MESSAGES)

        async def watch(i: int, served: Served = served, tally: Tally = tally) -> None:
            async with LightVisitor(served.address, _source(i), tally, _study(run)) as visitor:
                began = time.monotonic()
                await visitor.open()
                await visitor.press("Run the study")
                await visitor.follow(lambda: time.monotonic() - began < run.seconds)

        before, began = served.measure(), time.monotonic()
        tally.watch()
        done = await asyncio.gather(*map(watch, range(n)), return_exceptions=True)
        tally.errors += [repr(one) for one in done if isinstance(one, BaseException)]
        run.rows.append(
            _row(f"studies watched, {n}", n, tally, before, served.measure(), began, None)
        )


async def measure_day(run: Run) -> None:
    """A class; a day on which many visitors come and go; the class again, and then a cold one."""
    sessions = run.sessions
    await measure_class(run, "class, young server")
    served, tally, gate = run.served, Tally(MOST_MESSAGES), asyncio.Semaphore(20)
    before, began = served.measure(), time.monotonic()

    async def visit(i: int) -> None:
        async with gate, LightVisitor(served.address, _source(i), tally, Tab(run.query)) as visitor:
            await visitor.join()
            if i % 4 == 0:
                await move_slider(visitor, random.Random(i))

    tally.watch()
    done = await asyncio.gather(*map(visit, range(sessions)), return_exceptions=True)
    tally.errors += [repr(one) for one in done if isinstance(one, BaseException)]
    run.rows.append(
        _row(f"day, {sessions} sessions", 20, tally, before, served.measure(), began, None)
    )
    await measure_class(run, "class, after the day")
    await measure_shared(run, "cold but shared, after the day")


async def measure_soak(run: Run) -> None:
    """A class for long, of whom some leave and others come; memory at its beginning and end."""
    n = run.users[0]

    async def come_and_go(visitor: LightVisitor, rng: random.Random) -> None:
        await move_on(visitor, rng)
        if rng.random() < 0.05:
            await visitor.reopen()

    async with crowd(run, f"soak, {n}", n, n / 10, come_and_go) as tally:
        await tally.wait_for(n, PATIENCE)
        # What is made for the first time is no growth.
        await asyncio.sleep(run.seconds / 4)
        tally.forget()
        before = run.served.measure()
        tally.watch()
        await asyncio.sleep(run.seconds)
    growth = run.served.measure().memory - before.memory
    run.rows[-1]["growth MB"] = growth / 1e6


@contextlib.asynccontextmanager
async def crowd(
    run: Run,
    name: str,
    n: int,
    ramp: float,
    step: Step,
    tab: Callable[[], Tab] | None = None,
) -> AsyncIterator[Tally]:
    """Let `n` visitors come within `ramp` seconds and go on until the block ends."""
    tally = Tally(MOST_MESSAGES)
    canaries = Canaries(run.served.address, run.query) if run.canaries else None
    if canaries is not None:
        canaries.start()
        await asyncio.to_thread(canaries.ready.wait, 120)
        if not run.is_cold:
            canaries.begin()
            await asyncio.to_thread(canaries.opened.wait, 120)
    marks: list[tuple[Usage, float, int]] = []
    tally.on_watch = lambda: marks.append(
        (run.served.measure(), time.monotonic(), len(canaries.moves) if canaries else 0)
    )

    async def visit(i: int) -> None:
        await asyncio.sleep(ramp * i / n)
        rng = random.Random(i)
        opened = tab() if tab else Tab(run.query)
        try:
            async with LightVisitor(run.served.address, _source(i), tally, opened) as visitor:
                await visitor.join()
                while True:
                    await step(visitor, rng)
        except Exception as error:
            tally.errors.append(f"visitor {i}: {type(error).__name__} {error}")

    async def follow() -> None:
        await tally.wait_for(n, PATIENCE)
        if canaries is not None:
            canaries.begin()
            await asyncio.to_thread(canaries.opened.wait, 120)
        tally.all_there.set()

    tasks = [*(asyncio.create_task(visit(i)) for i in range(n)), asyncio.create_task(follow())]
    try:
        yield tally
        usage = run.served.measure()
        before, began, seen = marks[0]
        moves = canaries.moves[seen:] if canaries else []
        row = _row(name, n, tally, before, usage, began, moves)
        run.rows.append(row)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if canaries is not None:
            await asyncio.to_thread(canaries.stop)
            if run.rows:
                run.rows[-1]["errors"] += len(canaries.errors)
                run.rows[-1]["first error"] = run.rows[-1]["first error"] or "".join(
                    canaries.errors[:1]
                )


async def move_on(visitor: LightVisitor, rng: random.Random) -> None:
    """Think, then move a slider by a stop or two; sometimes do what somebody has once done."""
    sessions = list_sessions()
    if sessions and rng.random() < 0.2:
        before = 0.0
        for move in rng.choice(sessions)["moves"]:
            await asyncio.sleep(max(0.3, move["at"] - before))
            before = move["at"]
            sliders = [label for label in _SLIDERS if label in move["values"]]
            # The sliders alone: a crowd stays with its data, whatever was recorded on.
            await visitor.set_to({label: move["values"][label] for label in sliders})
        return
    await asyncio.sleep(rng.uniform(0.5 * THINK, 1.5 * THINK))
    await move_slider(visitor, rng)


async def move_slider(visitor: LightVisitor, rng: random.Random) -> None:
    """Move one of the sliders by a stop or two."""
    label = rng.choice(_SLIDERS)
    stops, here = visitor.list_stops(label)
    there = [i for i in (here - 2, here - 1, here + 1, here + 2) if 0 <= i < len(stops)]
    await visitor.move(label, stops[rng.choice(there)])


async def _rest(visitor: LightVisitor, rng: random.Random) -> None:
    await asyncio.sleep(THINK)


def _study(run: Run) -> Tab:
    return Tab(f"{run.query}&data=moons&teachers=2&seeds=2", "capacity")


def _source(i: int) -> str:
    return f"127.0.{1 + i // 200 % 200}.{2 + i % 200}"


def _row(
    name: str,
    users: int,
    tally: Tally,
    before: Usage,
    after: Usage,
    began: float,
    moves: list[float] | None,
) -> Row:
    """Return a row of the table; milliseconds of the processor are per answer or join."""
    figures = tally.answers or tally.joins
    n = max(1, len(figures))
    return {
        "": name,
        "users": users,
        "answers": len(figures),
        "p50 s": _quantile(figures, 0.5),
        "p95 s": _quantile(figures, 0.95),
        "max s": _quantile(figures, 1.0),
        "join p95 s": _quantile(tally.joins, 0.95),
        "canary p50 s": _quantile(moves or [], 0.5),
        "canary p95 s": _quantile(moves or [], 0.95),
        "server ms": 1e3 * (after.server - before.server) / n,
        "workers ms": 1e3 * (after.workers - before.workers) / n,
        "others": (after.others - before.others) / max(1e-9, time.monotonic() - began),
        "errors": len(tally.errors),
        "first error": tally.errors[0] if tally.errors else "",
        "memory MB": after.memory / 1e6,
        "seconds": time.monotonic() - began,
    }


def _quantile(figures: list[float], share: float) -> float | str:
    """Return a quantile, the next one that was measured; "-" if nothing was."""
    if not figures:
        return "-"
    return sorted(figures)[min(len(figures) - 1, int(share * len(figures)))]


SCENARIOS: dict[str, tuple[Callable[[Run], Awaitable[None]], list[int], float, bool]] = {
    # By name: what is done, users, seconds, whether the first lesson is trained before.
    "class": (measure_class, [50, 120, 200], 30.0, True),
    "join": (measure_join, [200], 20.0, True),
    "shared": (measure_shared, [50], 30.0, False),
    "storm": (measure_storm, [10], 20.0, True),
    "keys": (measure_keys, [30], 120.0, False),
    "watched": (measure_watched, [20], 30.0, False),
    "day": (measure_day, [50], 30.0, True),
    "soak": (measure_soak, [30], 1800.0, True),
}
