"""Studies: settings times seeds, done in resumable parts, answered with intervals.

`runner` knows what all studies have in common. `capacity`, `softness`, `variance` and `worth` each
say what is trained and what the rows are; the rule for a sufficient width is in `sufficiency`, that
for what to deploy in `verdict`, the figures of what changes from repeat to repeat in `stability`,
all sentences in `answers`. What an answer costs is measured by `costs`.
"""

from distill_core.studies.capacity import CapacitySpec
from distill_core.studies.runner import (
    ASK_ABOVE,
    StudySpec,
    estimate_seconds,
    list_missing,
    list_tasks,
    look,
    run,
    submit_to,
)
from distill_core.studies.softness import SoftnessSpec
from distill_core.studies.study import Study, Task
from distill_core.studies.variance import VarianceSpec
from distill_core.studies.worth import WorthSpec
