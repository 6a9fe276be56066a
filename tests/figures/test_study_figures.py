import json
import re

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from distill_core import boundaries, figures
from distill_core.figures import palette, studies
from distill_core.geometry.planes import Window

WINDOW = Window(0.5, -1.0, 5.0)
WIDTHS = (1, 2, 3, 8, 128)
HOSTILE = "<img src=x onerror=alert(1)>%{z}"


def band(mean, half=None, n=8):
    ends = (None, None) if mean is None or half is None else (mean - half, mean + half)
    return {"mean": mean, "low": ends[0], "high": ends[1], "n": n}


def gain(mean, half):
    return {**band(mean, half), "beyond_noise": abs(mean) > half}


def layers(figure):
    return {trace.uid: trace for trace in figure.data}


def section(n_classes=2):
    angle = 2 * np.pi * np.arange(n_classes) / n_classes
    way = np.stack([np.cos(angle), np.sin(angle)])
    return boundaries.section(lambda uv: (uv - [0.5, -1]) @ way, WINDOW, 50)


def cell(temperature, alpha, **gains):
    shown = {name: band(0.9, 0.01) for name in gains}
    return {"temperature": temperature, "alpha": alpha, **shown, "gain": gains}


def bands_figure(**options):
    student = {w: band(0.8 + 0.04 * i, 0.03) for i, w in enumerate(WIDTHS)}
    twin = {w: band(0.7, 0.02) for w in WIDTHS[:3]}
    options = {"value_name": "agreement", **options}
    return figures.bands_figure(WIDTHS, {"student": student, "twin": twin}, **options)


def groups(mean=0.5):
    return {group: band(mean + i / 10, 0.05) for i, group in enumerate(studies.GROUPS)}


def ledger(gap=0.02, gain_of=-0.01):
    return {
        "teacher": band(0.5, 0.02),
        "ensemble": band(0.4, 0.01),
        "diversity": band(0.1, 0.005),
        "student": band(0.4 + gap, 0.02),
        "twin": band(0.4 + gap - gain_of, 0.02),
        "student_gap": gain(gap, 0.03),
        "gain": gain(gain_of, 0.004),
        "residual": 1e-16,
    }


def cells_figure(**options):
    cells = [cell(t, 0.0, kl=gain(0.0, 0.0)) for t in (1.0, 3.0)]
    cells += [
        cell(1.0, 0.5, kl=gain(-0.02, 0.01)),
        cell(1.0, 1.0, kl=gain(0.01, 0.03)),
        cell(3.0, 0.5, kl=gain(0.04, 0.01)),
    ]
    options = {"value_name": "KL", "value_format": ".3f", **options}
    return figures.cells_figure(cells, "kl", **options)


def shares_figure():
    cells = [
        {"temperature": t, "alpha": a, "loss_share": band(a**t, 0.01)}
        for t in (1.0, 3.0)
        for a in (0.0, 0.5, 1.0)
    ]
    return figures.shares_figure(cells, "loss_share", value_name="share of the loss")


def all_figures(name="a name"):
    line = np.array([[0, 0], [1, 1]], np.float32)
    square = np.linspace(0, 0.6, 25).reshape(5, 5)
    targets = np.full((3, 4, 2), 0.5)
    return [
        bands_figure(value_name=name, marked=3, height=500),
        cells_figure(value_name=name, best=(3.0, 0.5)),
        shares_figure(),
        figures.groups_figure({"seeds": groups(), "resamples": groups(0.4)}, value_name=name),
        figures.ledger_figure(ledger()),
        figures.small_plane_figure(
            WINDOW, {"student": [line]}, title=name, field_of=section(), class_names=[name, name]
        ),
        figures.small_plane_figure(
            WINDOW, {"twin": [line]}, title=name, field_of=section(3), class_names=[name] * 3
        ),
        figures.map_figure(WINDOW, square, title=name, top=0.7, lines={"ensemble": [line]}),
        figures.soft_targets_figure(
            targets, [1.0, 3.0, 20.0], titles=[(name, name)] * 4, class_names=[name, name]
        ),
    ]


