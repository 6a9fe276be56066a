"""What a worker does: from a spec to a stored artifact, each kind by one function.

Every job is a function of a spec, the store and a way to report, made by `@artifact(kind)`; it
finds what it builds on in the store or makes it first, and puts one artifact under its kind and
the spec's digest (`train_sweep` puts those of many other jobs before its own). The same spec gives
the same bytes in every process. Which job runs where and when is the engine's business.
"""

from typing import Any

from distill_core.engine import Engine, template
from distill_core.jobs.artifacts import (
    Arrays,
    Job,
    artifact,
    load_or_make,
    pack_hits,
    pack_lines,
    read_hits,
    read_lines,
    read_section,
    report_nothing,
    view_on_plane,
)
from distill_core.jobs.faithfulness import read_disagreement, search_most_disagreement
from distill_core.jobs.students import (
    Combine,
    collect_answers,
    evaluate_picture,
    fit_students,
    measure_on_test,
    predict_test,
    trace_history,
    train_replicates,
    train_student,
)
from distill_core.jobs.sweep import list_stops, train_sweep
from distill_core.jobs.teachers import (
    evaluate_rough_section,
    evaluate_section,
    load_ensemble,
    read_growth,
    trace_members,
    trace_teachers,
    train_ensemble,
    train_ensemble_part,
)
from distill_core.store import Store

_PRELOAD = "distill_core.jobs.preload"


def fork_workers() -> None:
    """Have all workers forked from a copy of this process, as `engine.template` says."""
    template.fork(_PRELOAD)


def start_engine(store: Store, **options: Any) -> Engine:
    """Return an engine whose workers have loaded what jobs need; options as `Engine` takes them."""
    return Engine(store, preload=_PRELOAD, **options)
