import dataclasses
import json
import re
import zlib

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from plotly.graph_objects import Figure

from distill_core import boundaries, figures
from distill_core.figures import palette
from distill_core.geometry.planes import Window
from pages.frame.browser import encoding

WINDOW = Window(0.5, -1.0, 5.0)
HOSTILE = [
    "<img src=x onerror=alert(1)>",
    "a & b &lt;i&gt;",
    "%{z} %{customdata[0]:.2f} 100%",
    "x" * 10_000,
    "line\nbreak\u202e\x00end",
    "",
]


def section(bend, *, resolution=100, shift=0.0):
    """Answers with a wavy boundary and a bay, as smooth as those of networks."""

    def model(uv):
        u, v = uv.T
        margin = v + 1 + bend * np.sin(0.9 * u + shift) - 0.12 * (u - 1) ** 2
        margin = margin * (1 + 0.3 * np.cos(u - v)) + 2.2 * np.exp(-((u - 3) ** 2) - (v + 3) ** 2)
        return 0.85 * np.c_[-margin, margin]

    return boundaries.section(model, WINDOW, resolution)


def flat_section():
    return boundaries.section(lambda uv: np.c_[-np.ones(len(uv)), np.ones(len(uv))], WINDOW)


def classes_section(n_classes):
    angle = 2 * np.pi * np.arange(n_classes) / n_classes
    return boundaries.section(lambda uv: uv @ np.stack([np.cos(angle), np.sin(angle)]), WINDOW, 50)


def full_layers(n_points=1000, **options):
    generator = np.random.default_rng(3)
    uv = generator.normal((WINDOW.u, WINDOW.v), 1.8, size=(n_points, 2))
    ensemble, student = section(1.0), section(0.6, shift=0.3)
    gap = np.full((1, 2), np.nan, np.float32)
    teachers = [part for i in range(4) for part in (section(0.8 + i / 8).lines, gap)]
    settings = {
        "twin": section(0.4, shift=0.5),
        "teachers": np.vstack(teachers[:-1]),
        "disagreement": boundaries.disagreement(ensemble, student),
        "points": figures.Points(uv, (uv[:, 0] > 0).astype(int)),
        "pinned": section(0.2).lines,
        "marked": (1.0, 2.0),
        "student_levels": True,
        **options,
    }
    return figures.boundary_layers(ensemble, student, **settings)


def full_figure(**options):
    return Figure(full_layers(**options))


def drawn(*shown, **settings):
    """Return what the page sends, as Plotly reads it."""
    return Figure(figures.boundary_layers(*shown, **settings))


def layers(figure):
    return {trace.uid: trace for trace in figure.data}


def test_needs_neither_torch_nor_streamlit(python):
    code = "import sys, distill_core.figures; print({'torch', 'streamlit'} & {*sys.modules})"
    assert python(code) == "set()"


def test_each_layer_shows_the_given_arrays():
    ensemble, student, twin = section(1.0), section(0.6), section(0.4)
    uv = np.random.default_rng(0).normal(size=(50, 2))
    y = (uv[:, 1] > 0).astype(int)
    rings = boundaries.disagreement(ensemble, student)
    shown = layers(
        drawn(
            ensemble,
            student,
            twin=twin,
            teachers=section(0.9).lines,
            disagreement=rings,
            points=figures.Points(uv, y),
            pinned=section(0.1).lines,
            marked=(1.5, -2.0),
            student_levels=True,
            drawn={"drawn": ("<b>mine", section(0.3).lines), "class-drawn": ("all", uv[:3])},
        )
    )
    assert shown["drawn"].name == "&lt;b&gt;mine"
    field = shown["field"]
    assert field.z.dtype == np.uint8
    assert_allclose(field.z / 255, ensemble.proba[1], atol=0.5 / 255 + 1e-6)
    assert_allclose(field.customdata[..., 0] / 100, ensemble.proba[1], atol=0.005 + 1e-6)
    assert_allclose(field.customdata[..., 1] / 100, student.proba[1], atol=0.005 + 1e-6)
    u, v = WINDOW.axes(100)
    assert_allclose(field.x0 + field.dx * np.arange(100), u)
    assert_allclose(field.y0 + field.dy * np.arange(100), v)
    steps = np.arange(field.contours.start, field.contours.end + 1, field.contours.size)
    assert_allclose(steps / 255, np.arange(1, 10) / 10)
    assert_allclose(shown["levels"].z / 255, student.proba[1], atol=0.5 / 255 + 1e-6)
    for uid, line in [
        ("ensemble", ensemble.lines),
        ("student", student.lines),
        ("twin", twin.lines),
        ("teachers", section(0.9).lines),
        ("pinned", section(0.1).lines),
        ("drawn", section(0.3).lines),
        ("class-drawn", uv[:3]),
        ("disagreement", rings),
        ("marked", np.array([[1.5, -2.0]], np.float32)),
    ]:
        assert_array_equal(np.c_[shown[uid].x, shown[uid].y], line)
    for label in (0, 1):
        points = np.c_[shown[f"class-{label}"].x, shown[f"class-{label}"].y]
        assert {tuple(p) for p in points} == {tuple(p) for p in uv[y == label].astype(np.float32)}
    assert len({shown[f"class-{label}"].marker.symbol for label in (0, 1)}) == 2
    assert len({shown[f"class-{label}"].marker.color for label in (0, 1)}) == 2
    dashes = {uid: shown[uid].line.dash for uid in ("ensemble", "student", "twin", "pinned")}
    assert dashes == {"ensemble": "solid", "student": "solid", "twin": "8px,5px", "pinned": "dot"}
    assert shown["disagreement"].fill == "toself"
    assert shown["disagreement"].fillpattern.shape == "/"