def test_bands_are_where_the_numbers_are():
    shown = layers(bands_figure())
    assert list(shown["student"].x) == list(WIDTHS)
    assert_allclose(shown["student"].y, [0.8, 0.84, 0.88, 0.92, 0.96])
    assert list(shown["twin"].x) == [1, 2, 3]
    ring = dict(
        zip(zip(shown["twin-band"].x, range(6), strict=True), shown["twin-band"].y, strict=True)
    )
    assert [x for x, _ in ring] == [1, 2, 3, 3, 2, 1]
    assert_allclose(list(ring.values()), [0.72] * 3 + [0.68] * 3)
    assert shown["twin"].line.dash != shown["student"].line.dash
    assert shown["student"].customdata[0] == "80.0% [77.0%, 83.0%], n = 8"


def test_widths_lie_on_a_log2_axis_with_the_stops_as_ticks():
    axis = bands_figure().layout.xaxis
    assert axis.type == "log"
    assert axis.tickvals == WIDTHS
    assert axis.ticktext == ("1", "2", "", "8", "128")
    low, high = axis.range
    assert 10**low < 1 < 128 < 10**high
    # The same axis while a study grows.
    few = figures.bands_figure(WIDTHS, {"student": {1: band(0.5)}}, value_name="")
    assert few.layout.xaxis.range == axis.range


def test_what_has_no_interval_is_said_to_have_none():
    bands = {"student": {1: band(0.5), 2: band(None), 3: band(0.7)}}
    shown = layers(figures.bands_figure(WIDTHS, bands, value_name="agreement"))
    assert list(shown["student"].x) == [1, 3]
    assert len(shown["student-band"].x) == 0
    assert shown["student"].customdata[0] == "50.0%, no interval"
    assert figures.describe_band(band(None), ".1%") == "not known"


@pytest.mark.parametrize(("width", "side"), [(2, "left"), (128, "right")])
def test_a_sufficient_width_is_marked(width, side):
    layout = bands_figure(marked=width, height=500).layout
    assert layout.shapes[0].x0 == layout.shapes[0].x1 == width
    assert 10 ** layout.annotations[0].x == pytest.approx(width)
    assert layout.annotations[0].xanchor == side
    assert str(width) in layout.annotations[0].text
    assert not bands_figure().layout.shapes
    assert not bands_figure(marked=width, height=260).layout.annotations


def test_cells_show_differences_and_hatch_what_is_within_noise():
    shown = layers(cells_figure(factor=1000))
    cells = shown["cells"]
    # Rows: T = 1 and 3; columns: alpha = 0, .5 and 1.
    assert_allclose(cells.z, [[0, -20, 10], [0, 40, np.nan]], atol=1e-4)
    assert (cells.zmin, cells.zmax) == pytest.approx((-40, 40))
    assert cells.text.tolist() == [["twin", "-20.0", "10.0"], ["twin", "40.0", ""]]
    assert "beyond chance" in cells.hovertext[0][1]
    assert "-20.00 [-30.00, -10.00]" in cells.hovertext[0][1]
    assert "within chance" in cells.hovertext[0][2]
    assert "the twin itself" in cells.hovertext[1][0]
    # The one cell within noise, and no other, is crossed by lines.
    x, y = (np.array(shown["noise"][a], float) for a in "xy")
    assert np.nanmin(x) > 1.5
    assert np.nanmax(x) < 2.5
    assert np.nanmin(y) > -0.5
    assert np.nanmax(y) < 0.5
    assert shown["noise"].showlegend
    assert "best" not in shown


def test_blue_is_better_whatever_the_figure():
    def colours(**options):
        return [colour for _, colour in layers(cells_figure(**options))["cells"].colorscale]

    higher, lower = colours(), colours(lower_is_better=True)
    assert higher == lower[::-1]
    assert higher[-1] == lower[0] == palette.COLOURS["field 0"][0]
    assert higher[2] == palette.COLOURS["field 0.5"][0]


