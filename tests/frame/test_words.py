"""The page of words, and the prepared links: each asks for what there is, and locks it."""

from urllib.parse import parse_qs

import pytest
from streamlit.testing.v1 import AppTest

from pages.frame.controls.prepared import LINKS, list_links
from pages.frame.controls.settings import SETTINGS
from tests.conftest import PROJECT


@pytest.mark.parametrize(("page", "address", "words"), LINKS)
def test_a_prepared_link_asks_for_what_there_is(page, address, words):
    asked = parse_qs(address, strict_parsing=bool(address))
    locked = " ".join(asked.pop("lock", [])).split()
    assert set(asked) | set(locked) <= SETTINGS.keys()
    for key, texts in asked.items():
        assert SETTINGS[key].parse(texts) is not None, key
    for key in locked:
        assert (page or "playground") in SETTINGS[key].pages
    assert (PROJECT / "pages" / f"{page or 'playground'}.py").exists()
    assert f"[{words}](./{page}" in list_links()


def test_the_page_of_words_has_all_measures_and_links():
    app = AppTest.from_file(str(PROJECT / "pages" / "words.py")).run()
    assert not app.exception
    said = " ".join(one.value for one in app.markdown)
    assert "| Churn | mean(a ≠ b)" in said
    assert "\\|accuracy_b - confidence_b\\|" in said
    assert list_links() in said
