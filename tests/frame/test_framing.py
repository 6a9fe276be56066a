"""Who may show the app in a frame."""

import pytest

from pages.frame.server import framing


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", []),
        (
            "https://a.example.org http://localhost:8080 https://*.example.org",
            ["https://a.example.org", "http://localhost:8080", "https://*.example.org"],
        ),
        ("*", []),
        ("https://a.example.org/page 'none'; script-src *", []),
        ("https://a.example.org; script-src", []),
        ("javascript:alert(1) https://*", []),
    ],
)
def test_only_origins_may_frame(monkeypatch, caplog, text, found):
    monkeypatch.setenv("DISTILL_FRAME_ANCESTORS", text)
    assert framing.list_ancestors() == found
    assert bool(caplog.text) == (len(text.split()) > len(found))


def test_origins_stand_in_the_policy_and_no_older_header_forbids_them(python, monkeypatch):
    code = """
import sys, os
os.environ["DISTILL_FRAME_ANCESTORS"] = sys.argv[1]
from pages.frame.server import middleware
policy = middleware.policy("localhost:8501").split("; ")
print(next(part for part in policy if part.startswith("frame-ancestors")))
print("X-Frame-Options" in middleware.HEADERS)
"""
    assert python(code, "").splitlines() == ["frame-ancestors 'self'", "True"]
    listed = python(code, "https://a.example.org").splitlines()
    assert listed == ["frame-ancestors 'self' https://a.example.org", "False"]