def test_only_what_is_given_is_drawn():
    assert list(layers(drawn(section(1.0)))) == ["field", "ensemble"]
    alone = drawn(section(1.0)).data[0]
    assert alone.customdata.shape == (100, 100, 1)
    assert "student" not in alone.hovertemplate
    shown = layers(drawn(section(1.0), section(0.6), student_levels=False))
    assert list(shown) == ["field", "ensemble", "student"]


def test_every_layer_can_be_switched_in_the_legend():
    for trace in full_figure().data:
        assert trace.showlegend is not False
        assert trace.name


def test_axes_are_equal_and_fixed_to_the_window():
    layout = full_figure(axis_titles=("mean <radius>", "texture")).layout
    assert layout.xaxis.range == (-4.5, 5.5)
    assert layout.yaxis.range == (-6.0, 4.0)
    assert layout.yaxis.scaleanchor == "x"
    assert layout.yaxis.scaleratio == 1
    assert layout.xaxis.title.text == "mean &lt;radius&gt;"
    assert drawn(section(1)).layout.yaxis.title.text == "v (slice units)"


@given(
    st.floats(-1e12, 1e12),
    st.floats(-6, 6).map(lambda power: 10.0**power),
    st.floats(0.1, 20),
)
def test_ticks_in_units_of_the_file_are_where_they_say_and_differ(mean, scale, half):
    # Digits beyond those of a float are not there to be shown.
    assume(abs(mean) < 1e12 * scale)
    one = dataclasses.replace(section(1.0), window=Window(0.5, -1.0, half))
    layout = drawn(one, units=((mean, scale), (0.0, 1.0))).layout
    assert layout.meta["units"][0] == [mean, scale]
    texts, places = layout.xaxis.ticktext, np.array(layout.xaxis.tickvals)
    assert len(set(texts)) == len(texts)
    seen = np.abs(places - 0.5) <= half
    assert 3 <= seen.sum() <= 9
    said = np.array([float(text) for text in texts])
    step = np.diff(said).min()
    np.testing.assert_allclose(said, mean + scale * places, atol=1e-2 * step)


def test_zoom_is_kept_until_the_window_changes():
    first, second = full_figure().layout.uirevision, full_figure(student_levels=False)
    assert second.layout.uirevision == first
    moved = dataclasses.replace(section(1.0), window=Window(0.5, -1.0, 5.1))
    assert drawn(moved).layout.uirevision != first


def test_a_student_without_a_boundary_is_said_to_have_none():
    figure = figures.boundary_layers(section(1.0), flat_section())
    shown = layers(Figure(figure))
    assert shown["student"].name == "student: one answer everywhere"
    assert shown["ensemble"].name == "ensemble"
    sent = decoded(encoding.encode(figure))
    assert sent["figure"]["data"][-1]["x"] == []


def test_a_coarse_student_on_a_fine_ensemble():
    coarse, fine = section(0.6, resolution=40), section(0.6)
    percent = drawn(section(1.0), coarse).data[0].customdata[..., 1]
    # Half a coarse cell away at most.
    assert np.abs(percent / 100 - fine.proba[1]).max() < 0.25
    assert np.abs(percent / 100 - fine.proba[1]).mean() < 0.02


def test_points_can_fade():
    uv, opacity = np.array([[2.0, 0], [1, 0], [3, 0]]), np.array([0.2, 0.1, 0.3])
    points = figures.Points(uv, np.zeros(3, int), opacity)
    marker = layers(drawn(section(1), points=points))["class-0"].marker
    assert_allclose(marker.opacity, [0.1, 0.2, 0.3], atol=1e-6)