def test_the_best_cell_is_framed():
    frame = layers(cells_figure(best=(3.0, 0.5)))["best"]
    assert np.mean(frame.x[:4]) == pytest.approx(1)
    assert np.mean(frame.y[:4]) == pytest.approx(1)
    # Not there yet: nothing to frame.
    assert "best" not in layers(cells_figure(best=(20.0, 0.5)))


def test_cells_without_a_difference_yet():
    empty = {"mean": None, "low": None, "high": None, "n": 0, "beyond_noise": False}
    shown = layers(figures.cells_figure([cell(1.0, 0.5, kl=empty)], "kl", value_name="KL"))
    assert np.isnan(shown["cells"].z).all()
    assert shown["cells"].zmin < 0 < shown["cells"].zmax
    assert len(shown["noise"].x) == 0


def test_shares_are_drawn_for_each_temperature():
    shown = layers(shares_figure())
    assert_allclose(shown["T-3"].y, [0, 0.125, 1])
    assert_allclose(shown["T-1"].x, [0, 0.5, 1])
    assert shown["T-1"].marker.symbol != shown["T-3"].marker.symbol
    assert shown["T-1"].opacity < shown["T-3"].opacity


def test_groups_have_dots_with_intervals():
    bands = {"seeds": groups(), "resamples": {**groups(0.4), "twin": band(0.3)}}
    shown = layers(figures.groups_figure(bands, value_name="churn"))
    dot = shown["resamples-student"]
    assert dot.x[0] == pytest.approx(0.6)
    assert dot.error_x.array[0] == pytest.approx(0.05)
    assert dot.marker.symbol != shown["seeds-student"].marker.symbol
    assert dot.marker.color == palette.COLOURS["student"][0]
    assert dot.y[0] > shown["seeds-student"].y[0]
    assert not shown["resamples-twin"].error_x.visible
    assert "no interval" in shown["resamples-twin"].hovertemplate
    assert "seeds-twin" not in layers(
        figures.groups_figure({"seeds": {**groups(), "twin": band(None)}}, value_name="churn")
    )


def test_the_ledger_steps_from_level_to_level():
    figure = figures.ledger_figure(ledger())
    shown = layers(figure)
    assert [shown[m].x[0] for m in studies.GROUPS] == pytest.approx([0.5, 0.4, 0.42, 0.43])
    for step, low, high in (
        ("diversity", 0.4, 0.5),
        ("student_gap", 0.4, 0.42),
        ("gain", 0.42, 0.43),
    ):
        assert shown[step].base[0] == pytest.approx(low)
        assert shown[step].base[0] + shown[step].x[0] == pytest.approx(high)
    assert shown["diversity"].text[0] == "-0.1000"
    assert shown["student_gap"].text[0] == "+0.0200, within noise"
    assert shown["student_gap"].marker.pattern.shape == "/"
    assert shown["gain"].text[0] == "+0.0100"
    assert shown["gain"].marker.pattern.shape == ""
    low, high = figure.layout.xaxis.range
    assert low < 0.39
    assert high > 0.52
    order = figure.layout.yaxis.categoryarray[::-1]
    assert [name for name in order if "minus" not in name][:3] == [
        "single teacher",
        "diversity",
        "ensemble",
    ]
    # A student better than its ensemble: the step goes down, in the other colour.
    down = layers(figures.ledger_figure(ledger(gap=-0.05)))["student_gap"]
    assert down.base[0] == pytest.approx(0.35)
    assert down.marker.color == palette.COLOURS["field 0"][0]
    assert shown["student_gap"].marker.color == palette.COLOURS["field 1"][0]
    # One repeat has no interval anywhere.
    single = {
        k: v if k == "residual" else {**v, "low": None, "high": None} for k, v in ledger().items()
    }
    assert "no interval" in layers(figures.ledger_figure(single))["student"].hovertemplate


