"""Numbers as people write them: decimal and thousands signs, units, currency, percent."""

import functools
import re
from dataclasses import dataclass

import numpy as np

# What a spreadsheet or a typesetter puts in place of a plain minus, space or apostrophe.
_PLAIN = str.maketrans("−–‒﹣－\u00a0\u2009\u202f\u2007’´", "-----    ''")
_PLAIN_NUMBER = re.compile(
    r"[+-]?(?:(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:e[+-]?[0-9]+)?|inf(?:inity)?)", re.IGNORECASE
)
_CURRENCY = r"[$€£¥₹₩₽]|USD|EUR|GBP|CHF|JPY|CNY|INR|zł|kr\.?|Fr\."
_NUMBER = re.compile(
    rf"(?P<bound>[<>≤≥]=?)?\s*(?P<before>{_CURRENCY})?\s*(?P<sign>[+-]?)\s*"
    rf"(?P<after_sign>{_CURRENCY})?\s*"
    r"(?P<body>[0-9][0-9.,' ]*[0-9.,]|[0-9]|[.,][0-9]+)(?P<exponent>e[+-]?[0-9]+)?"
    r"\s*(?P<unit>[%‰]|[^\W\d_][^\W\d_/.²³*^-]{0,7}(?:[/*][^\W\d_]{1,4}[²³]?)?[²³]?"
    rf"|[°µ'\"][CFm]?|{_CURRENCY})?",
    re.IGNORECASE,
)
# One group of three digits: thousands or decimals, nobody can tell.
GROUPED = re.compile(r"[+-]?[1-9][0-9]{0,2}[.,][0-9]{3}")


@dataclass(frozen=True)
class Numeral:
    """One cell that can be read as a number, in one way or in two.

    Parameters
    ----------
    point, comma : float
        Its value when the decimal sign is a point or a comma; NaN when it cannot be.
    unit : str
        What stands beside the digits: "%", "$", "mm"; empty if nothing does.
    bound : str
        "<" and the like.
    """

    point: float
    comma: float
    unit: str = ""
    bound: str = ""

    @property
    def certain(self) -> str:
        """The decimal sign that this cell proves: ".", "," or "" for neither."""
        if np.isnan(self.comma):
            return "."
        return "," if np.isnan(self.point) else ""

    @property
    def either(self) -> bool:
        """Whether both readings are possible and differ."""
        return not self.certain and self.point != self.comma


@functools.lru_cache(maxsize=4096)
def read_numeral(cell: str) -> Numeral | None:
    """Return what a stripped cell says as a number; None when it is a word.

    >>> read_numeral("3,044")
    Numeral(point=3044.0, comma=3.044, unit='', bound='')
    >>> read_numeral("-15,96 mm")
    Numeral(point=nan, comma=-15.96, unit='mm', bound='')
    """
    if len(cell) > 40 or not any("0" <= c <= "9" for c in cell):
        return None
    text = cell.translate(_PLAIN)
    # Bookkeepers put brackets around what is owed.
    owed = text.startswith("(") and text.endswith(")")
    found = _NUMBER.fullmatch(text[1:-1].strip() if owed else text)
    if found is None or (owed and found["sign"]):
        return None
    body, exponent = found["body"], found["exponent"] or ""
    point, comma = (_read(body, exponent, sign) for sign in ".,")
    if np.isnan(point) and np.isnan(comma):
        return None
    if "." not in body and "," not in body:
        comma = point
    sign = -1.0 if owed or found["sign"] == "-" else 1.0
    unit = found["before"] or found["after_sign"] or found["unit"] or ""
    return Numeral(sign * point, sign * comma, unit, found["bound"] or "")


def is_plain(cell: str) -> bool:
    """Return whether a cell is a number that every program reads."""
    return bool(cell[:1]) and cell[0] in "+-.0123456789iI" and bool(_PLAIN_NUMBER.fullmatch(cell))


def _read(body: str, exponent: str, decimal: str) -> float:
    """Return the value of digits with a decimal sign that is known, NaN if it cannot be."""
    other = "," if decimal == "." else "."
    whole, sign, rest = body.partition(decimal)
    if decimal in rest or not (rest.isdigit() or rest == "") or (sign and not (whole or rest)):
        return np.nan
    if not whole.isdigit() and whole:
        marks = {c for c in whole if not c.isdigit()}
        # The groups of thousands have one sign, three digits each, and do not begin with 0.
        if len(marks) != 1 or not marks <= {other, " ", "'"}:
            return np.nan
        first, *groups = whole.split(marks.pop())
        if not 1 <= len(first) <= 3 or first.startswith("0") or {len(g) for g in groups} != {3}:
            return np.nan
        if exponent:
            return np.nan
        whole = first + "".join(groups)
    return float(f"{whole or 0}.{rest or 0}{exponent}")
