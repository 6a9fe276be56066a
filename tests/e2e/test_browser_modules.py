"""The pure parts of the browser's scripts, run in the browser itself: no page, no server."""

import csv
import io
from urllib.parse import urlsplit

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from distill_core import figures
from distill_core.figures.palette import CLASSES
from distill_core.lessons import drawings
from pages.frame.browser import assets, encoding

pytestmark = pytest.mark.e2e

ORIGIN = "http://scripts.test"
# What a typed array or a number that JSON has no sign for becomes on its way back to Python.
RUN = """async ([file, code, given]) => {
    const module = await import(`/${file}`);
    const plain = (value) => {
        if (value instanceof ArrayBuffer) return plain(new Uint8Array(value));
        if (ArrayBuffer.isView(value)) return Array.from(value);
        if (Array.isArray(value)) return value.map(plain);
        if (value?.constructor !== Object) return value;
        return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, plain(item)]));
    };
    return plain(await eval(code)(module, given));
}"""


@pytest.fixture(scope="module")
def run(browser):
    """Return a function that calls JavaScript `(module, given) => ...` with one of the scripts."""

    def answer(route):
        name = urlsplit(route.request.url).path[1:]
        if name:
            route.fulfill(body=assets.read(name), content_type="text/javascript")
        else:
            route.fulfill(body="<!doctype html>", content_type="text/html")

    page = browser.new_page()
    page.route(f"{ORIGIN}/**", answer)
    page.goto(ORIGIN)
    yield lambda file, code, given=None: page.evaluate(RUN, [file, code, given])
    page.close()


# Clicks


@pytest.mark.parametrize(
    ("at", "found"),
    [((-0.21, -0.07), (-0.23, -0.04)), ((-9, 9), (-1.03, 0.76)), ((0.5, 0.5), (0.57, 0.36))],
)
def test_a_click_means_the_point_that_the_hover_speaks_of(run, at, found):
    # Both snap to the grid of the ground: 3 columns from -1.03, 4 rows from -0.44, steps of .8, .4.
    ground = {"x0": -1.03, "dx": 0.8, "y0": -0.44, "dy": 0.4, "z": {"shape": "4, 3"}}
    snap = "({ snap }, [u, v, ground]) => snap({ u, v }, ground)"
    answer = run("plane.js", snap, [*at, ground])
    assert (answer["u"], answer["v"]) == pytest.approx(found)


def test_places_are_named_in_units_of_the_file(run):
    code = "({ namePlace }, [u, v, units]) => namePlace(u, v, units)"
    assert run("plane.js", code, [0.5, -1, None]) == ["u 0.50", "v -1.00"]
    # Years, and metres of what is nanometres large.
    units = [[1950.0, 12.0], [3e-9, 1e-9]]
    assert run("plane.js", code, [0.5, -1, units]) == ["1956.0", "0.00000000200"]
    ground = {
        **{"x0": -1, "dx": 2, "y0": 0, "dy": 1},
        "customdata": {"shape": "1,2,2", "bdata": [7, 8, 9, 10]},
        "hovertemplate": "a %{customdata[0]}<br>u %{x:.2f}, v %{y:.2f}<extra></extra>",
    }
    axes = {"xaxis": {"title": {"text": "year"}}, "yaxis": {"title": {"text": "size"}}}
    layout = axes | {"meta": {"units": [[1950, 12], [10, 1]]}}
    told = """({ nameHover }, [ground, layout]) => {
        nameHover(ground, layout);
        return [ground.customdata, ground.hovertemplate];
    }"""
    rows, template = run("plane.js", told, [ground, layout])
    assert rows == [[[7, 8, "1938.0", "10.00"], [9, 10, "1962.0", "10.00"]]]
    assert template == (
        "a %{customdata[0]}<br>year %{customdata[2]}<br>size %{customdata[3]}<extra></extra>"
    )
    # Without units the browser leaves it to Plotly.
    assert run("plane.js", told, [ground, axes])[1] == ground["hovertemplate"]


# Decoding


def decode(run, message, how="decode(new Uint8Array(given))"):
    return run("decoding.js", f"(module, given) => module.{how}", list(message))