def test_small_planes_hold_all_lines_apart():
    lines = [np.array([[i, 0], [i, 1]], np.float32) for i in range(3)]
    lines.append(np.empty((0, 2), np.float32))
    figure = figures.small_plane_figure(WINDOW, {"student": lines}, title="width 2")
    shown = layers(figure)
    assert list(shown) == ["student"]
    gap = [np.nan, np.nan]
    expected = [[0, 0], [0, 1], gap, [1, 0], [1, 1], gap, [2, 0], [2, 1]]
    assert_array_equal(np.c_[shown["student"].x, shown["student"].y], expected)
    assert figure.layout.xaxis.range == (-4.5, 5.5)
    assert figure.layout.yaxis.scaleanchor == "x"
    assert not any(trace.showlegend for trace in figure.data)
    assert len(layers(figures.small_plane_figure(WINDOW, {"twin": []}, title=""))["twin"].x) == 0


@pytest.mark.parametrize(("n_classes", "kind"), [(2, "contour"), (3, "heatmap")])
def test_small_planes_have_the_ensembles_field_below(n_classes, kind):
    names = [f"class {i}" for i in range(n_classes)]
    figure = figures.small_plane_figure(
        WINDOW, {"student": []}, title="", field_of=section(n_classes), class_names=names
    )
    assert [trace.type for trace in figure.data] == [kind, "scatter"]
    assert not figure.data[0].showscale
    assert not figure.data[0].showlegend


def test_a_map_lies_where_its_window_is():
    values = np.arange(9.0).reshape(3, 3)
    figure = figures.map_figure(WINDOW, values, title="entropy", top=10.0, lines={})
    trace = figure.data[0]
    assert_array_equal(trace.z, values)
    assert (trace.zmin, trace.zmax) == (0, 10)
    u, v = WINDOW.axes(3)
    assert_allclose(trace.x0 + trace.dx * np.arange(3), u)
    assert_allclose(trace.y0 + trace.dy * np.arange(3), v)


@pytest.mark.parametrize("n_classes", [2, 3, 5])
def test_soft_targets_are_drawn_for_each_sample_and_class(n_classes):
    generator = np.random.default_rng(0)
    targets = generator.dirichlet(np.ones(n_classes), size=(3, 4))
    names = [f"class {i}" for i in range(n_classes)]
    figure = figures.soft_targets_figure(
        targets, [1.0, 3.0, 20.0], titles=[(f"sample {i}",) for i in range(4)], class_names=names
    )
    shown = layers(figure)
    for sample in range(4):
        assert shown[f"even-{sample}"].y == (1 / n_classes,) * 2
        for label in range(n_classes):
            trace = shown[f"{sample}-class-{label}"]
            assert_allclose(trace.y, targets[:, sample, label], rtol=1e-6)
            assert trace.showlegend == (sample == 0)
    assert len({shown[f"0-class-{label}"].marker.symbol for label in range(n_classes)}) == n_classes
    assert len({shown[f"{i}-class-0"].xaxis for i in range(4)}) == 4


def test_no_figure_shows_a_name_as_markup():
    for figure in all_figures(HOSTILE):
        # As the browser reads it: in the JSON itself every "<" is written as a number.
        text = str(json.loads(figure.to_json()))
        assert "<img" not in text
        assert "alert(1)>" not in text
        assert "%{z}" not in text


def test_nothing_light_is_left_in_the_dark():
    for light in all_figures():
        used = set(re.findall(r'"(#[0-9a-f]{6}|rgba\([^)]*\))"', light.to_json()))
        dark = figures.darken(light).to_json()
        for colour in used - {"rgba(0,0,0,0)"}:
            assert f'"{colour}"' not in dark
            assert f'"{figures.DARK[colour]}"' in dark


def test_every_figure_survives_json():
    for figure in all_figures():
        assert json.loads(figure.to_json())["data"]