def unescaped(text):
    for entity, sign in (("&lt;", "<"), ("&gt;", ">"), ("&#37;", "%"), ("&amp;", "&")):
        text = text.replace(entity, sign)
    return text


@pytest.mark.parametrize("name", HOSTILE)
def test_names_cannot_carry_markup(name):
    safe = figures.escape(name)
    assert not re.search(r"[<>%\x00\n\u202e]|&(?!amp;|lt;|gt;|#37;)", safe)
    assert len(unescaped(safe)) <= 60
    if name.isprintable() and len(name) <= 60:
        assert unescaped(safe) == name


def test_no_figure_shows_a_name_as_markup():
    names, ours = ("<b>one</b>%{z}", "<u>two</u>"), r"</?(br|b|extra)>"
    half = np.array([0.5, 0.5])
    pictures = [
        full_figure(class_names=names, axis_titles=names, pinned_name=names[0]),
        drawn(classes_section(3), class_names=(*names, "<i>")),
        figures.votes_figure(half[None], {names[0]: half}, half, class_names=names),
        Figure(figures.learning_curves_layers(np.ones(3), np.ones(3), value_name=names[0])),
    ]
    for picture in pictures:
        # Plotly writes < as \\u003c: only what the browser reads shows markup.
        text = json.dumps(json.loads(picture.to_json()), ensure_ascii=False)
        assert "two" in text or "one" in text
        assert not re.search(r"<[/biu]*>(one|two)|%\{z\}", text)
        assert "<u>" not in re.sub(ours, "", text)


def test_nothing_light_is_left_in_the_dark():
    light = full_figure()
    used = set(re.findall(r'"(#[0-9a-f]{6}|rgba\([^)]*\))"', light.to_json()))
    assert used >= {palette.COLOURS["ensemble"][0], palette.COLOURS["field 0"][0]}
    dark = figures.darken(light).to_json()
    for colour in used - {"rgba(0,0,0,0)"}:
        assert f'"{colour}"' not in dark
        assert f'"{figures.DARK[colour]}"' in dark
    assert json.loads(dark)["data"][0]["z"] == light.to_plotly_json()["data"][0]["z"]


def luminance(colour):
    """Relative luminance as WCAG 2.1 defines it."""
    channel = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    linear = np.where(channel <= 0.04045, channel / 12.92, ((channel + 0.055) / 1.055) ** 2.4)
    return linear @ [0.2126, 0.7152, 0.0722]


@pytest.mark.parametrize("dark", [False, True])
def test_lines_and_points_stand_out_from_the_field(dark):
    field = [pair[dark] for name, pair in palette.COLOURS.items() if name.startswith("field")]
    drawn = [palette.COLOURS[name][dark] for name in ("ensemble", "student", "twin")]
    drawn += [look[1 + dark] for look in palette.CLASSES[:2]]
    for ground in field:
        for line in drawn:
            low, high = sorted((luminance(ground), luminance(line)))
            # WCAG 2.1, success criterion 1.4.11: graphical objects need 3 to 1.
            assert (high + 0.05) / (low + 0.05) >= 3, (ground, line)


