"""What is built once and shared, and what never is."""

import pytest

from distill_core.specs import DatasetSpec
from pages.frame.server import shared


@pytest.fixture(autouse=True)
def _empty(monkeypatch):
    shared._kept.clear()
    monkeypatch.setattr(shared, "_size", 0)


def test_a_message_is_made_once_and_the_same_for_all():
    made = []

    def make():
        made.append(1)
        return b"message"

    key = shared.name(DatasetSpec(), "picture", "digest", True)
    assert shared.build(key, make) is shared.build(key, make)
    assert len(made) == 1
    assert shared.build(shared.name(DatasetSpec(), "picture", "digest", False), make) == b"message"
    assert len(made) == 2


def test_nothing_of_a_visitors_own_data_is_kept():
    own = DatasetSpec(name="upload", table="0" * 32)
    key = shared.name(own, "picture", "digest")
    assert shared.build(key, lambda: b"one") == b"one"
    assert shared.build(key, lambda: b"two") == b"two"
    assert not shared._kept


def test_what_was_used_least_recently_goes_first(monkeypatch):
    monkeypatch.setattr(shared, "LIMIT", 30)
    for name in "abc":
        shared.build(name, lambda name=name: name.encode() * 10)
    shared.build("a", lambda: b"never made")
    shared.build("d", lambda: b"d" * 10)
    assert list(shared._kept) == ["c", "a", "d"]
    assert shared._size == 30
    # More than there is room for is sent all the same.
    assert shared.build("e", lambda: b"e" * 50) == b"e" * 50
    assert shared._size == 0
