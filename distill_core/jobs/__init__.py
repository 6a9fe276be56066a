"""What a worker does: from a spec to a stored artifact, each kind by one function.

Every function takes a spec, the store and a way to report; it finds what it builds on in
the store or makes it first, and puts one artifact under its kind and the spec's digest
(`sweep` puts those of many other jobs before its own). The same spec gives the same bytes
in every process. Which job runs where and when is the engine's business.
"""

from distill_core.jobs.artifacts import (
    found,
    on_plane,
    packed,
    read_lines,
    read_section,
    section_arrays,
    silent,
)
from distill_core.jobs.disagreement import most_disagreement, read_disagreement
from distill_core.jobs.students import Combine, history, picture, replicates, student
from distill_core.jobs.sweep import stops, sweep
from distill_core.jobs.teachers import (
    ensemble,
    ensemble_part,
    read_growth,
    rough_section,
    section,
    teacher_lines,
    trained_ensemble,
)

__all__ = [
    "Combine",
    "ensemble",
    "ensemble_part",
    "found",
    "history",
    "most_disagreement",
    "on_plane",
    "packed",
    "picture",
    "read_disagreement",
    "read_growth",
    "read_lines",
    "read_section",
    "replicates",
    "rough_section",
    "section",
    "section_arrays",
    "silent",
    "stops",
    "student",
    "sweep",
    "teacher_lines",
    "trained_ensemble",
]