def test_more_than_two_classes_get_regions():
    three = classes_section(3)
    names = ("Adelie", "Gentoo", "Chinstrap")
    figure = drawn(three, classes_section(3), class_names=names)
    regions = layers(figure)["field"]
    assert regions.type == "heatmap"
    step = (regions.zmax + 1) // 3
    assert_array_equal(regions.z // step, three.labels)
    # Surer means fuller within a class.
    mine = three.labels == 1
    sure = three.proba.max(0)[mine]
    assert (np.diff(regions.z[mine][np.argsort(sure)].astype(int)) >= 0).all()
    assert regions.hovertext[0][0] == " | ".join([names[three.labels[0, 0]]] * 2)
    assert [t.name for t in figure.data if t.uid.startswith("class")] == list(names)
    assert drawn(classes_section(10), class_names=[*"0123456789"]).data


def test_learning_curves_show_the_values():
    student, twin = np.array([0.5, 0.8, 0.9]), np.array([0.4, 0.7])
    shown = layers(Figure(figures.learning_curves_layers(student, twin, value_name="agreement")))
    assert_allclose(shown["student"].y, student, rtol=1e-6)
    assert_array_equal(shown["student"].x, [1, 2, 3])
    assert_allclose(shown["twin"].y, twin, rtol=1e-6)
    assert shown["twin"].line.dash != shown["student"].line.dash


def test_votes_show_every_answer():
    p = np.array([0.9, 0.2, 0.6])
    figure = figures.votes_figure(
        np.c_[1 - p, p],
        {"ensemble, T = 1": np.array([0.3, 0.7]), "ensemble, T = 3": np.array([0.4, 0.6])},
        np.array([0.8, 0.2]),
        class_names=("no", "yes"),
    )
    yes = layers(figure)["class-1"]
    assert dict(zip(yes.y, yes.x, strict=True)) == pytest.approx(
        {
            "teacher 2": 0.2,
            "teacher 3": 0.6,
            "teacher 1": 0.9,
            "ensemble, T = 1": 0.7,
            "ensemble, T = 3": 0.6,
            "student": 0.2,
        }
    )
    assert list(yes.y)[:3] == ["teacher 2", "teacher 3", "teacher 1"]
    assert yes.text[3] == "70%"
    assert_allclose(layers(figure)["class-0"].x + yes.x, 1, rtol=1e-6)


# What the live view sends. The decoder follows the description in `encoding`, not its code.


def decoded(message):
    content = zlib.decompress(message)
    length = int.from_bytes(content[:4], "little")
    header, body = json.loads(content[4 : 4 + length]), content[4 + length :]

    def floats(start, n, low, step):
        values, whole = [], 0
        for i in range(n):
            whole = (whole + body[start + i] + 256 * body[start + n + i]) % 65536
            values.append(np.nan if whole == 65535 else low + step * whole)
        return np.array(values)

    def fields(start, shape):
        shape = [int(n) for n in shape.split(",")]
        steps = np.frombuffer(body, np.uint8, int(np.prod(shape)), start).reshape(shape)
        return np.cumsum(steps, axis=min(1, len(shape) - 1), dtype=np.uint8)

    def filled(value):
        if isinstance(value, list):
            return [filled(item) for item in value]
        if isinstance(value, dict):
            if set(value) == {"at"}:
                return fields(*value["at"]) if len(value["at"]) == 2 else floats(*value["at"])
            return {key: filled(item) for key, item in value.items()}
        return value

    return filled(header)


def playback(n_frames=12):
    return [(f"epoch {i + 1}", section(0.9 + i / n_frames).lines) for i in range(n_frames)]


def test_an_update_takes_at_most_30_kilobytes():
    figure, frames = full_layers(n_points=1000), playback()
    assert all(len(lines) > 200 for _, lines in frames)
    message = encoding.encode(figure, frames, label="words " * 40, dark=dict(figures.DARK))
    print(f"one update, every layer, 1000 points, 12 frames: {len(message):,} bytes")
    assert len(message) <= 30_000


def test_what_is_sent_is_what_was_drawn():
    whole, frames = full_layers(), playback()
    content = decoded(encoding.encode(whole, frames, student="digest", label="ö \ud800 </script>"))
    # Plotly finds nothing wrong with it, and nothing to add.
    figure = Figure(whole)
    understood = figure.layout.to_plotly_json() | {"template": {}}
    assert content["figure"]["layout"] == understood
    for sent, trace in zip(content["figure"]["data"], figure.data, strict=True):
        assert sent.keys() == trace.to_plotly_json().keys()
    assert content["student"] == "digest"
    assert content["label"] == "ö \ud800 </script>"
    side = 2 * WINDOW.half
    for sent, trace in zip(content["figure"]["data"], figure.data, strict=True):
        if "z" in trace:
            assert_array_equal(sent["z"], trace.z)
        if trace.customdata is not None:
            assert_array_equal(sent["customdata"], trace.customdata)
        if trace.x is not None:
            assert_allclose(sent["x"], trace.x, atol=2e-5 * side)
            assert_allclose(sent["y"], trace.y, atol=2e-5 * side)
    for sent, (label, lines) in zip(content["frames"][:-1], frames[:-1], strict=True):
        assert sent["label"] == label
        assert_allclose(np.c_[sent["x"], sent["y"]], lines, atol=2e-5 * side)
    # The last frame is the figure itself.
    assert content["frames"][-1] == {"label": "epoch 12"}


@pytest.mark.parametrize(
    "lines",
    [
        np.empty((0, 2), np.float32),
        np.full((1, 2), np.nan, np.float32),
        np.array([[2.5, -1.0]], np.float32),
        np.array([[1e-7, 5], [np.nan, np.nan], [1e7, 5]], np.float32),
    ],
)
def test_odd_lines_survive_the_way(lines):
    end = ("end", lines)
    content = decoded(encoding.encode(figures.boundary_layers(section(1)), [("odd", lines), end]))
    (sent, _) = content["frames"]
    assert_allclose(np.c_[sent["x"], sent["y"]], lines, atol=1e7 / 65534)
