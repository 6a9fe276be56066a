"""From the cells of one column, chunk by chunk, to numbers and words; signs decided at the end."""

from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from distill_core.data.numerals import GROUPED, Numeral, is_plain, read_numeral
from distill_core.data.sheets import MAX_WORDS, STRAY, Column, Decision, clean

# Codes from here on are cells that may be numbers; what they are is decided at the end.
_ODD = 2 * MAX_WORDS
# Share of numbers that must have a percent sign: of the others nobody knows what they mean.
_PERCENT = 0.95
# Different units of a column that are told apart.
_SIGNS = 20


class Builder:
    """Collects the cells of one column."""

    def __init__(self, missing: frozenset[str]) -> None:
        self._missing_words = missing
        self._numbers: list[NDArray[np.float64]] = []
        # The same with a decimal comma, where that differs; None: nowhere in the chunk.
        self._commas: list[NDArray[np.float64] | None] = []
        self._codes: list[NDArray[np.int16]] = []
        self._words: dict[str, int] = {}
        self._missing: dict[str, int] = {}
        self._odd: dict[str, int] = {}
        self._units: Counter[str] = Counter()
        self._certain: Counter[str] = Counter()
        self._either: Counter[str] = Counter()
        self._examples: dict[str, str] = {}

    def add(self, cells: Sequence[str]) -> None:
        """Add some rows; each different cell is read once."""
        n, different = len(cells), dict.fromkeys(cells)
        every = "".join(different)
        # Python's own numbers are quick to read, but 1_000 and digits of other scripts are none.
        plain = every.isascii() and "_" not in every
        # Whole numbers and those with a point that is one for certain read one way only.
        grouped = "." in every and all(GROUPED.fullmatch(c.strip()) for c in different if "." in c)
        if plain and not grouped:
            try:
                numbers = {cell: float(cell) for cell in different}
            except ValueError:
                pass
            else:
                if "." in every:
                    point = next(cell for cell in different if "." in cell)
                    self._certain["."] += sum("." in cell for cell in different)
                    self._examples.setdefault(".", point)
                self._numbers.append(np.fromiter(map(numbers.__getitem__, cells), float, n))
                self._commas.append(None)
                self._codes.append(np.full(n, -1, dtype=np.int16))
                return
        counts = Counter(cells)
        known = {cell: self._read(cell.strip(), counts[cell]) for cell in different}
        values = np.array([known[cell] for cell in cells], dtype=float).reshape(n, 3)
        self._numbers.append(values[:, 0].copy())
        differs = (values[:, 0] != values[:, 1]) & ~np.isnan(values[:, :2]).all(1)
        self._commas.append(values[:, 1].copy() if differs.any() else None)
        self._codes.append(values[:, 2].astype(np.int16))

    def thin(self, kept: NDArray[np.bool_]) -> None:
        """Keep some of the rows, (n,)."""
        numbers, commas, codes = self._join()
        self._numbers, self._codes = [numbers[kept]], [codes[kept]]
        self._commas = [None if commas is None else commas[kept]]

    @property
    def decimal(self) -> str:
        """The decimal sign that the column's own cells prove: ".", "," or "" for none."""
        point, comma = self._certain["."], self._certain[","]
        return "" if point == comma else "." if point > comma else ","

    def column(
        self, name: str, chosen: str | None, usual: str, semicolons: bool
    ) -> tuple[Column, list[Decision]]:
        """Return what was collected and what was decided.

        Parameters
        ----------
        name : str
            What the column is called.
        chosen : str, optional
            The decimal sign that somebody has chosen.
        usual : str
            The decimal sign that the other columns of the file prove, "" if none does.
        semicolons : bool
            Whether the columns are parted in the way of decimal commas.
        """
        numbers, commas, codes = self._join()
        decimal, said = self._decide_decimal(name, numbers, codes, chosen, usual, semicolons)
        values = numbers
        if commas is not None:
            first, second = (numbers, commas) if decimal == "." else (commas, numbers)
            values = np.where(np.isnan(first), second, first)
        as_numbers, more = self._decide_units(name, values, codes)
        odd = codes >= _ODD
        codes = np.where(odd & as_numbers[np.where(odd, codes - _ODD, 0)], -1, codes)
        odd &= codes >= _ODD
        values = np.where(odd, np.nan, values)
        words = list(self._words)
        if odd.any():
            codes, words = self._turn_to_words(codes, odd)
        missing = tuple(self._missing)
        column = Column(name, values, codes.astype(np.int16), tuple(words), missing)
        said += more
        counts = column.count_missing()
        if counts:
            listed = ", ".join(f"{clean(word)!r} ({n:,})" for word, n in counts.items())
            word = max(counts, key=counts.__getitem__)
            # A few marks among numbers are no news; a word among words may be a class.
            told = f"Taken for missing values in {name!r}: {listed}." if column.n_words else ""
            said.append(
                Decision(
                    "missing", ", ".join(counts), told, name, clean(word), "a word like others"
                )
            )
        return column, said

    def _join(self) -> tuple[NDArray[np.float64], NDArray[np.float64] | None, NDArray[np.int16]]:
        numbers, codes = np.concatenate(self._numbers), np.concatenate(self._codes)
        if all(part is None for part in self._commas):
            return numbers, None, codes
        pairs = zip(self._commas, self._numbers, strict=True)
        return numbers, np.concatenate([n if c is None else c for c, n in pairs]), codes

    def _read(self, cell: str, count: int) -> tuple[float, float, int]:
        """Return both readings of a cell, NaN where there is none, and the code of its word."""
        if cell in self._missing_words:
            if cell == "" or len(self._missing) >= len(self._missing_words):
                return np.nan, np.nan, -1
            return np.nan, np.nan, -2 - self._missing.setdefault(cell, len(self._missing))
        plain = is_plain(cell)
        numeral = read_numeral(cell)
        if plain and numeral is None:
            return float(cell), float(cell), -1
        if numeral is None:
            if len(self._words) < MAX_WORDS:
                return np.nan, np.nan, self._words.setdefault(cell, len(self._words))
            return np.nan, np.nan, self._words.get(cell, MAX_WORDS)
        if numeral.certain:
            self._certain[numeral.certain] += count
            self._examples.setdefault(numeral.certain, cell)
        elif numeral.either:
            sign = "," if "," in cell else "."
            self._either[sign] += count
            self._examples.setdefault(f"either {sign}", cell)
        if plain:
            return numeral.point, numeral.comma, -1
        signs = [self._name_sign(sign) for sign in (numeral.unit, numeral.bound) if sign]
        mark = "".join(signs[:1])
        code = self._odd.get(cell)
        if code is None and len(self._odd) < MAX_WORDS:
            code = self._odd[cell] = len(self._odd)
        if code is None:
            # One code for all others of a unit: what is decided of it is decided of them.
            code = self._odd.setdefault(f"\0{mark}", len(self._odd))
        for sign in signs:
            self._units[sign] += count
            self._examples.setdefault(f"unit {sign}", cell)
        return numeral.point, numeral.comma, _ODD + code

    def _name_sign(self, sign: str) -> str:
        """Return a sign, or the one that stands for all others when there are too many."""
        return sign if sign in self._units or len(self._units) < _SIGNS else "…"

    def _decide_decimal(
        self,
        name: str,
        numbers: NDArray[np.float64],
        codes: NDArray[np.int16],
        chosen: str | None,
        usual: str,
        semicolons: bool,
    ) -> tuple[str, list[Decision]]:
        either, proven = +self._either, self.decimal
        decimal = chosen or proven
        if not decimal and either[","]:
            # Whole numbers from 1000 on without a sign: then the comma parts no thousands.
            bare = numbers[(codes == -1) & ~np.isnan(numbers)]
            large = bool((np.abs(bare) >= 1000).any())
            decimal = usual or ("," if large or (semicolons and not len(bare)) else ".")
        elif not decimal and either["."]:
            decimal = "," if usual == "," else "."
        example = self._examples.get(decimal, "")
        if not decimal and not self._certain:
            return ".", []
        decimal = decimal or "."
        other = "," if decimal == "." else "."
        grouped = example if "," in example else self._examples.get("either ,", "")
        sentence = ""
        if sum(either.values()) and not chosen and not proven:
            example = self._examples[f"either {max(either, key=either.__getitem__)}"]
            numeral = read_numeral(example)
            assert numeral is not None
            read, else_read = numeral.point, numeral.comma
            if decimal == ",":
                read, else_read = else_read, read
            sentence = (
                f"In {name!r} {clean(example)!r} is read as {read:.12g}; it could also be "
                f"{else_read:.12g}. To change that, choose its decimal sign."
            )
            if decimal == "." and "," not in either and usual != ",":
                # A point before three digits is a decimal point nearly everywhere.
                sentence = ""
        elif decimal == ",":
            example = self._examples.get(",") or next(iter(self._examples.values()), "")
            sentence = f"In {name!r} the decimal sign is a comma, as in {clean(example)!r}."
        elif grouped:
            example = grouped
            sentence = f"In {name!r} a comma parts thousands, as in {clean(example)!r}."
        if self._certain["."] and self._certain[","]:
            example = self._examples[decimal]
            sentence = (
                f"{name!r} has both decimal signs, as in {clean(self._examples['.'])!r} and "
                f"{clean(self._examples[','])!r}; each is read as what it is."
            )
        return decimal, [Decision("decimal", decimal, sentence, name, clean(example), other)]

    def _decide_units(
        self, name: str, values: NDArray[np.float64], codes: NDArray[np.int16]
    ) -> tuple[NDArray[np.bool_], list[Decision]]:
        """Return which odd cells are numbers, (n_odd + 1,), and what is said about it."""
        cells = list(self._odd)
        marks = [cell[1:] if cell[:1] == "\0" else _mark(read_numeral(cell)) for cell in cells]
        as_numbers = np.ones(len(cells) + 1, dtype=bool)
        units = {unit for unit in self._units if unit[0] not in "<>≤≥"}
        n_numbers = int((~np.isnan(values)).sum())
        filled = n_numbers + int(((codes >= 0) & (codes < _ODD)).sum())
        if not cells or n_numbers < (1 - STRAY) * filled or n_numbers == 0:
            # A column of words, some of which look like numbers.
            as_numbers[: len(cells)] = [not mark for mark in marks]
            return as_numbers, []
        said = []
        n_units = sum(self._units[unit] for unit in units)
        clear = len(units) == 1 and (units != {"%"} or n_units >= _PERCENT * n_numbers)
        if units and not clear:
            as_numbers[: len(cells)] = [mark not in units for mark in marks]
        for unit in units if clear else ():
            example = self._examples[f"unit {unit}"]
            said.append(
                Decision(
                    "unit",
                    unit,
                    f"In {name!r} the numbers are read without {clean(unit)!r}, as in "
                    f"{clean(example)!r}.",
                    name,
                    clean(example),
                )
            )
        for bound in sorted(set(self._units) - units):
            example = self._examples[f"unit {bound}"]
            said.append(
                Decision(
                    "bound",
                    "the limit",
                    f"In {name!r} {self._units[bound]:,} of the cells are a limit, such as "
                    f"{clean(example)!r}: read as the limit itself.",
                    name,
                    clean(example),
                    "missing",
                )
            )
        for sign in (" ", "'"):
            grouped = [c for c in cells if sign in c and not _mark(read_numeral(c))]
            if grouped:
                word = "a space" if sign == " " else "an apostrophe"
                sentence = f"In {name!r} {word} parts thousands, as in {clean(grouped[0])!r}."
                said.append(Decision("thousands", sign, sentence, name, clean(grouped[0])))
        return as_numbers, said

    def _turn_to_words(
        self, codes: NDArray[np.int16], odd: NDArray[np.bool_]
    ) -> tuple[NDArray[np.int16], list[str]]:
        """Give odd cells that are no numbers the codes of words."""
        words, cells = dict(self._words), list(self._odd)
        new = codes.copy()
        for code in np.unique(codes[odd]).tolist():
            cell = cells[code - _ODD]
            if cell[:1] == "\0" or len(words) >= MAX_WORDS:
                new[codes == code] = MAX_WORDS
            else:
                new[codes == code] = words.setdefault(cell, len(words))
        return new, list(words)


def _mark(numeral: Numeral | None) -> str:
    return "" if numeral is None else numeral.unit or numeral.bound
