"""Stored examples: of the default setting, whole, small, and made by studies themselves."""

import json

import pytest

from distill_core import studies
from distill_core.specs import StudentSpec
from distill_core.studies import CapacitySpec, SoftnessSpec, VarianceSpec, examples
from tests import tiny

ENSEMBLE = tiny.teachers("wine", hidden=(8,), schedule=tiny.schedule(1))
SMALL = {
    "capacity": CapacitySpec(ensemble=ENSEMBLE, widths=(2, 4), n_seeds=2),
    "softness": SoftnessSpec(ensemble=ENSEMBLE, widths=(2, 4), n_seeds=2),
    "variance": VarianceSpec(student=StudentSpec(ensemble=ENSEMBLE, width=4), n_repeats=2),
}


@pytest.mark.parametrize("name", examples.DEFAULTS)
def test_every_example_is_that_of_the_present_default_setting(name):
    example = examples.load(name)
    assert example is not None, f"run `{examples.COMMAND}`: the default setting has changed"
    spec = examples.DEFAULTS[name]
    assert example.study == name
    assert type(spec)(**example.spec) == spec
    assert examples._path(name).stat().st_size < 100_000


def test_an_example_of_another_setting_is_not_shown(tmp_path, monkeypatch):
    example = examples.load("capacity")
    monkeypatch.setattr(examples, "_HERE", tmp_path)
    examples.write(example)
    assert examples.load("capacity") == example
    monkeypatch.setitem(examples.DEFAULTS, "capacity", SMALL["capacity"])
    assert examples.load("capacity") is None
    assert examples.load("variance") is None
    assert examples.load("worth") is None


@pytest.mark.parametrize("name", SMALL)
def test_an_example_is_taken_from_a_finished_study(store, name):
    found = studies.run(SMALL[name], store)
    example = examples.take(found)
    assert example.digest == SMALL[name].digest
    assert example.said == found.answer.said
    kept = json.loads(json.dumps(example.shown, allow_nan=False))
    stored = examples.load(name)
    assert _names(kept) == _names(stored.shown)
    summary = found.summary
    if name == "capacity":
        band, ours = summary["widths"][1]["student"]["agreement"], kept[1]["student"]["agreement"]
    elif name == "softness":
        band, ours = summary["cells"][3]["gain"]["agreement"], kept[3]["gain"]["agreement"]
    else:
        of_group = summary["seeds"]["groups"]["student"]
        band, ours = of_group["churn"], kept["seeds"]["student"]["churn"]
    assert ours["mean"] == pytest.approx(band["mean"], abs=1e-5)


def _names(value):
    """Return the keys of nested mappings; of a list those of its first entry."""
    if isinstance(value, dict):
        return {key: _names(one) for key, one in value.items()}
    return _names(value[0]) if isinstance(value, list) else None
