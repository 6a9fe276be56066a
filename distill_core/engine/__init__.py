"""Jobs on warm workers: local processes or a Dask cluster, behind one policy.

`engine` is where visitors ask, `policy` decides what runs when and touches no worker, `local`
and `cluster` run what they are given and decide nothing, `worker` and `cluster_worker` live
beside a job in the worker's process. This room knows functions, specs and bytes, not networks.
"""

from distill_core.engine.engine import Engine
from distill_core.engine.job import Job
from distill_core.engine.worker import Cancelled, EngineError, Report

__all__ = ["Cancelled", "Engine", "EngineError", "Job", "Report"]
