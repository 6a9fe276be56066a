"""Frozen specs: what data, plane, ensemble and student are meant, and nothing else.

A spec is the one object that crosses from the screen or the command line into the
core, and its digest is the key of every stored result. No arrays, no training here.
"""

from distill_core.specs.base import Seed, Spec, SpecError, canonical_json
from distill_core.specs.data import DatasetName, DatasetSpec, PlaneSpec, ProblemSpec
from distill_core.specs.models import (
    ALPHAS,
    DEPTHS,
    EPOCHS,
    MAX_MEMBERS,
    MEMBERS_PER_PART,
    TEMPERATURES,
    WIDTHS,
    Alpha,
    Depth,
    EnsemblePartSpec,
    EnsembleSpec,
    Schedule,
    StudentSpec,
    Temperature,
    Width,
)
from distill_core.specs.views import PictureSpec, ReplicatesSpec, ReproductionSpec, SectionSpec
