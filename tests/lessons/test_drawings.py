"""Drawn predictions: what is a line, how far it lies from a boundary, which is the central one."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from distill_core import lessons
from distill_core.lessons import drawings

LESSON = lessons.load(lessons.DEFAULT)
OF = LESSON.languages["en"]


@given(
    st.lists(
        st.lists(
            st.tuples(st.floats(0, 1), st.floats(0, 1)), min_size=2, max_size=drawings.MAX_POINTS
        ),
        min_size=1,
        max_size=drawings.MAX_STROKES,
    )
)
def test_a_drawing_comes_back_from_its_text(strokes):
    found = drawings.parse(drawings.write(strokes))
    length = sum(math.dist(a, b) for points in strokes for a, b in itertools.pairwise(points))
    if found is None:
        assert length < drawings.SHORTEST + sum(map(len, strokes)) / 100
    else:
        expected = drawings.join([np.array(points) for points in strokes])
        np.testing.assert_allclose(found, expected, atol=0.5 / 255 + 1e-9)


@pytest.mark.parametrize(
    "text",
    [
        *("", "0000", "00000000", "0000ff", "0000FFFF", "zzzzzzzz", "0000ffff\n", "٠٠٠٠ffff"),
        *("0000ffff" * drawings.MAX_POINTS, "<svg onload=alert(1)>", "8080" * 20),
        *(
            "0000ffff.",
            ".0000ffff",
            "0000ffff..0000ffff",
            "0000ffff.0000",
            ".".join(["0000ffff"] * 5),
        ),
    ],
)
def test_what_is_no_line_is_none(text):
    assert drawings.parse(text) is None


@given(st.text(max_size=300))
def test_no_text_breaks_it(text):
    line = drawings.parse(text)
    assert line is None or len(line) <= drawings.MAX_STROKES * (drawings.MAX_POINTS + 1)


def test_a_part_of_the_boundary_that_was_not_drawn_counts():
    truth = np.array([[0.0, 0.5], [1.0, 0.5]])
    assert drawings.measure(truth, truth) == pytest.approx(0, abs=1e-12)
    assert drawings.measure(truth + np.array([0, 0.1]), truth) == pytest.approx(0.1, abs=1e-6)
    assert drawings.measure([[0, 0.5], [0.5, 0.5]], truth) > 0.05
    assert drawings.measure(truth, np.empty((0, 2))) is None


def test_lines_are_joined_by_gaps():
    joined = drawings.join([np.zeros((2, 2)), np.ones((3, 2))])
    assert np.isnan(joined[:, 0]).tolist() == [False, False, True, False, False, False]
    assert drawings.join([]).shape == (0, 2)


def test_the_central_line_is_near_all_others():
    texts = [drawings.write([[[0, y], [1, y]]]) for y in (0.1, 0.45, 0.5, 0.55, 0.9)]
    assert drawings.pick_central([*texts, "junk"]) == texts[2]


@pytest.mark.parametrize("language", ["en", "de"])
def test_a_line_is_said_to_be_nearer_only_where_it_is(language):
    words, of = lessons.choose_words(language), LESSON.languages[language]
    near, far = "näher" if language == "de" else "closer", "abgezeichnet|copied"
    assert near in lessons.compare_line(0.02, 0.05, of, words)
    for copied in (0.02, 0.01):
        said = lessons.compare_line(0.02, copied, of, words)
        assert near not in said
        assert any(one in said for one in far.split("|"))
    assert "2,0 %" in lessons.compare_line(0.02, None, of, words) or language == "en"
    assert lessons.compare_line(None, 0.1, of, words) == words.line_nowhere
