"""Where lessons are: those of the project, and those of the folder that `DISTILL_LESSONS` names."""

import functools
import os
import re
from collections.abc import Iterator
from pathlib import Path

from distill_core.engine import Engine, Job
from distill_core.lessons.evidence import list_tasks
from distill_core.lessons.reading import Lesson, LessonError, read
from distill_core.store import Store

DEFAULT = "distillation"
_HERE = Path(__file__).parent
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,60}")


def find() -> dict[str, Path]:
    """Return the files of all lessons by name; one of `DISTILL_LESSONS` hides one of the project.

    Raises
    ------
    LessonError
        When the folder is not there.
    """
    folders = [_HERE]
    if named := os.environ.get("DISTILL_LESSONS"):
        folders.append(Path(named))
        if not folders[-1].is_dir():
            raise LessonError(
                f"DISTILL_LESSONS should name a folder of lessons (*.toml), got '{named}'."
            )
    return {
        path.stem: path
        for folder in folders
        for path in sorted(folder.glob("*.toml"))
        if _NAME.fullmatch(path.stem) and path.stem != "words"
    }


def load(name: str) -> Lesson:
    """Return a lesson by its name; it is read again when its file has changed.

    Raises
    ------
    LessonError
        When there is none of this name, or its file cannot be used.
    """
    known = find()
    if name not in known:
        names = ", ".join(f"'{one}'" for one in sorted(known))
        raise LessonError(f"There is no lesson '{name[:60]}'; there are {names}.")
    return _read(known[name], known[name].stat().st_mtime_ns)


def train_ahead(engine: Engine, store: Store, lesson: Lesson) -> Iterator[list[Job]]:
    """Have everything trained that a lesson shows, while no visitor is there.

    Yields
    ------
    list of Job
        What has been requested, stage by stage: what needs nothing else first. The next stage
        is requested when the caller goes on, so it waits for these first; what could not be made
        is not asked for again.
    """
    rest = {(t.job.kind, t.digest): t for step in lesson.step for t in list_tasks(step)}
    while True:
        rest = {key: task for key, task in rest.items() if not task.done(store)}
        ready = {key: task for key, task in rest.items() if all(t.done(store) for t in task.needs)}
        if not ready:
            return
        yield [engine.request(None, task.job, task.spec) for task in ready.values()]
        rest = {key: task for key, task in rest.items() if key not in ready}


@functools.lru_cache(maxsize=32)
def _read(path: Path, changed: int) -> Lesson:
    return read(path)
