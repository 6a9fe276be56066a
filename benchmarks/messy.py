"""Messy files made from clean tables, each with what is right: a corpus that code makes anew."""

import datetime
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np

Value = float | str | datetime.date | None


@dataclass(frozen=True)
class Table:
    """A clean table: names, and the values of each row; None where there is none."""

    names: tuple[str, ...]
    rows: tuple[tuple[Value, ...], ...]


@dataclass(frozen=True)
class Messy:
    """A file: its name, its bytes and the table that is right."""

    name: str
    content: bytes
    table: Table


@dataclass(frozen=True)
class _Style:
    """How a table is written."""

    delimiter: str = ","
    decimal: str = "."
    quote_all: bool = False
    quote: str = '"'
    escape: str = ""
    end: str = "\n"
    missing: str = ""
    number: Callable[[float], str] | None = None
    date: str = "%Y-%m-%d"


def make_corpus() -> Iterator[Messy]:
    """Yield all files, the same ones in every process."""
    seen = set()
    for table_name, table in _tables().items():
        for fault_name, fault in _FAULTS.items():
            content = fault(table)
            # Not every fault changes every table.
            if content is not None and content[1] not in seen:
                right, data = content
                seen.add(data)
                yield Messy(f"{table_name}: {fault_name}", data, right)


def _tables() -> dict[str, Table]:
    generator = np.random.default_rng(7)
    n = 60

    def draw(mean: float, deviation: float, digits: int) -> list[float]:
        return [float(v) for v in generator.normal(mean, deviation, n).round(digits)]

    kind = [("finch", "wren", "robin")[i % 3] for i in range(n)]
    first = datetime.date(2021, 3, 4)
    birds = {
        "length": draw(13, 2, 2),
        "width": draw(4.5, 0.6, 1),
        "mass": [float(round(v)) for v in draw(420, 60, 0)],
        "kind": kind,
    }
    people = {
        "person": [f"Smith, {'ABCDEF'[i % 6]}. {i}" for i in range(n)],
        "income": [float(round(v)) for v in np.abs(draw(2800, 1500, 0))],
        "score": draw(0, 1, 2),
        "group": [("low", "high")[i % 2] for i in range(n)],
    }
    dated = {
        "day": [first + datetime.timedelta(days=3 * i) for i in range(n)],
        "level": draw(15, 4, 2),
        "open": [("yes", "no")[i % 2] for i in range(n)],
        "grade": [("A", "B", "C")[i % 3] for i in range(n)],
    }
    notes = {
        "height (cm)": draw(170, 9, 1),
        "note": [('said "no"', "a, b; c", "it's fine", "plain")[i % 4] for i in range(n)],
        "share": [None if i % 9 == 4 else v for i, v in enumerate(draw(0.5, 0.1, 3))],
        "class": [("x", "y")[i % 2] for i in range(n)],
    }
    tables = {"birds": birds, "people": people, "dated": dated, "notes": notes}
    return {
        name: Table(tuple(columns), tuple(zip(*columns.values(), strict=True)))
        for name, columns in tables.items()
    }


def _cell(value: Value, style: _Style) -> str:
    if value is None:
        return style.missing
    if isinstance(value, datetime.date):
        return value.strftime(style.date)
    if isinstance(value, str):
        return value
    text = style.number(value) if style.number else f"{value:.12g}"
    return text.translate(str.maketrans(".,", ",.")) if style.decimal == "," else text


def _line(cells: list[str], style: _Style) -> str:
    written = []
    for cell in cells:
        special = style.delimiter in cell or style.quote in cell or "\n" in cell
        if special or style.quote_all:
            inside = cell.replace(style.quote, (style.escape or style.quote) + style.quote)
            cell = f"{style.quote}{inside}{style.quote}"
        written.append(cell)
    return style.delimiter.join(written)


def _lines(table: Table, style: _Style, names: bool = True) -> list[str]:
    lines = [_line(list(table.names), style)] if names else []
    return lines + [_line([_cell(v, style) for v in row], style) for row in table.rows]


def _text(lines: list[str], end: str = "\n") -> bytes:
    return (end.join(lines) + end).encode()


