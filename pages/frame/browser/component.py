"""The way from a page to a script of this room and back, the same for all that it draws."""

import functools
import json
from collections.abc import Callable, Sequence
from typing import Any

import streamlit as st

from pages.frame.browser.assets import read, script_path


def _do_nothing() -> None:
    """Do nothing: a value with a callback, even an empty one, is always part of the result."""


def draw(
    script: str,
    data: bytes,
    *,
    key: str,
    reports: Sequence[str] = (),
    failure: str = "",
    on_failed: Callable[[], None] = _do_nothing,
    height: int | str = "content",
) -> Any:
    """Draw with a script in the browser; return what it has reported, by name.

    Parameters
    ----------
    script : str
        Name of the script, a file of this room.
    data : bytes
        What it gets. A script that has failed gets none, so that it does not fail again and again.
    key : str
        What is updated: calls with the same key update the same picture.
    reports : sequence of str
        Names of what the script may report, besides "failed".
    failure : str
        A sentence that stands in its place if the browser cannot load it.
    on_failed : callable
        What is called, before the page runs again, when the browser could not draw.
    height : int or "content"
        Pixels kept for the picture.
    """
    failed = bool(st.session_state.get(key, {}).get("failed"))
    callbacks = {f"on_{name}_change": _do_nothing for name in reports}
    return _component(script, failure)(
        key=key,
        data=b"" if failed else data,
        height=height,
        on_failed_change=on_failed,
        **callbacks,
    )


@functools.cache
def _component(script: str, failure: str) -> Any:
    """Register a script when a page first draws with it, as the server's base path is known.

    Streamlit sends a component's source along with every update, so that is only `mount.js`,
    which imports the script by an address that the browser keeps.
    """
    path = script_path(script, str(st.get_option("server.baseUrlPath") or ""))
    source = read("mount.js")
    source = source.replace("SCRIPT", json.dumps(path)).replace("FAILURE", json.dumps(failure))
    name = script.removesuffix(".js")
    return st.components.v2.component(
        f"distillation_playground.{name}", js=source, isolate_styles=False
    )
