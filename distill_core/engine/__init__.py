"""Jobs on warm workers: local processes or a Dask cluster, behind one scheduler.

`engine` is where visitors ask, `scheduler` decides what runs when and touches no worker,
`processes` and `cluster` run what they are given and decide nothing, `worker` and
`cluster_worker` live beside a job in the worker's process. `apart` runs one call that is not
trusted. This room knows functions, specs and
bytes, not networks.
"""

from distill_core.engine.engine import Engine
from distill_core.engine.job import Job
from distill_core.engine.worker import Cancelled, EngineError, Report

__all__ = ["Cancelled", "Engine", "EngineError", "Job", "Report"]
