"""Stored examples: what a study's page shows before it is run, for the default setting alone.

`python -m distill_core.studies.examples` trains what the store lacks and writes them anew, a
small file of JSON for each study, beside this module.
"""

import json
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from distill_core.jobs import start_engine
from distill_core.store import Store
from distill_core.studies import runner
from distill_core.studies.capacity import CapacitySpec
from distill_core.studies.runner import StudySpec
from distill_core.studies.softness import SoftnessSpec
from distill_core.studies.study import Study
from distill_core.studies.variance import VarianceSpec

DEFAULTS: Mapping[str, StudySpec] = {
    "capacity": CapacitySpec(),
    "softness": SoftnessSpec(),
    "variance": VarianceSpec(),
}
COMMAND = "python -m distill_core.studies.examples"
# Decimals that are kept: a chart shows three.
_DECIMALS = 5
_HERE = Path(__file__).parent


@dataclass(frozen=True)
class Example:
    """A finished study of the default setting, as far as one figure shows it.

    Parameters
    ----------
    study, digest : str
        Which study, and the digest of its spec.
    spec : mapping
        What was asked, seeds included.
    said : str
        Its answer.
    shown : mapping or list
        Part of its summary: of "capacity" the `widths`, of "softness" the `cells` of one width, of
        "variance" the groups by what was repeated; each with the one figure that is drawn.
    """

    study: str
    digest: str
    spec: Mapping[str, Any]
    said: str
    shown: Any

    @property
    def first(self) -> str:
        """The first sentence of the answer."""
        return re.split(r"(?<=\.) (?=[A-Z])", self.said, maxsplit=1)[0]


def load(study: str) -> Example | None:
    """Return the example of a study; None where there is none of the present default setting.

    >>> load("capacity").digest == CapacitySpec().digest
    True
    """
    path = _path(study)
    if study not in DEFAULTS or not path.is_file():
        return None
    found = Example(**json.loads(path.read_text(encoding="utf-8")))
    return found if found.digest == DEFAULTS[study].digest else None


def take(found: Study) -> Example:
    """Return what is kept of a finished study."""
    return Example(
        found.name,
        found.spec.digest,
        found.spec.model_dump(mode="json"),
        found.answer.said,
        _round(_TAKEN[found.name](found.summary)),
    )


def write(example: Example) -> None:
    """Put an example beside this module, in place of the one that is there."""
    text = json.dumps(vars(example), indent=1, sort_keys=True, allow_nan=False)
    _path(example.study).write_text(f"{text}\n", encoding="utf-8")


def main() -> None:
    """Finish the default studies and write their examples."""
    store = Store()
    with start_engine(store) as engine:
        for name, spec in DEFAULTS.items():
            found = runner.run(spec, store, runner.submit_to(engine, "examples"))
            write(take(found))
            print(f"{name}: {_path(name).stat().st_size:,} bytes", file=sys.stderr)


def _path(study: str) -> Path:
    return _HERE / f"example-{study}.json"


def _take_capacity(summary: Mapping[str, Any]) -> Any:
    return [
        {"width": entry["width"]}
        | {model: {"agreement": entry[model]["agreement"]} for model in ("student", "twin")}
        for entry in summary["widths"]
    ]


def _take_softness(summary: Mapping[str, Any]) -> Any:
    width = summary["cells"][0]["width"]
    return [
        {name: cell[name] for name in ("width", "temperature", "alpha", "agreement")}
        | {"gain": {"agreement": cell["gain"]["agreement"]}}
        for cell in summary["cells"]
        if cell["width"] == width
    ]


def _take_variance(summary: Mapping[str, Any]) -> Any:
    return {
        source: {group: {"churn": of_group["churn"]} for group, of_group in part["groups"].items()}
        for source, part in summary.items()
    }


_TAKEN = {"capacity": _take_capacity, "softness": _take_softness, "variance": _take_variance}


def _round(value: Any) -> Any:
    if isinstance(value, float):
        return round(value, _DECIMALS)
    if isinstance(value, Mapping):
        return {name: _round(one) for name, one in value.items()}
    return [_round(one) for one in value] if isinstance(value, list) else value


if __name__ == "__main__":
    main()
