"""Numbers that stand for no value, such as -999: taken for that when somebody says so."""

import contextlib
import re
from dataclasses import replace

import numpy as np

from distill_core.data.sheets import Column, Decision, Options, Sheet

# What people write where nothing was measured.
_CODE = re.compile(r"-?9{2,7}|-9|-?9{2,7}\.9{1,3}")
# In how many rows at least.
_OFTEN = 2


def list_numbers(options: Options) -> dict[float, str]:
    """Return the numbers among the words that were said to mean "no value"."""
    found = {}
    for word in options.missing or ():
        with contextlib.suppress(ValueError):
            # "nan" is a word.
            if np.isfinite(number := float(word)):
                found[number] = word
    return found


def settle(sheet: Sheet, options: Options) -> Sheet:
    """Return a sheet without the numbers that mean "no value"; those that may are named."""
    numbers = list_numbers(options)
    columns, said = [], []
    for column in sheet.columns:
        for number, word in numbers.items():
            if count := int((column.numbers == number).sum()):
                column = _take(column, number, word)
                sentence = f"Taken for missing values in {column.name!r}: {word!r} ({count:,})."
                said.append(Decision("missing", word, sentence, column.name, word))
        columns.append(column)
        if (found := find_code(column)) is not None:
            word, count = found
            sentence = (
                f"In {column.name!r} {word} stands in {count:,} rows, far from all other numbers: "
                "often that means that there is no value. It was read as a number; to leave out "
                "such rows, name it among the words for missing values."
            )
            said.append(Decision("missing number", "a number", sentence, column.name, word, word))
    if not said:
        return sheet
    return replace(sheet, columns=tuple(columns), report=(*sheet.report, *said))


def find_code(column: Column) -> tuple[str, int] | None:
    """Return a number that looks like a code for "no value", and in how many rows it stands."""
    values = column.numbers[np.isfinite(column.numbers)]
    if len(values) < 2 * _OFTEN:
        return None
    for extreme in (values.min(), values.max()):
        word, rest = f"{extreme:.12g}", values[values != extreme]
        count = len(values) - len(rest)
        if not _CODE.fullmatch(word) or count < _OFTEN or len(rest) < _OFTEN:
            continue
        distance = min(abs(extreme - rest.min()), abs(extreme - rest.max()))
        if distance > rest.max() - rest.min():
            return word, count
    return None


def _take(column: Column, number: float, word: str) -> Column:
    """Return a column in which a number is a word that means "no value"."""
    hit = column.numbers == number
    missing = column.missing if word in column.missing else (*column.missing, word)
    codes = column.codes.copy()
    codes[hit] = -2 - missing.index(word)
    return Column(column.name, np.where(hit, np.nan, column.numbers), codes, column.words, missing)
