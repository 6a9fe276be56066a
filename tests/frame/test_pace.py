"""The schedule of a slider move: what its time line names is there, as it says."""

import re

from pages.frame.server import pace
from tests.conftest import PROJECT


def test_the_time_line_names_constants_that_exist():
    names = set(re.findall(r"`([A-Z_]+)`", pace.__doc__))
    of_engine = {"QUIET", "AROUND", "PROGRESS_EVERY", "PAUSE"}
    assert of_engine < names
    assert all(hasattr(pace, name) for name in names - of_engine)
    sources = "".join(path.read_text() for path in (PROJECT / "distill_core/engine").glob("*.py"))
    assert all(re.search(rf"^{name}\b.* = ", sources, re.MULTILINE) for name in of_engine)


def test_the_browsers_milliseconds_are_those_of_the_time_line():
    said = re.findall(r"`(?:browser/)?(\w+\.js)`\s+([A-Z_]+) = (\d+)", pace.__doc__)
    assert len(said) == 4
    for file, name, value in said:
        source = (PROJECT / "pages" / "frame" / "browser" / file).read_text()
        assert re.search(rf"const {name} = {value};", source), name
