"""Arrays to Plotly figures: the plane, the learning curves, the votes; no models, no torch.

Every figure comes in the colours of a light page on a transparent ground. `DARK` says
what becomes of each colour on a dark page: `in_dark` applies it here, the live view in
the browser.
"""

from distill_core.figures.charts import learning_curves_figure, votes_figure
from distill_core.figures.palette import DARK, escaped, in_dark
from distill_core.figures.plane import MAX_SVG_POINTS, Points, boundary_figure

__all__ = [
    "DARK",
    "MAX_SVG_POINTS",
    "Points",
    "boundary_figure",
    "escaped",
    "in_dark",
    "learning_curves_figure",
    "votes_figure",
]