def test_what_python_encodes_arrives(run):
    generator = np.random.default_rng(0)
    z = generator.integers(0, 256, (5, 4), dtype=np.uint8)
    custom = generator.integers(0, 256, (5, 4, 2), dtype=np.uint8)
    x = np.array([np.nan, -3, 1e6, 2.5, np.nan], np.float32)
    trace = {"z": z, "customdata": custom, "x": x, "none": None, "y": x[:0], "name": "ö"}
    line = np.array([[0, 1], [np.nan, np.nan], [2, -1]], np.float32)
    frames = [("first", line), ("last", line)]
    content = decode(run, encoding.encode({"data": [trace], "layout": {}}, frames, label="two"))
    (sent,) = content["figure"]["data"]
    for name, array in (("z", z), ("customdata", custom)):
        assert sent[name]["dtype"] == "u1"
        assert sent[name]["shape"] == ",".join(map(str, array.shape))
        assert_array_equal(sent[name]["bdata"], array.ravel())
    assert_allclose(sent["x"], x, atol=1e6 / 65534)
    assert (sent["none"], sent["y"], sent["name"]) == (None, [], "ö")
    first, last = content["frames"]
    assert_allclose(np.c_[first["x"], first["y"]], line, atol=1e-4)
    assert (last, content["label"]) == ({"label": "last"}, "two")


def test_arrays_of_a_tour_arrive(run):
    arrays = {
        "ground": np.arange(24, dtype=np.uint8).reshape(2, 3, 4)[:, ::-1],
        "classes": np.array([250, 3, 9], np.uint8),
        "u": np.linspace(-1, 1, 6).reshape(2, 3),
    }
    sent = decode(run, encoding.encode_arrays(arrays))["arrays"]
    assert_array_equal(sent["ground"]["bdata"], arrays["ground"].ravel())
    assert_array_equal(sent["classes"], arrays["classes"])
    assert_allclose(sent["u"], arrays["u"].ravel(), atol=1e-4)


def test_the_lines_of_a_preview_arrive(run):
    line = np.array([[0.5, 1], [0.25, -2]], np.float32)
    message = encoding.encode_lines({"student": line}, note="agreement 99.0%")
    content = decode(run, message, "read(new Uint8Array(given).buffer)")
    sent = content["lines"]["student"]
    assert_allclose(np.c_[sent["x"], sent["y"]], line, atol=1e-4)
    assert content["note"] == "agreement 99.0%"


def test_half_a_message_is_an_error_and_no_picture(run):
    half = encoding.encode({"data": [], "layout": {"title": "a" * 500}})[:30]
    code = """(module, given) => Promise.race([
        module.decode(new Uint8Array(given)).then(() => "decoded", () => "refused"),
        new Promise((resolve) => setTimeout(resolve, 5000, "waits for ever")),
    ])"""
    assert run("decoding.js", code, list(half)) == "refused"


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [([1, 2], [1, 2], True), ([1, 2], [1, 3], False), ([1, 2], [1], False), ([1], None, False)],
)
def test_same_bytes_are_the_same(run, one, other, same):
    code = "(module, pair) => module.areSame(...pair.map((a) => a && new Uint8Array(a)))"
    assert bool(run("decoding.js", code, [one, other])) is same


# Playback


@pytest.mark.parametrize(
    ("n_frames", "milliseconds"), [(2, 350), (10, 350), (12, 300), (36, 100), (40, 90), (200, 90)]
)
def test_a_playback_takes_3_6_seconds_if_its_frames_can(run, n_frames, milliseconds):
    code = "(module, n) => module.timeFrame(n)"
    assert run("player.js", code, n_frames) == milliseconds


PLAY = """async (module, given) => {
    const drawn = [];
    const { Player } = module;
    const player = new Player((index) => drawn.push(index), { pace: 1 });
    player.offer(["a", "b", "c", "d"]);
    if (given !== null) player.go(given);
    const from = drawn.length;
    player.play();
    const label = () => player.button.getAttribute("aria-label");
    const before = label();
    while (player.timer !== undefined) await new Promise((resolve) => setTimeout(resolve, 1));
    return [drawn.slice(from), before, label(), player.output.textContent];
}"""


