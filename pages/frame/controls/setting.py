"""What is said about a setting: a row of the table in `settings`."""

import functools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, Literal, TypeVar

from distill_core.specs import Spec

S = TypeVar("S", bound=Spec)

# Characters of a text that is typed.
MAX_TYPED = 40


@dataclass(frozen=True, kw_only=True)
class Setting:
    """One setting.

    Parameters
    ----------
    key : str
        Its name in the address, and of its widget.
    label, help : str
        What its widget says.
    widget : str
        "choice" (one name of many), "buttons" (one of few), "pills" (any of several), "some" (the
        same, where none means the default), "stops"
        (a slider over `options`), "slider" and "number" (from the first of `options` to the
        second), "typed" (any text, which the page reads), "named" (a number whose names the data
        has), "text" (set by clicks).
    pages : sequence of str
        Which pages show it.
    spec : Spec, optional
        A spec that has it, with its default.
    path : str
        Where in that spec, such as "schedule.epochs".
    options : sequence or mapping
        What it can be; a mapping has a line on when to use each.
    usual
        The default, where no spec has it; the first option if there is none.
    step : float
        Of a slider or number.
    form : str
        How its widget and the address write a value that is no whole number.
    words : str
        How it is said in a sentence, with {} for its value.
    when : tuple of (str, str), optional
        It is shown only while the setting of that key has that value.
    bare : bool
        Its label is not on the screen.
    on_top : bool
        In the playground it stands above the picture, not in the menu beside.
    undo : bool
        Whether Undo and Reset know it.
    access : {"open", "locked", "hidden"}
        Whether visitors can set it, or only see it, or not even that; its value then is the
        address's, or the default.
    """

    key: str
    label: str
    widget: Literal[
        "choice",
        "buttons",
        "pills",
        "some",
        "stops",
        "slider",
        "number",
        "typed",
        "named",
        "text",
    ]
    pages: Sequence[str]
    help: str = ""
    spec: Spec | None = None
    path: str = ""
    options: Sequence[Any] | Mapping[Any, str] = ()
    usual: Any = None
    step: Any = None
    form: str = "{:g}"
    words: str = "{}"
    when: tuple[str, str] | None = None
    bare: bool = False
    on_top: bool = False
    undo: bool = True
    access: Literal["open", "locked", "hidden"] = "open"

    @property
    def by_hand(self) -> bool:
        """Whether no widget of Streamlit's own keeps it in the address."""
        return self.widget in ("named", "text")

    @property
    def default(self) -> Any:
        """What it is in an address that does not mention it."""
        if self.usual is not None:
            return self.usual
        if self.spec is None:
            return next(iter(self.options))
        return self.value_in(self.spec)

    @property
    def is_open(self) -> bool:
        """Whether visitors can set it."""
        return self.access == "open"

    def value_in(self, spec: Spec) -> Any:
        """Return what it is in a spec."""
        return functools.reduce(_part, self.path.split("."), spec)

    def put(self, spec: S, value: Any) -> S:
        """Return a spec with this setting in it, validated.

        Raises
        ------
        SpecError
            When the value is not allowed.
        """
        return _put(spec, tuple(self.path.split(".")), value)

    def parse(self, texts: Sequence[str]) -> Any:
        """Return the value that an address asks for; None if the widget cannot take it."""
        if self.by_hand:
            return texts[-1] if texts else None
        if self.widget == "typed":
            return texts[-1][:MAX_TYPED] if texts else None
        found = [value for text in texts if (value := self._read(text)) is not None]
        if self.widget in ("pills", "some"):
            return tuple(found) or None
        return found[-1] if found and len(found) == len(texts) else None

    def nearest(self, asked: str) -> str:
        """Return the value that is nearest to a text, as addresses have it; "" if none is."""
        names = {self.text(option): option for option in self.options}
        if not all(isinstance(option, int | float) for option in names.values()):
            return next(iter(get_close_matches(asked.lower(), names, 1)), "")
        number = _number(asked)
        if number is None:
            return ""
        return min(names, key=lambda name: abs(names[name] - number))

    def text(self, value: Any) -> str:
        """Return a value as its widget and the address have it."""
        return self.form.format(value) if isinstance(value, float) else str(value)

    def _read(self, text: str) -> Any:
        if self.widget not in ("slider", "number"):
            return {self.text(option): option for option in self.options}.get(text)
        number = _number(text)
        low, high = self.options
        if number is None or not low <= number <= high:
            return None
        return type(self.default)(number)


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _part(whole: Any, name: str) -> Any:
    return whole[int(name)] if name.isdigit() else getattr(whole, name)


# The pages of a class ask for the same few hundred specs again and again. An integer equals a
# float, but is another value.
@functools.lru_cache(maxsize=4096, typed=True)
def _put(spec: S, names: tuple[str, ...], value: Any) -> S:
    name, *rest = names
    return spec.replace(**{name: _put(getattr(spec, name), tuple(rest), value) if rest else value})
