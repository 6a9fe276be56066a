"""A setting as it leaves the house: without what only its owner may know."""

from typing import Any

# What stands in an exported setting in place of the name of an uploaded table, which would let
# others ask for what was computed from it.
OWN_DATA = "your own data"


def hide_table(setting: Any) -> Any:
    """Return a setting's JSON values without the names of uploaded tables."""
    if isinstance(setting, dict):
        return {
            key: OWN_DATA if key == "table" and value is not None else hide_table(value)
            for key, value in setting.items()
        }
    return [hide_table(item) for item in setting] if isinstance(setting, list) else setting