@pytest.mark.parametrize(("start", "drawn"), [(None, [0, 1, 2, 3]), (1, [2, 3]), (3, [0, 1, 2, 3])])
def test_playback_goes_on_from_where_it_stands_and_ends(run, start, drawn):
    assert run("player.js", PLAY, start) == [drawn, "Pause", "Play the training", "d"]


def test_a_single_frame_is_no_playback(run):
    code = """({ Player }, labels) => {
        const player = new Player(() => {});
        player.offer(labels);
        return player.bar.hidden;
    }"""
    assert [run("player.js", code, labels) for labels in (["a"], ["a", "b"], [])] == [
        True,
        False,
        True,
    ]


# Legend


def test_the_legend_lists_by_rank_what_has_a_place_in_it(run):
    traces = [
        {"uid": "b", "legendrank": 2},
        {"uid": "no", "legendrank": 1, "showlegend": False},
        {"uid": "a", "legendrank": 1},
    ]
    code = "(module, traces) => module.list(traces).map(({ uid }) => uid)"
    assert run("legend.js", code, traces) == ["a", "b"]


@pytest.mark.parametrize("name", ["<b> & 5 %", "&lt; &amp;#37;", "%{x}", "plain"])
def test_a_name_reads_as_it_did_before_it_was_escaped(run, name):
    assert (
        run("legend.js", "(module, name) => module.restoreName(name)", figures.escape(name)) == name
    )


LINE = {"color": "red", "width": 2.5}
MARKER = {"symbol": "square", "color": "blue", "line": {"color": "white"}}


@pytest.mark.parametrize(
    ("trace", "n_parts", "look"),
    [
        ({"line": LINE | {"dash": "solid"}}, 1, {"stroke": "red", "stroke-dasharray": "none"}),
        ({"line": LINE | {"dash": "dot"}}, 1, {"stroke-dasharray": "2 3", "stroke-width": "2.5"}),
        ({"line": LINE | {"dash": "8px,5px"}}, 1, {"stroke-dasharray": "7 4"}),
        ({"line": LINE | {"width": 0.5}}, 1, {"stroke-width": "1.2"}),
        ({"line": LINE, "contours": {}}, 3, {"stroke": "red", "stroke-width": "2.5"}),
        ({"colorscale": [[0, "red"], [1, "blue"]]}, 5, {"fill": "red"}),
        ({"fillpattern": {"bgcolor": "red", "fgcolor": "blue"}}, 6, {"fill": "red"}),
        ({"mode": "markers", "marker": MARKER}, 1, {"fill": "blue", "stroke": "white"}),
        (
            {"mode": "markers", "marker": MARKER | {"symbol": ["x-open", "x"], "line": {}}},
            1,
            {"fill": "none", "stroke": "blue", "stroke-width": "1.6"},
        ),
        # Without a rim a filled marker keeps its size.
        ({"mode": "markers", "marker": MARKER | {"line": {}}}, 1, {"stroke-width": "0"}),
    ],
)
def test_a_layer_has_a_small_picture(run, trace, n_parts, look):
    code = """(module, trace) => {
        const parts = [...module.drawSwatch(trace).children];
        const look = [...parts[0].attributes].map(({ name, value }) => [name, value]);
        return [parts.length, Object.fromEntries(look)];
    }"""
    n, attributes = run("legend.js", code, trace)
    assert n == n_parts
    assert {name: attributes[name] for name in look} == look


def test_a_hidden_layer_is_hidden_when_the_legend_is_drawn_again(run):
    code = """({ Legend }) => {
        const told = [];
        const legend = new Legend((...what) => told.push(what));
        const trace = { uid: "twin", name: "twin", legendrank: 1, line: { width: 1 } };
        legend.draw([trace], false);
        legend.root.querySelector("button").click();
        legend.draw([trace], true);
        const pressed = legend.root.querySelector("button").getAttribute("aria-pressed");
        return [told, pressed, legend.isHidden("twin"), legend.isHidden("student")];
    }"""
    assert run("legend.js", code) == [[["twin", False]], "false", True, False]