_Fault = Callable[[Table], tuple[Table, bytes] | None]


def _styled(**style: object) -> _Fault:
    return lambda t: (t, _text(_lines(t, replace(_Style(), **style))))  # type: ignore[arg-type]


def _around(above: list[str], below: list[str], **style: object) -> _Fault:
    """Put lines above and below a table."""

    def fault(t: Table) -> tuple[Table, bytes]:
        lines = _lines(t, replace(_Style(), **style))  # type: ignore[arg-type]
        return t, _text([*above, *lines, *below])

    return fault


def _each_line(change: Callable[[int, str], str], **style: object) -> _Fault:
    def fault(t: Table) -> tuple[Table, bytes]:
        lines = _lines(t, replace(_Style(), **style))  # type: ignore[arg-type]
        return t, _text([change(i, line) for i, line in enumerate(lines)])

    return fault


def _encoded(
    encoding: str, words: dict[str, str], names: dict[int, str], **style: object
) -> _Fault:
    """Write a table with words of a language in its encoding."""

    def fault(t: Table) -> tuple[Table, bytes]:
        new = [tuple(words.get(v, v) if isinstance(v, str) else v for v in row) for row in t.rows]
        named = tuple(names.get(i, name) for i, name in enumerate(t.names))
        table = Table(named, tuple(new))
        lines = _lines(table, replace(_Style(), **style))  # type: ignore[arg-type]
        return table, ("\n".join(lines) + "\n").encode(encoding)

    return fault


def _no_names(t: Table) -> tuple[Table, bytes]:
    names = tuple(f"column {i}" for i in range(1, len(t.names) + 1))
    return Table(names, t.rows), _text(_lines(t, _Style(), names=False))


def _two_rows_of_names(t: Table) -> tuple[Table, bytes]:
    units = [f"u{i}" for i in range(len(t.names))]
    names = tuple(f"{name} {unit}" for name, unit in zip(t.names, units, strict=True))
    lines = _lines(t, _Style())
    return Table(names, t.rows), _text([lines[0], ",".join(units), *lines[1:]])


def _row_names(t: Table) -> tuple[Table, bytes]:
    lines = _lines(t, _Style(quote_all=False))
    return t, _text([lines[0], *(f'"{i}",{line}' for i, line in enumerate(lines[1:], 1))])


def _words_for_missing(word: str) -> _Fault:
    """Take away some numbers and write a word instead."""

    def fault(t: Table) -> tuple[Table, bytes]:
        rows = [
            tuple(
                None if isinstance(v, float) and (i + j) % 7 == 2 else v for j, v in enumerate(row)
            )
            for i, row in enumerate(t.rows)
        ]
        table = Table(t.names, tuple(rows))
        return table, _text(_lines(table, _Style(missing=word)))

    return fault


def _cut(t: Table) -> tuple[Table, bytes]:
    """End in the middle of the last row."""
    lines = _lines(t, _Style())
    return Table(t.names, t.rows[:-1]), _text([*lines[:-1], lines[-1].rsplit(",", 2)[0]])[:-1]


