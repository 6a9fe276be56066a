"""Messy files that the reader was not made with: other tables, faults by chance, several a file."""

import datetime
from collections.abc import Callable, Iterator, Sequence

import numpy as np
from sklearn import datasets as known

from benchmarks.messy import Messy, Table, Value

N_FILES = 240
# Chances that a file has a fault; the others are drawn among all choices.
_OFTEN, _SELDOM = 0.3, 0.12

_ABOVE = (
    ["Laboratory 3, results of the spring term"],
    ["Report", ""],
    ["# created by a logger", "# firmware 2.11", "# station north"],
    ["Station: north", "Operator: unknown", ""],
)
_BELOW = (["Source: own measurements"], ["", "n = all that came"], ["* preliminary"])
_MISSING = ("", "NA", "NaN", "null", "-", "n/a", "#N/A", "?", "--")
_DATES = ("%Y-%m-%d", "%d.%m.%Y", "%m/%d/%Y", "%Y/%m/%d")
_ENDS = ("\n", "\r\n", "\r")
# Encodings besides UTF-8 by the tables whose words they have.
_ENCODINGS = {
    "villages": ("cp1252", "utf-16", "utf-8-sig"),
    "miasta": ("cp1250", "utf-16", "utf-8-sig"),
    "опыты": ("cp1251", "utf-16", "utf-8-sig"),
    "药物": ("gb18030", "utf-16", "utf-8-sig"),
    "魚": ("cp932", "utf-16", "utf-8-sig"),
}


def make_unseen(seed: int = 2, n_files: int = N_FILES) -> Iterator[Messy]:
    """Yield files, each with the faults of one draw; the same ones for the same seed."""
    tables = _tables()
    for i in range(n_files):
        generator = np.random.default_rng([seed, i])
        name = list(tables)[i % len(tables)]
        yield _Writer(name, tables[name], generator).write(f"{seed}.{i} {name}")


class _Writer:
    """Draws faults and writes one table with them."""

    def __init__(self, name: str, table: Table, generator: np.random.Generator) -> None:
        self._table, self._generator = table, generator
        self.faults: list[str] = []
        self._delimiter = str(self._pick(",;\t|", "delimiter", ","))
        points = [".", ","] if self._delimiter != "," else [".", ".", ".", ","]
        self._decimal = str(self._pick(points, "decimal", "."))
        self._quote_all = self._chance(_SELDOM, "all quoted")
        self._escape = self._chance(_SELDOM, "backslashes")
        self._missing = str(self._pick(_MISSING, "missing", ""))
        self._date = str(self._pick(_DATES, "dates", "%Y-%m-%d"))
        self._end = str(self._pick(_ENDS, "ends", "\n"))
        others = (".", " ", "'") if self._decimal == "," else (",", " ", "'")
        grouped = self._chance(_OFTEN, "thousands")
        self._thousands = str(self._pick(others, "by", "")) if grouped else ""
        self._unit_of = -1
        numbers = [j for j, v in enumerate(table.rows[0]) if isinstance(v, float)]
        if self._chance(_SELDOM, "unit"):
            self._unit_of = int(generator.choice(numbers))
        self._unit = str(self._pick((" kg", "%", " €", "mm", " °C"), "of", ""))
        self._encoding = "utf-8"
        if name in _ENCODINGS and self._chance(0.6, "encoding"):
            self._encoding = str(self._pick(_ENCODINGS[name], "is", "utf-8"))

    def write(self, name: str) -> Messy:
        """Return the file."""
        table = self._table
        names = [self._quoted(name) for name in table.names]
        rows = [[self._cell(v, j) for j, v in enumerate(row)] for row in table.rows]
        if self._chance(_SELDOM, "row names"):
            rows = [[self._quoted(str(i + 1)), *row] for i, row in enumerate(rows)]
        if self._chance(_SELDOM, "trailing delimiter"):
            names, rows = [*names, ""], [[*row, ""] for row in rows]
        lines = [self._delimiter.join(row) for row in (names, *rows)]
        if self._chance(_SELDOM, "blank rows"):
            blank = int(self._generator.integers(3, len(lines)))
            lines[blank:blank] = ["", ""]
        if self._chance(_SELDOM, "cut off"):
            table = Table(table.names, table.rows[:-1])
            lines[-1] = lines[-1].rpartition(self._delimiter)[0].rpartition(self._delimiter)[0]
        elif self._chance(_OFTEN, "note below"):
            lines += _BELOW[int(self._generator.integers(len(_BELOW)))]
        if self._chance(_OFTEN, "above"):
            above = _ABOVE[int(self._generator.integers(len(_ABOVE)))]
            if self._chance(0.3, "padded"):
                above = [line + self._delimiter * (len(names) - 1) for line in above]
            lines[:0] = above
        elif self._delimiter != "," and self._chance(_SELDOM, "sep line"):
            lines.insert(0, f"sep={self._delimiter}")
        content = (self._end.join(lines) + self._end).encode(self._encoding)
        return Messy(f"{name}: {', '.join(self.faults) or 'clean'}", content, table)

    def _chance(self, chance: float, fault: str) -> bool:
        happens = bool(self._generator.random() < chance)
        if happens:
            self.faults.append(fault)
        return happens

    def _pick(self, choices: Sequence[str], what: str, usual: str) -> str:
        chosen = choices[int(self._generator.integers(len(choices)))]
        if chosen != usual:
            self.faults.append(f"{what} {chosen!r}")
        return chosen

    def _cell(self, value: Value, column: int) -> str:
        if value is None:
            return self._quoted(self._missing) if self._quote_all else self._missing
        if isinstance(value, datetime.date):
            return self._quoted(value.strftime(self._date))
        if isinstance(value, str):
            return self._quoted(value)
        text = f"{value:,.12g}" if self._thousands else f"{value:.12g}"
        if "e" in text:
            text = f"{value:.12g}"
        signs = {".": self._decimal, ",": self._thousands}
        text = "".join(signs.get(character, character) for character in text)
        return self._quoted(text + (self._unit if column == self._unit_of else ""))

    def _quoted(self, text: str) -> str:
        if not (self._quote_all or any(c in text for c in (self._delimiter, '"', "\n"))):
            return text
        inside = text.replace('"', '\\"' if self._escape else '""')
        return f'"{inside}"'