# Marks


def test_a_line_with_a_gap_is_two_paths(run):
    code = """(module, box) => module.writePath(
        { x: [0, 1, NaN, -1, 0.5], y: [0, 1, NaN, -1, 0.25] }, ...module.makeScales(box))"""
    box = {"width": 200, "height": 100, "range": [-1, 1, -1, 1]}
    assert run("marks.js", code, box) == "M100.0 50.0L200.0 0.0M0.0 100.0L150.0 37.5"


@pytest.mark.parametrize(
    ("dash", "pixels"),
    [("solid", []), (None, []), ("dot", [3, 3]), ("dash", [9, 9]), ("8px,5px", [8, 5])],
)
def test_dashes_are_pixels(run, dash, pixels):
    assert run("marks.js", "(module, dash) => module.readDashes({ dash })", dash) == pixels


def test_the_first_row_of_a_ground_is_the_lowest(run):
    code = """({ paintCells }, values) => new Uint32Array(
        paintCells(values, 2, 3, [100, 101, 102], 3).data.buffer)"""
    values = [9, 9, 9, 0, 1, 2, 2, 2, 0]
    assert run("marks.js", code, values) == [102, 102, 100, 100, 101, 102]


def test_every_class_has_a_shape_of_its_own_and_a_hollow_one(run):
    symbols = [symbol for symbol, *_ in CLASSES]
    code = "(module, symbols) => symbols.map((symbol) => module.findShape(symbol))"
    shapes = run("marks.js", code, symbols)
    assert len(set(shapes)) == len(symbols)
    assert run("marks.js", code, [f"{symbol}-open" for symbol in symbols]) == shapes


# Colours


def test_a_dark_page_has_the_dark_colours_and_a_light_one_the_light(run):
    figure = {"data": [{"line": {"color": "#111"}, "x": [1], "on": True}], "text": "toString"}
    code = "(module, [figure, dark]) => module.recolour(figure, { dark }, { '#111': '#eee' })"
    assert run("theme.js", code, [figure, False]) == figure
    dark = run("theme.js", code, [figure, True])
    assert dark == {"data": [{"line": {"color": "#eee"}, "x": [1], "on": True}], "text": "toString"}


def test_arrays_are_not_copied_for_a_theme(run):
    code = """(module) => {
        const x = new Float32Array(3);
        return module.recolour([x], { dark: true }, {})[0] === x;
    }"""
    assert run("theme.js", code) is True


def test_a_page_is_dark_where_its_text_is_light(run):
    code = """(module, color) => {
        document.body.style.color = color;
        return module.readTheme(document.body).dark;
    }"""
    assert run("theme.js", code, "rgb(247, 248, 250)") is True
    assert run("theme.js", code, "rgb(20, 22, 26)") is False


# Previews


def test_what_lies_beside_a_picture_is_read_message_by_message(run):
    message = encoding.join_messages(
        {
            ("Student width", 4): encoding.encode_lines({"student": np.zeros((2, 2))}, note="é"),
            ("alpha", 0.5): encoding.encode_lines({"student": np.array([[1, 2], [5, 7.0]])}),
        }
    )
    code = """(module, bytes) => module.readParts(Uint8Array.from(bytes).buffer).map(
        ([label, stop, { note, lines }]) => [label, stop, note ?? null, [...lines.student.y]])"""
    assert run("decoding.js", code, list(message)) == [
        ["Student width", 4, "é", [0, 0]],
        ["alpha", 0.5, None, [2, 7]],
    ]


def test_a_change_keeps_all_else_and_its_order(run):
    picture = {"b": {"d": 1, "c": {"x": 2}}, "a": 3}
    code = """(module, [picture, way, value]) => {
        const changed = module.change(picture, way, value);
        return [JSON.stringify(changed), JSON.stringify(picture)];
    }"""
    changed, kept = run("preview.js", code, [picture, ["b", "c", "x"], 9])
    assert changed == '{"b":{"d":1,"c":{"x":9}},"a":3}'
    assert kept == '{"b":{"d":1,"c":{"x":2}},"a":3}'


