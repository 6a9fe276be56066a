"""Cost against quality: the front by brute force, points that stay apart, words under the mouse."""

import itertools

import numpy as np
import pytest

from distill_core.figures.deploy import deploy_figure, find_front


def point(model, cost, mean, half=0.02, details=("9.4 KB",)):
    band = {"mean": mean, "low": mean - half, "high": mean + half, "n": 8, "n_rows": 1000}
    return {"model": model, "name": model, "cost": cost, "value": band, "details": list(details)}


def draw(points):
    return deploy_figure(points, cost_name="bytes", value_name="accuracy on test data")


def test_front_equals_brute_force():
    generator = np.random.default_rng(0)
    for _ in range(50):
        points = [(float(c), float(v)) for c, v in generator.integers(1, 6, size=(9, 2))]
        front = find_front(points)
        for i, (cost, value) in enumerate(points):
            beaten = any((c < cost and v >= value) or (c <= cost and v > value) for c, v in points)
            assert (i in front) == (not beaten)
        assert [points[i][0] for i in front] == sorted(points[i][0] for i in front)


def test_every_model_is_a_point_with_interval_and_words():
    figure = draw(
        [
            point("student", 9352, 0.70),
            point("twin", 9352, 0.69),
            point("ensemble", 2e6, 0.71),
            *[point(f"teachers-{n}", 1e5 * n, 0.65) for n in range(1, 4)],
            point("logistic", 12, 0.6),
        ]
    )
    traces = {trace.uid: trace for trace in figure.data}
    assert set(traces) == {"front", "student", "twin", "ensemble", "fewer", "logistic"}
    assert list(traces["front"].x) == [12, 9352, 2e6]
    assert list(traces["front"].y) == [0.6, 0.70, 0.71]
    assert len(traces["fewer"].x) == 3
    for name in ("student", "fewer"):
        assert all(np.allclose(traces[name].error_y[end], 0.02) for end in ("array", "arrayminus"))
        assert "[" in traces[name].customdata[0]
        assert "9.4 KB" in traces[name].customdata[0]
    assert "on the Pareto front" in traces["student"].customdata[0]
    assert "on the Pareto front" not in traces["twin"].customdata[0]
    widths = {uid: trace.marker.line.width[0] for uid, trace in traces.items() if uid != "front"}
    assert widths["student"] > widths["twin"]
    assert figure.layout.xaxis.type == "log"


def test_points_of_one_cost_stand_beside_each_other():
    figure = draw([point(model, 100.0, 0.7) for model in ("student", "twin", "tree", "forest")])
    xs = sorted(x for trace in figure.data if trace.uid != "front" for x in trace.x)
    assert xs[0] == 100
    assert all(b / a > 1.05 for a, b in itertools.pairwise(xs))


@pytest.mark.parametrize("missing", ["low", "mean"])
def test_what_is_not_known_is_not_drawn(missing):
    one = point("student", 10, 0.7)
    one["value"] |= {"low": None, "high": None} | ({"mean": None} if missing == "mean" else {})
    figure = draw([one, point("twin", 10, 0.6)])
    traces = {trace.uid: trace for trace in figure.data}
    assert ("student" in traces) == (missing == "low")
    if missing == "low":
        assert traces["student"].error_y.array[0] == 0
        assert "no interval" in traces["student"].customdata[0]