def _tables() -> dict[str, Table]:
    generator = np.random.default_rng(20)

    def draw(n: int, low: float, high: float, digits: int) -> list[float]:
        return [float(v) for v in generator.uniform(low, high, n).round(digits)]

    def cycle(n: int, *words: str) -> list[str]:
        return [words[int(i)] for i in generator.integers(len(words), size=n)]

    def of(columns: dict[str, Sequence[Value]]) -> Table:
        return Table(tuple(columns), tuple(zip(*columns.values(), strict=True)))

    return {
        "iris": _known(known.load_iris(), 4),
        "wine": _known(known.load_wine(), 13),
        "cancer": _known(known.load_breast_cancer(), 9),
        "orders": of(
            {
                "order": [f"A-{1000 + 7 * i}" for i in range(80)],
                "day": [datetime.date(2023, 1, 2) + datetime.timedelta(i) for i in range(80)],
                "total": draw(80, 900, 99_000, 2),
                "items": draw(80, 1, 30, 0),
                "express": cycle(80, "TRUE", "FALSE"),
                "city": cycle(80, "San Jose, CA", "Austin, TX", "Reno"),
            }
        ),
        "sensors": of(
            {
                "Temp": draw(120, -15, 30, 1),
                "Pressure": draw(120, 95_000, 104_000, 0),
                "Flow": [v * 1e-6 for v in draw(120, 1, 90, 3)],
                "Offset": [None if i % 11 == 4 else v for i, v in enumerate(draw(120, -1, 1, 4))],
                "State": cycle(120, "ok", "warn", "fail"),
            }
        ),
        "survey": of(
            {
                "age": [None if i % 13 == 5 else v for i, v in enumerate(draw(90, 18, 90, 0))],
                "answer": cycle(90, 'quite "good"', "bad; very bad", "so | so", "fine"),
                "remark": cycle(90, "first line\nsecond line", "none given", "it's late"),
                "weight": draw(90, 45, 120, 1),
                "pass": cycle(90, "yes", "no"),
            }
        ),
        "villages": _words(draw, cycle, "Gemäß", "Größe (m)", "Öl", "süß", "Straße"),
        "miasta": _words(draw, cycle, "Źródło", "Długość", "żółć", "ślad", "gęś"),
        "опыты": _words(draw, cycle, "Группа", "Длина", "первая", "вторая", "третья"),
        "药物": _words(draw, cycle, "类别", "长度", "阿司匹林", "对照组", "安慰剂"),
        "魚": _words(draw, cycle, "しゅるい", "ながさ", "マグロ", "さけ", "あじ"),
    }


def _known(bunch: object, n_columns: int) -> Table:
    """Return some columns of a data set of scikit-learn."""
    names = [*map(str, bunch.feature_names[:n_columns]), "class"]  # type: ignore[attr-defined]
    targets = [str(name) for name in bunch.target_names]  # type: ignore[attr-defined]
    rows = zip(bunch.data[::2], bunch.target[::2], strict=True)  # type: ignore[attr-defined]
    return Table(
        tuple(names), tuple((*map(float, X[:n_columns]), targets[int(y)]) for X, y in rows)
    )


def _words(
    draw: Callable[..., list[float]],
    cycle: Callable[..., list[str]],
    label: str,
    length: str,
    *words: str,
) -> Table:
    columns: dict[str, Sequence[Value]] = {
        length: draw(70, 1, 40, 2),
        "count": draw(70, 0, 9000, 0),
        label: cycle(70, *words),
    }
    return Table(tuple(columns), tuple(zip(*columns.values(), strict=True)))