# Charts


@pytest.mark.parametrize(("y", "expected"), [(-0.2, -0.1), (0.5, 0.5), (None, None)])
def test_a_legend_below_stays_near_its_axes(run, y, expected):
    layout = {"legend": {"y": y}, "margin": {"t": 20, "b": 80}, "height": 300}
    code = "(module, layout) => module.hang(layout, 500).y"
    assert run("chart.js", code, layout) == expected


# What is saved


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("one two three four", ["one two", "three", "four"]),
        ("abcdefghijklmnop q", ["abcdefgh", "ijklmnop", "q"]),
        ("  ", []),
    ],
)
def test_captions_are_wrapped_and_nothing_is_lost(run, text, lines):
    assert run("saving.js", "(module, text) => module.wrap(text, 8)", text) == lines


def test_the_numbers_of_a_figure_are_a_table_that_runs_nowhere(run):
    traces = [
        {"name": "=1+1", "x": [1, 2], "y": [0.5, None]},
        {"name": figures.escape('a "b", <c>'), "x0": 1, "dx": 2, "y0": 0, "dy": 1, "z": [[3, 4]]},
        {"name": "share", "x": [1, 2], "y": [3], "zmax": 255, "z": [[0, 51]]},
        {"name": "answer", "x": [1], "y": [3], "zmax": 39, "z": [[20]], "hovertext": [["b | a"]]},
        {"name": "bars", "x": [0.25], "y": ["@cmd"], "text": ["-5%"]},
    ]
    text = run("saving.js", "(module, traces) => module.tabulate(traces)", traces)
    assert list(csv.reader(io.StringIO(text))) == [
        ["trace", "x", "y", "value"],
        ["'=1+1", "1", "0.5", ""],
        ["'=1+1", "2", "1", ""],
        ['a "b", <c>', "1", "0", "3"],
        ['a "b", <c>', "3", "0", "4"],
        ["share", "1", "3", "0"],
        ["share", "2", "3", "0.2"],
        ["answer", "1", "3", "b | a"],
        ["bars", "0.25", "'@cmd", "'-5%"],
    ]


def test_a_saved_picture_has_room_for_title_legend_and_caption(run):
    plot = {
        "data": [],
        "layout": {"margin": {"t": 30, "b": 40, "l": 50}, "showlegend": False},
        "clientWidth": 600,
        "clientHeight": 400,
    }
    code = "(module, plot) => module.makePicture(plot, 'First <b>. The rest.', 'http://x/?a=%3C')"
    layout = run("saving.js", code, plot)["layout"]
    added = layout["height"] - 400
    assert layout["margin"]["t"] - 30 + layout["margin"]["b"] - 40 == added > 60
    assert layout["showlegend"] is True
    title, caption = (one["text"] for one in layout["annotations"])
    assert title == "First &lt;b&gt;."
    assert caption == "The rest.<br>Setting: http://x/?a=&#37;3C"


# How scripts are sent


def test_scripts_are_sent_without_comments_and_indentation():
    for name in ("view.js", "mount.js", "view.css"):
        lines = assets.read(name).splitlines()
        assert len(lines) > 5
        assert all(line and not line.startswith((" ", "//")) for line in lines)


# Drawn predictions


@pytest.mark.parametrize("n", [2, 23, 24, 25, 3000])
def test_a_drawn_line_is_thinned_and_written_as_python_reads_it(run, n):
    along = np.linspace(0, 1, n)
    points = np.c_[along, 0.5 + 0.4 * np.sin(6 * along)]
    code = "(module, [points, most]) => module.write([module.thin(points, most), [[0, 0], [1, 1]]])"
    text = run("drawing.js", code, [points.tolist(), drawings.MAX_POINTS])
    line = drawings.parse(text)
    assert line[-2:].tolist() == [[0, 0], [1, 1]]
    line = line[:-3]
    assert len(line) == min(n, drawings.MAX_POINTS)
    assert_allclose(line[[0, -1]], points[[0, -1]], atol=0.003)
    assert drawings.measure(line, points) < 0.005
