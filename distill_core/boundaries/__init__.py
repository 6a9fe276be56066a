"""What models say on a plane: fields, boundary lines, sections, and how faithful they are.

Here are the names that jobs, studies and pages use; `probe` and `faithfulness` are imported by
themselves.
"""

from distill_core.boundaries.section import (
    Section,
    combined_model,
    disagreement,
    member_model,
    one_versus_rest,
    section,
)
from distill_core.boundaries.tracing import RESOLUTION, boundary_lines, join_lines
