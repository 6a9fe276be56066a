"""A plane and a window of a dataset, from their specs."""

import numpy as np
import pytest

from distill_core.data import datasets
from distill_core.geometry.planes import choose, interpolate
from distill_core.geometry.problems import load_plane, load_window
from distill_core.specs import DatasetSpec, PlaneSpec


def test_a_moved_plane_shows_another_section_but_the_same_projection():
    dataset, moved = DatasetSpec(name="wine"), PlaneSpec(offset=2)
    X = datasets.load(dataset).X_test
    np.testing.assert_allclose(
        load_plane(moved, dataset).project(X), load_plane(PlaneSpec(), dataset).project(X)
    )
    assert load_window(moved, dataset).half == pytest.approx(load_window(PlaneSpec(), dataset).half)
    assert not np.allclose(
        load_plane(moved, dataset).origin, load_plane(PlaneSpec(), dataset).origin
    )


def test_a_plane_between_two_has_a_name():
    dataset, ends = DatasetSpec(name="wine"), (PlaneSpec(), PlaneSpec(kind="random", seed=3))
    spec = PlaneSpec(kind="between", ends=ends, t=0.25)
    data = datasets.load(dataset)
    expected = interpolate(choose(ends[0], data), choose(ends[1], data), 0.25)
    np.testing.assert_array_equal(load_plane(spec, dataset).basis, expected.basis)
    assert PlaneSpec(**spec.model_dump()) == spec
    assert PlaneSpec.model_validate_json(spec.model_dump_json()).digest == spec.digest
    assert spec.digest != spec.replace(t=0.5).digest
