"""What was read of a file: its columns, what was decided, and how to decide otherwise."""

import functools
import itertools
import os
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from distill_core.specs import SpecError

# Rows and columns of a file.
MAX_ROWS = 2_000_000
MAX_COLUMNS = 1000
# Words kept per column; more make neither classes nor categories.
MAX_WORDS = 1000
# Different values that a column of categories may have; more make it text.
MAX_CATEGORIES = 20
# Numbers kept of a file; of a larger one, a random part of the rows.
MAX_CELLS = 25_000_000
# Words that usually mean that there is no value.
_MISSING = """
NA N/A n/a na NaN nan NULL Null null None #N/A #NA <NA> n.a. N.A. #VALUE! #DIV/0! #REF! #NULL!
? - -- . .. ... – — …
"""
MISSING = frozenset(["", *_MISSING.split()])

# Characters of a name that are shown.
_NAME_LENGTH = 60
# Share of words that a column of numbers may hold.
STRAY = 0.05
# Bytes of a file when nothing else is said: from Python and the command line.
_MAX_FILE = 4 * 1024**3


class UploadError(SpecError):
    """A file or a choice of columns that cannot be used; says the limit, the value, the way out."""


@dataclass(frozen=True)
class Options:
    """What is to be read otherwise than it would be by itself; None: found in the file.

    Parameters
    ----------
    delimiter : str, optional
        One character between columns.
    encoding : str, optional
        A name that Python knows.
    header : int, optional
        Which row holds the names, counted from 1 without empty ones; 0: none does.
    decimal : str or mapping of str to str, optional
        "." or ",", for all columns or by name.
    missing : sequence of str, optional
        All words that mean "no value"; empty cells always do. Numbers among them mean so, too;
        numbers alone leave the usual words as they are.
    sheet : str, optional
        Of a workbook.
    max_bytes : int
        How large the file may be.
    """

    delimiter: str | None = None
    encoding: str | None = None
    header: int | None = None
    decimal: str | Mapping[str, str] | None = None
    missing: tuple[str, ...] | None = None
    sheet: str | None = None
    max_bytes: int = _MAX_FILE

    def decimal_of(self, name: str) -> str | None:
        """Return the decimal sign that was chosen for a column."""
        if isinstance(self.decimal, Mapping):
            return self.decimal.get(name)
        return self.decimal


@dataclass(frozen=True)
class Decision:
    """One decision: of what, of which column, what was taken, seen in which cell, what else.

    Parameters
    ----------
    kind : str
        "delimiter", "encoding", "header", "decimal", "missing", "left out", "sheet", ...
    taken : str
        The value that was chosen.
    sentence : str
        The same in words; empty where it goes without saying (commas, UTF-8, names in row 1).
    column : str, optional
        Which column it is of; None: of the file.
    example : str
        A cell that shows it.
    other : str, optional
        Another reading that would be possible, for `Options`.
    """

    kind: str
    taken: str
    sentence: str = ""
    column: str | None = None
    example: str = ""
    other: str | None = None


@dataclass(frozen=True, eq=False)
class Column:
    """One column: a number or a word in every row, or nothing.

    Parameters
    ----------
    name : str
        Unique, one line, at most 60 characters; otherwise as in the file.
    numbers : ndarray of shape (n,), float64
        NaN where there is no number, infinite where it is too large for one.
    codes : ndarray of shape (n,), int16
        Which of the words; -1 where there is none, -2 - i for the i-th word that means so.
    words : tuple of str
        As in the file, in the order in which they came up; at most `MAX_WORDS`, all others
        count as one more.
    missing : tuple of str
        The words that were taken for missing values.
    """

    name: str
    numbers: NDArray[np.float64]
    codes: NDArray[np.int16]
    words: tuple[str, ...]
    missing: tuple[str, ...] = ()

    @functools.cached_property
    def n_missing(self) -> int:
        """Number of rows without a value."""
        return int((np.isnan(self.numbers) & (self.codes < 0)).sum())

    @functools.cached_property
    def n_words(self) -> int:
        """Number of rows with a word."""
        return int((self.codes >= 0).sum())

    @functools.cached_property
    def n_values(self) -> int:
        """Number of different values, more than `MAX_WORDS` words counted as one more."""
        different = np.unique(self.numbers[~np.isnan(self.numbers)])
        return len(different) + int(self.codes.max(initial=-1)) + 1

    @functools.cached_property
    def kind(self) -> Literal["numbers", "categories", "text", "empty"]:
        """What the column can be used as; a few stray words do not spoil numbers."""
        filled = len(self.numbers) - self.n_missing
        if filled == 0:
            return "empty"
        if self.n_words <= STRAY * filled:
            return "numbers"
        return "categories" if self.n_values <= MAX_CATEGORIES else "text"

    def count_missing(self) -> dict[str, int]:
        """Return in how many rows each word stands that was taken for a missing value."""
        counts = np.bincount(-2 - self.codes[self.codes < -1], minlength=len(self.missing))
        return dict(zip(self.missing, counts.tolist(), strict=True))

    def keep(self, words: Sequence[str]) -> "Column":
        """Return the column with some words as words that were taken for missing values."""
        codes, known = self.codes.copy(), list(self.words)
        for i, word in enumerate(self.missing):
            if word in words and len(known) < MAX_WORDS:
                codes[self.codes == -2 - i] = len(known)
                known.append(word)
        return Column(self.name, self.numbers, codes, tuple(known), self.missing)

    def cell(self, row: int) -> str:
        """Return a value as it is shown."""
        if not np.isnan(self.numbers[row]):
            return f"{self.numbers[row]:.12g}"
        code = int(self.codes[row])
        if code >= 0:
            return self.words[code] if code < len(self.words) else "..."
        return self.missing[-2 - code] if code < -1 else ""


