"""Whatever a visitor sends gets a sentence or an answer, within its bound and without an error."""

import asyncio
import json
import re
import time
from urllib.parse import urlencode

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.requests import Request

from distill_core import specs
from distill_core.data import csv_files, tables
from distill_core.data.csv_files import UploadError
from distill_core.specs import PictureSpec, SpecError
from distill_core.studies import CapacitySpec, SoftnessSpec, VarianceSpec
from pages.frame.browser import preview_route
from pages.frame.controls.setting import MAX_TYPED
from pages.frame.controls.settings import SETTINGS
from pages.frame.controls.url_state import plain
from pages.frame.server import visitors
from pages.frame.server.visitors import Visitor as Shown
from tests.conftest import FULL

SPECS = [
    getattr(specs, name)
    for name in dir(specs)
    if name.endswith("Spec") and name != "Spec" and isinstance(getattr(specs, name), type)
] + [CapacitySpec, SoftnessSpec, VarianceSpec]

# What people send who want to break something, beside what chance finds.
NASTY = st.sampled_from(
    [
        "<script>alert(1)</script>",
        "[Sign-in](http://evil.example)",
        "![x](http://evil.example/x.png)",
        "../../etc/passwd",
        "\x00",
        "‮abc",
        "1e999",
        "-0",
        "NaN",
        "９",
        "=cmd|' /C calc'!A0",
        "{{7*7}}",
        "%00%0a",
        "𝕏" * 50,
    ]
)
TEXT = st.text(max_size=40) | NASTY
LEAF = st.none() | st.booleans() | st.integers() | st.floats() | TEXT
JSON = st.recursive(
    LEAF, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4)
)


def tried(full, few):
    """Return how often something is tried."""
    return settings(
        max_examples=full if FULL else few,
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    )


def leaves(tree, path=()):
    """Return the paths of all values in nested dictionaries and lists."""
    parts = tree.items() if isinstance(tree, dict) else enumerate(tree)
    found = []
    for key, value in parts:
        found.append((*path, key))
        if isinstance(value, dict | list):
            found += leaves(value, (*path, key))
    return found


@st.composite
def spoilt(draw, spec):
    """Return the JSON of a spec with one to three values replaced by anything."""
    tree = spec.model_dump(mode="json")
    for _ in range(draw(st.integers(1, 3))):
        *way, last = draw(st.sampled_from(leaves(tree)))
        part = tree
        for key in way:
            try:
                part = part[key]
            except (KeyError, IndexError, TypeError):
                break
        if isinstance(part, dict | list) and (isinstance(part, dict) or last in range(len(part))):
            part[last] = draw(JSON)
    return tree


@tried(3000, 100)
@given(data=st.data())
def test_anything_as_a_spec_is_a_spec_or_a_sentence(data):
    spec = data.draw(st.sampled_from(SPECS))
    try:
        usual = spec()
    except SpecError:
        usual = PictureSpec()
        spec = PictureSpec
    values = data.draw(spoilt(usual))
    try:
        made = spec(**values)
    except SpecError as error:
        made, sentence = None, str(error)
    if made is None:
        assert sentence.endswith(".")
        assert len(sentence) < 3000
    else:
        assert re.fullmatch(r"[0-9a-f]{32}", made.digest)
        assert spec(**made.model_dump(mode="json")).digest == made.digest


@tried(3000, 100)
@given(key=st.sampled_from(sorted(SETTINGS)), texts=st.lists(TEXT, max_size=3))
def test_anything_in_the_address_is_a_value_or_none(key, texts):
    row = SETTINGS[key]
    value = row.parse(texts)
    if row.widget == "typed":
        # What is typed is read, and refused, where it is used.
        assert value is None or len(value) <= MAX_TYPED
        return
    if value is not None and not row.by_hand:
        low_high = row.options if row.widget in ("slider", "number") else None
        for one in value if isinstance(value, tuple) else (value,):
            assert low_high[0] <= one <= low_high[1] if low_high else one in row.options
    if texts and not row.by_hand and row.widget not in ("slider", "number"):
        assert isinstance(row.nearest(texts[-1]), str)
    for text in texts:
        shown = plain(text)
        assert shown.replace("\\", "").replace("\N{WORD JOINER}", "") == text.replace(
            "\\", ""
        ).replace("\N{WORD JOINER}", "")
        assert not re.search(r"(?<!\\)[\[\]<>`*_$]", shown)


@pytest.fixture(scope="module")
def shown(tmp_path_factory):
    """Return a visitor to whom one picture has been shown, and the pictures that were asked for."""
    visitor = Shown("fuzzed")
    visitors.admit(visitor)
    visitor.offer(PictureSpec())
    return visitor


@tried(3000, 100)
@given(data=st.data())
def test_anything_as_a_question_of_the_view_is_refused_or_a_stop(data, shown, monkeypatch):
    asked = []

    def begin(picture, visitor):
        asked.append(picture)
        return None, None

    monkeypatch.setattr(preview_route, "_begin", begin)
    text = data.draw(
        st.one_of(
            TEXT,
            JSON.map(json.dumps),
            spoilt(PictureSpec()).map(json.dumps),
            st.just(PictureSpec().model_dump_json()),
        )
    )
    more = data.draw(st.dictionaries(st.sampled_from(["whole", "x"]), TEXT, max_size=2))
    name = data.draw(st.sampled_from(["fuzzed", "somebody", "", "\x00"]))
    query = urlencode({"visitor": name, "picture": text, **more}, errors="replace").encode()
    scope = {"type": "http", "method": "GET", "path": "/", "query_string": query, "headers": []}
    answer = asyncio.run(preview_route.preview_routes()[0].endpoint(Request(scope)))
    assert answer.status_code in (204, 403, 413, 422)
    for picture in asked:
        assert name == "fuzzed"
        assert preview_route.is_offered(picture, shown)
        assert picture.student.width in specs.WIDTHS
        assert picture.student.ensemble == PictureSpec().student.ensemble
    assert shown.n_asking == 0


SAMPLE = "name,size,kind\n" + "".join(f"n{i},{i % 7}.5,{'ab'[i % 2]}\n" for i in range(60))


@st.composite
def files(draw):
    """Return a good file with some of it replaced, cut or doubled."""
    content = bytearray(SAMPLE.encode())
    for _ in range(draw(st.integers(1, 6))):
        start = draw(st.integers(0, len(content)))
        end = draw(st.integers(start, min(len(content), start + 40)))
        content[start:end] = draw(
            st.binary(max_size=40) | TEXT.map(lambda text: text.encode("utf-8", "replace"))
        )
    return bytes(content)


@tried(1500, 50)
@given(content=files() | st.binary(max_size=400))
def test_anything_as_a_file_is_a_table_or_a_sentence(content):
    began = time.process_time()
    try:
        sheet = csv_files.read(content)
        table = tables.prepare(sheet, sheet.columns[-1].name).table
    except UploadError as error:
        table, sentence = None, str(error)
    if table is None:
        assert sentence.endswith(".")
        assert len(sentence) < 1000
    else:
        assert table.X.ndim == 2
        assert all(name.isprintable() for name in (*table.feature_names, *table.class_names))
    assert time.process_time() - began < 2
