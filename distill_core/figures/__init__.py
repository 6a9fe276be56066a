"""Arrays to Plotly figures: the plane, small charts, studies; no models, no torch.

Every figure comes in the colours of a light page on a transparent ground. `DARK` says
what becomes of each colour on a dark page: `darken` applies it here, the live view in
the browser.
"""

from distill_core.figures.charts import (
    CURVES_HEIGHT,
    learning_curves_layers,
    votes_figure,
)
from distill_core.figures.deploy import deploy_figure
from distill_core.figures.groups import groups_figure, ledger_figure
from distill_core.figures.palette import DARK, darken, escape
from distill_core.figures.plane import boundary_layers
from distill_core.figures.plane_agreement import planes_figure
from distill_core.figures.samples import Points
from distill_core.figures.small_multiples import map_figure, small_plane_figure, soft_targets_figure
from distill_core.figures.studies import GROUPS, bands_figure, describe_band
from distill_core.figures.temperature_grid import cells_figure, shares_figure
from distill_core.figures.tour import tour_colours, tour_ground
