"""What the browser draws with: a part of plotly.js, of the version that Python's package has."""

import importlib.resources
import re

from pages.frame.browser.assets import PLOTLY


def read_version(script):
    (version,) = re.findall(r"plotly\.js.* v(\d+\.\d+\.\d+)\n", script[:500])
    return version


def test_the_part_of_plotly_is_as_old_as_the_whole():
    """`docs/decisions.md` says how the part is replaced when requirements take a newer Plotly."""
    package = importlib.resources.files("plotly") / "package_data" / "plotly.min.js"
    part, whole = PLOTLY.read_text("utf-8"), package.read_text("utf-8")
    assert "cartesian" in part[:100]
    assert read_version(part) == read_version(whole)


def test_its_licence_stands_beside_it():
    assert "Permission is hereby granted" in (PLOTLY.parent / "LICENSE").read_text("utf-8")