def _spaces(t: Table) -> tuple[Table, bytes] | None:
    lines = [
        [f'"{c}"' if " " in c or '"' in c else c for c in (_cell(v, _Style()) for v in row)]
        for row in (t.names, *t.rows)
    ]
    if any('"' in str(v) or v is None for row in t.rows for v in row):
        return None
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    text = ["  ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)) for row in lines]
    return t, _text([line.rstrip() for line in text])


def _grouped(value: float) -> str:
    return f"{value:,.0f}" if value == round(value) else f"{value:,}"


_PREAMBLE = ["Measurements of spring 2021", "made by hand"]
_GERMAN = {"finch": "Höckerschwan", "high": "größer", "A": "Übung", "x": "müßig"}
_POLISH = {"finch": "łabędź", "wren": "śmieszka", "high": "większość", "A": "żółty", "x": "ćma"}
_CHINESE = {"finch": "燕雀", "high": "较高", "A": "优秀", "x": "种类甲"}
_JAPANESE = {"finch": "アトリ", "high": "高い", "A": "すぐれた", "x": "種類"}

_FAULTS: dict[str, _Fault] = {
    "clean": _styled(),
    "semicolons": _styled(delimiter=";"),
    "tabs": _styled(delimiter="\t"),
    "vertical bars": _styled(delimiter="|"),
    "spaces": _spaces,
    "decimal commas, semicolons": _styled(delimiter=";", decimal=","),
    "decimal commas in quotation marks": _styled(decimal=","),
    "decimal commas, tabs": _styled(delimiter="\t", decimal=","),
    "thousands commas": _styled(number=_grouped),
    "thousands commas, tabs": _styled(number=_grouped, delimiter="\t"),
    "thousands points, semicolons": _styled(number=_grouped, delimiter=";", decimal=","),
    "thousands spaces": _styled(number=lambda v: _grouped(v).replace(",", " ")),
    "thousands apostrophes": _styled(number=lambda v: _grouped(v).replace(",", "'")),
    "currency": _styled(number=lambda v: f"${v:.12g}".replace("$-", "-$")),
    "euros behind": _styled(number=lambda v: f"{v:.12g} €", delimiter=";", decimal=","),
    "percent": _styled(number=lambda v: f"{v:.12g} %"),
    "units": _styled(number=lambda v: f"{v:.12g} mm"),
    "typeset minus": _styled(number=lambda v: f"{v:.12g}".replace("-", "−")),
    "all in quotation marks": _styled(quote_all=True),
    "apostrophes for quotation marks": _styled(quote_all=True, quote="'"),
    "escaped quotation marks": _styled(quote_all=True, escape="\\"),
    "space after comma": _each_line(lambda i, line: line.replace('","', '", "'), quote_all=True),
    "title above": _around(_PREAMBLE[:1], []),
    "two lines above": _around(_PREAMBLE, []),
    "title and blank line above": _around([*_PREAMBLE[:1], ""], []),
    "delimiters above": _around([",,,"], []),
    "padded title above": _around([f"{_PREAMBLE[0]},,,"], []),
    "remark above": _around(["# exported by a program, version 3"], []),
    "sep line": _around(["sep=;"], [], delimiter=";"),
    "note below": _around([], ["Source: field notes"]),
    "blank line and note below": _around([], ["", "Source: field notes"]),
    "padded note below": _around([], ["Source: field notes,,,"]),
    "blank rows": _each_line(lambda i, line: line + "\n" if i % 9 == 5 else line),
    "rows of delimiters": _each_line(lambda i, line: line + "\n,,," if i % 9 == 5 else line),
    "delimiter at the end of rows": _each_line(lambda i, line: line + ","),
    "delimiter at the end of the names": _each_line(lambda i, line: line + "," * (i == 0)),
    "delimiter at the end of samples": _each_line(lambda i, line: line + "," * (i > 0)),
    "cut off": _cut,
    "no names": _no_names,
    "names in two rows": _two_rows_of_names,
    "row names": _row_names,
    "returns and feeds": _each_line(lambda i, line: line + "\r"),
    "missing: NA": _words_for_missing("NA"),
    "missing: point": _words_for_missing("."),
    "missing: dash": _words_for_missing("-"),
    "missing: None": _words_for_missing("None"),
    "missing: n.a.": _words_for_missing("n.a."),
    "German dates": _styled(date="%d.%m.%Y", delimiter=";"),
    "UTF-8 with a mark": lambda t: (t, b"\xef\xbb\xbf" + _text(_lines(t, _Style()))),
    "UTF-16": _encoded("utf-16", _GERMAN, {}),
    "UTF-16 without a mark": _encoded("utf-16-le", _GERMAN, {}),
    "UTF-16, tabs": _encoded("utf-16", _GERMAN, {}, delimiter="\t"),
    "Windows-1252": _encoded("cp1252", _GERMAN, {1: "größe"}, delimiter=";"),
    "Windows-1250": _encoded("cp1250", _POLISH, {1: "długość"}),
    "Latin-2": _encoded("iso8859-2", _POLISH, {1: "długość"}, delimiter=";"),
    "GB18030": _encoded("gb18030", _CHINESE, {1: "长度"}),
    "Shift-JIS": _encoded("cp932", _JAPANESE, {1: "長さ"}),
}
