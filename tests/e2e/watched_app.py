"""The whole server of `app.py`, and one address more under which its engine can be looked at."""

import threading
import time

import streamlit as st
from starlette.responses import JSONResponse
from starlette.routing import Route

from app import MIDDLEWARE, ROUTES, SCRIPT, lifespan
from distill_core.engine import Job
from pages.frame.server import service

# By kind, the most jobs that ran and that waited at the same moment.
_most: dict[str, list[int]] = {}
# By kind and digest, all jobs there were.
_all: dict[str, dict[str, list[Job]]] = {}


def _watch():
    while True:
        jobs = service.engine().jobs()
        for kind in {job.kind for job in jobs}:
            states = [job.state for job in jobs if job.kind == kind]
            waiting = states.count("queued")
            most = _most.setdefault(kind, [0, 0])
            for job in (job for job in jobs if job.kind == kind):
                same = _all.setdefault(kind, {}).setdefault(job.digest, [])
                if job not in same:
                    same.append(job)
            most[:] = max(most[0], len(states) - waiting), max(most[1], waiting)
        time.sleep(0.01)


def _look(_):
    engine = service.engine()
    jobs = [[job.kind, job.digest, job.state] for job in engine.jobs()]
    made = {kind: {d: len(same) for d, same in them.items()} for kind, them in _all.items()}
    seen = {"counts": engine.counts(), "jobs": jobs, "most": _most, "made": made}
    return JSONResponse({**seen, "pids": engine.worker_pids()})


threading.Thread(target=_watch, daemon=True).start()
app = st.App(
    SCRIPT, lifespan=lifespan, routes=[Route("/engine", _look), *ROUTES], middleware=MIDDLEWARE
)
