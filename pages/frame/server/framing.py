"""Which pages of other sites may show the app in a frame."""

import logging
import os
import re

_ORIGIN = re.compile(r"https?://(\*\.)?[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*(:\d{1,5})?")
_log = logging.getLogger(__name__)


def list_ancestors() -> list[str]:
    """Return the origins that `DISTILL_FRAME_ANCESTORS` names; what is no origin is left out."""
    found = []
    for text in os.environ.get("DISTILL_FRAME_ANCESTORS", "").split():
        if _ORIGIN.fullmatch(text):
            found.append(text)
        else:
            _log.warning(
                "DISTILL_FRAME_ANCESTORS should have origins such as https://course.example.org, "
                "with a space between; got %r, which is left out.",
                text[:80],
            )
    return found


ANCESTORS = list_ancestors()
