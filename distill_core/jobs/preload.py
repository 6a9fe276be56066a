"""What a worker imports before its first job: everything that jobs need, and the slow first steps.

Small networks are fastest on one thread, and one worker per core leaves no core for more. Results
are the same without all this, so a failure is only logged.
"""

import logging

_log = logging.getLogger(__name__)

try:
    import threadpoolctl  # type: ignore[import-untyped]
    import torch

    from distill_core.geometry import problems
    from distill_core.learning import training
    from distill_core.specs import EnsembleSpec, ProblemSpec, Schedule, StudentSpec

    torch.set_num_threads(1)
    # Covers the libraries loaded by now, and so comes after the imports.
    threadpoolctl.threadpool_limits(1)
    problems.load_problem(ProblemSpec())
    _short = Schedule(epochs=1, batch_size=16, learning_rate=1e-3)
    _X, _y = torch.linspace(-1, 1, 64).view(32, 2), torch.arange(32) % 2
    _teachers = training.fit_ensemble(EnsembleSpec(n_members=2, schedule=_short), _X, _y)
    training.fit_students([StudentSpec(schedule=_short)], _X, _y, _teachers.logits(_X))
except Exception:
    _log.warning("A worker could not be warmed up; its first job will be slow.", exc_info=True)