@dataclass(frozen=True, eq=False)
class Sheet:
    """The columns of a file, each of shape (n_rows,), and what was decided while reading.

    Parameters
    ----------
    columns : tuple of Column
        In the order of the file.
    n_rows : int
        Rows that were kept.
    report : tuple of Decision
        All decisions, those that go without saying, too.
    sheets : tuple of str
        The names of a workbook's sheets.
    n_read : int
        Rows in the file.
    """

    columns: tuple[Column, ...]
    n_rows: int
    report: tuple[Decision, ...] = ()
    sheets: tuple[str, ...] = ()
    n_read: int = field(default=0)

    @property
    def notes(self) -> tuple[str, ...]:
        """What was decided that a reader might not expect, in sentences."""
        return tuple(decision.sentence for decision in self.report if decision.sentence)

    @property
    def n_bytes(self) -> int:
        """Bytes of all values."""
        return sum(column.numbers.nbytes + column.codes.nbytes for column in self.columns)

    def column(self, name: str) -> Column:
        """Return a column by its name; raise an UploadError when there is none."""
        for column in self.columns:
            if column.name == name:
                return column
        names = ", ".join(repr(column.name) for column in self.columns[:8])
        more = ", ..." if len(self.columns) > 8 else ""
        raise UploadError(
            f"There is no column called {clean(name)!r}; choose one of {names}{more}."
        )


def read_upload_limit() -> int:
    """Return how many bytes a visitor's file may have: `DISTILL_UPLOAD_LIMIT` in MB, else 50.

    Raises SpecError when the variable is no number from 1 to 1000.
    """
    given = os.environ.get("DISTILL_UPLOAD_LIMIT", "50")
    try:
        megabytes = float(given)
    except ValueError:
        megabytes = 0.0
    if not 1 <= megabytes <= 1000:
        raise SpecError(f"DISTILL_UPLOAD_LIMIT is a number of MB from 1 to 1000, got {given!r}.")
    return int(megabytes * 1024**2)


def clean(text: str) -> str:
    """Return a text in one line, without invisible characters, not longer than 60."""
    text = " ".join(text.split())
    text = "".join(c for c in text[:1000] if unicodedata.category(c) not in ("Cc", "Cf"))
    text = " ".join(text.split())
    return text if len(text) <= _NAME_LENGTH else text[: _NAME_LENGTH - 3] + "..."


def make_unique(texts: Sequence[str]) -> list[str]:
    """Return the texts, cleaned, with a number behind those that came up before."""
    taken: set[str] = set()
    found = []
    for text in map(clean, texts):
        tries = itertools.chain([text], (f"{text} ({n})" for n in itertools.count(2)))
        found.append(next(name for name in tries if name not in taken))
        taken.add(found[-1])
    return found


def name_columns(header: Sequence[str]) -> tuple[list[str], list[Decision]]:
    """Return a name to show for every column, and what was changed."""
    given = [clean(name) for name in header]
    filled = [name or f"column {i}" for i, name in enumerate(given, 1)]
    names = make_unique(filled)
    said = []
    if empty := given.count(""):
        said.append(f"{empty} of the columns had no name and got a number.")
    if doubled := sum(name != other for name, other in zip(names, filled, strict=True)):
        said.append(f"{doubled} of the columns had a name of another column and got a number.")
    if any(len(" ".join(name.split())) > _NAME_LENGTH for name in header):
        said.append(f"Column names are cut to {_NAME_LENGTH} characters.")
    return names, [Decision("names", "changed", sentence) for sentence in said]
