"""A class predicts together: how far behind the count is, and whether votes are lost."""

import asyncio
import random
import tempfile
import threading
import time
from pathlib import Path

import httpx
import numpy as np

from benchmarks import Claim, Outcome
from benchmarks.browser import playground
from benchmarks.racing import Say

N_LEARNERS, N_LOST, P95_SECONDS = 200, 20, 1.0
# Seconds in which all answer, and between two questions of a phone.
_ANSWERING, _POLL = 20.0, 2.0

# In the browser: when which count was first on the screen, in seconds since 1970.
_WATCH = """() => {
    window.counts = {};
    const look = () => {
        const found = document.body.innerText.match(/Answers so far: (\\d+)/);
        if (found) window.counts[found[1]] ??= (performance.timeOrigin + performance.now()) / 1000;
    };
    new MutationObserver(look).observe(document.body, {
        subtree: true, childList: true, characterData: true,
    });
}"""


def run(say: Say) -> Outcome:
    """Open a room in Chromium, have 200 phones answer, compare the clocks, search what is left."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        votes, seen, code = _hold(folder)
        # The server has ended; all that it leaves is in this folder, its log included.
        texts = [path.read_bytes() for path in folder.rglob("*") if path.is_file()]
        secrets = [code.encode(), *(token.encode() for token in votes)]
        found = sum(secret in text for text in texts for secret in secrets)
    say(f"{len(votes)} votes were acknowledged; the last count seen is {max(seen)}")
    say(f"{len(texts)} files were searched for {len(secrets)} codes and tokens")
    return summary(sorted(votes.values()), seen, len(texts), found)


def _hold(folder: Path) -> tuple[dict[str, float], dict[int, float], str]:
    """Return when votes were acknowledged, by token, when counts were seen, and the room's code."""
    votes: dict[str, float] = {}
    with playground(folder / "store", folder / "log") as visitor:
        page = visitor.page
        page.set_default_timeout(120_000)
        page.goto(f"{visitor.address}/lesson")
        page.get_by_role("button", name="Predict together").click()
        page.get_by_text("Answers so far: 0").wait_for()
        page.evaluate(_WATCH)
        code = page.evaluate("() => new URL(location.href).searchParams.get('room')")
        class_ = threading.Thread(target=_answer, args=(visitor.address, code, votes))
        class_.start()
        while class_.is_alive():
            page.wait_for_timeout(200)
        page.get_by_text(f"Answers so far: {N_LEARNERS}").wait_for()
        seen = {int(count): at for count, at in page.evaluate("() => window.counts").items()}
    return votes, seen, code


def summary(
    votes: list[float], seen: dict[int, float], n_files: int = 1, n_found: int = 0
) -> Outcome:
    """Return how far counts were behind.

    Parameters
    ----------
    votes : list of float
        When votes were acknowledged, in seconds, in order.
    seen : dict of int to float
        By count, when it was first on the presenter's screen, on the same clock.
    n_files, n_found : int
        Files of the store and the log, and how often tokens or the room's code are in them.
    """
    behind = [
        max(0.0, min(at for count, at in seen.items() if count >= number) - acknowledged)
        for number, acknowledged in enumerate(votes, 1)
    ]
    p50, p95 = (float(np.quantile(behind, share)) for share in (0.5, 0.95))
    exact = max(seen) == len(votes) == N_LEARNERS
    return Outcome(
        f"A room of {N_LEARNERS} simulated phones that ask every {_POLL:g} s and answer within "
        f"{_ANSWERING:g} s, {N_LOST} of which lose their connection and send again: seconds from "
        "an acknowledged vote to the presenter's screen.",
        [{"learners": len(votes), "counted": max(seen), "p50 s": p50, "p95 s": p95}],
        [
            Claim(f"p95 at most {P95_SECONDS:g} s behind ({p95:.2f}).", p95 <= P95_SECONDS),
            Claim(f"No vote lost or doubled ({max(seen)} of {N_LEARNERS}).", exact),
            Claim(
                f"No learner's token and no room's code in the {n_files} files of store and log "
                f"({n_found} found).",
                n_files > 0 and not n_found,
            ),
        ],
    )


def _answer(address: str, code: str, votes: dict[str, float]) -> None:
    asyncio.run(_all_answer(address, code, votes))


async def _all_answer(address: str, code: str, votes: dict[str, float]) -> None:
    chance = random.Random(0)
    lost = set(chance.sample(range(N_LEARNERS), N_LOST))
    starts = [chance.uniform(0, _ANSWERING) for _ in range(N_LEARNERS)]
    await asyncio.gather(
        *(
            _learn(
                address,
                code,
                f"{random.Random(number).getrandbits(128):032x}",
                start,
                number in lost,
                votes,
            )
            for number, start in enumerate(starts)
        )
    )


async def _learn(
    address: str, code: str, token: str, start: float, is_lost: bool, votes: dict[str, float]
) -> None:
    """Be a phone: ask for the question again and again, answer once, or twice after a loss."""
    asked = {"room": code, "token": token}
    begun = time.monotonic()
    async with httpx.AsyncClient(base_url=address, timeout=60) as phone:
        found = (await phone.get("/join/question", params=asked)).json()
        while time.monotonic() - begun < start:
            await asyncio.sleep(min(_POLL, max(0.0, start - (time.monotonic() - begun))))
            await phone.get("/join/question", params={**asked, "known": found["name"]})
        answer = random.Random(token).choice([value for value, _ in found["options"]])
        vote = {"room": code, "token": token, "name": found["name"], "answer": answer}
        (await phone.post("/join/vote", json=vote)).raise_for_status()
        votes[token] = time.time()
    if is_lost:
        # The answer did not arrive; the phone cannot know that its vote did.
        async with httpx.AsyncClient(base_url=address, timeout=60) as phone:
            (await phone.post("/join/vote", json=vote)).raise_for_status()
