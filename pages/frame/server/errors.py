"""What a visitor sees when a page's script stops with an error that nobody expected."""

import json
import logging
import traceback
from pathlib import Path

import streamlit as st

_STREAMLIT = Path(st.__file__).parent
# What it reads some values with.
_JSON = Path(json.__file__).parent
_log = logging.getLogger(__name__)


def tell(error: Exception) -> bool:
    """Log where a script stopped; say so in a sentence if it is the browser's doing.

    Only the error's type and place are logged: its words may hold what a visitor has typed.

    Returns
    -------
    bool
        Whether the visitor has been told; else Streamlit shows the error's type.
    """
    frames = traceback.extract_tb(error.__traceback__)
    where = " < ".join(f"{Path(one.filename).name}:{one.lineno}" for one in reversed(frames[-4:]))
    _log.error("A page stopped with %s at %s.", type(error).__name__, where)
    # Streamlit turns what a browser sends into a widget's value, whatever it is.
    last = next((one for one in reversed(frames) if Path(one.filename).parent != _JSON), frames[-1])
    is_inside = Path(last.filename).is_relative_to(_STREAMLIT / "runtime" / "state")
    is_value = is_inside or (
        last.name == "deserialize" and Path(last.filename).is_relative_to(_STREAMLIT)
    )
    if is_value and isinstance(error, TypeError | ValueError | LookupError | AttributeError):
        st.error(
            "Your browser has sent a value that a control here cannot have. Reload the page.",
            icon=":material/error:",
        )
        return True
    return False
