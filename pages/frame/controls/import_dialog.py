"""How a visitor's file was read, in the page: its first rows, the decisions, and other readings."""

import functools
import zlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

import streamlit as st

from distill_core.data import sheets, tables
from distill_core.data.reading import read_and_count
from distill_core.data.sheets import Column, Decision, Options, Sheet, UploadError
from distill_core.data.tables import Prepared
from distill_core.engine.apart import OutOfBoundsError, run_apart
from pages.frame.controls.url_state import plain
from pages.frame.server import upload_room

# Names that a label column often has; otherwise it is often the last one.
_LABELS = ("label", "class", "target", "species", "kind", "type", "outcome", "diagnosis", "y")
# Rows that are shown as they were read, and columns.
_ROWS, _COLUMNS = 8, 50
# What can be chosen instead of what was found, by the name that is shown.
_FOUND = "as found"
_DELIMITERS = {"commas": ",", "semicolons": ";", "tabs": "\t", "vertical bars": "|", "spaces": " "}
_ENCODINGS = {
    "UTF-8": "utf-8",
    "Windows-1252": "cp1252",
    "Windows-1250": "cp1250",
    "Latin-2": "iso8859-2",
    "UTF-16": "utf-16",
    "GB18030": "gb18030",
    "Shift-JIS": "cp932",
    "Windows-1251": "cp1251",
}
_SIGNS = {"point": ".", "comma": ","}
_SMALL = {"say which": "refuse", "leave out": "leave out", "join": "join"}

# What reading a file may take: seconds, and bytes of memory.
_SECONDS, _MEMORY = 300, 3 * 1024**3
# Bytes of a sheet from which it is worked on in a process of its own.
_LARGE = 16 * 1024**2
# One file at a time, always in the same thread: what reading takes does not add up.
reader = ThreadPoolExecutor(1, thread_name_prefix="upload")


@dataclass(frozen=True, eq=False)
class File:
    """A file: Streamlit's name for it, its own, its content and what was read."""

    id: str
    name: str
    content: Callable[[], bytes]
    sheet: Sheet
    options: Options


@dataclass(frozen=True)
class Choice:
    """What becomes of a file's columns; no features: all of numbers."""

    file: str
    label: str
    features: tuple[str, ...] = ()
    classes: tuple[str, ...] = ()
    small: str = "refuse"
    group: str | None = None


def read(content: bytes, options: Options | None = None) -> Sheet:
    """Read a file that a visitor sent, one after the other; raise UploadError when it cannot be."""
    options = replace(options or Options(), max_bytes=sheets.read_upload_limit())
    sheet = reader.submit(_read_apart, content, options).result()
    if not upload_room.hold(sheet, sheet.n_bytes):
        raise UploadError(upload_room.FULL)
    return sheet


def _read_apart(content: bytes, options: Options) -> Sheet:
    """Read a file in a process of its own: others are answered meanwhile, whatever is in it."""
    try:
        return run_apart(read_and_count, content, options, seconds=_SECONDS, memory=_MEMORY)
    except OutOfBoundsError as error:
        raise UploadError(
            f"Reading the file was given up. {error} Upload a part of its rows, or save it as a "
            "plain CSV file."
        ) from None


def _prepare_apart(sheet: Sheet, label: str, features: Any, **options: Any) -> Prepared:
    """Make a table; of a large sheet in a process of its own, so that others are answered."""
    if sheet.n_bytes < _LARGE:
        return tables.prepare(sheet, label, features, **options)
    make = functools.partial(tables.prepare, **options)
    try:
        return run_apart(make, sheet, label, features, seconds=_SECONDS, memory=_MEMORY)
    except OutOfBoundsError as error:
        raise UploadError(f"Preparing the data was given up. {error} Use fewer rows.") from None


def prepare(file: File, choice: Choice) -> Prepared:
    """Make a table of the chosen columns; raise UploadError when they make none."""
    return reader.submit(
        _prepare_apart,
        file.sheet,
        choice.label,
        choice.features or None,
        classes=choice.classes or None,
        small=choice.small,
        group=choice.group,
    ).result()


def choose_reading(file: File) -> Options:
    """Ask what is to be read otherwise than it was; as found unless somebody says so."""
    with st.expander("Read it otherwise", icon=":material/tune:"):
        left, right = st.columns(2)
        with left:
            delimiter = _pick(file, "Columns are parted by", _DELIMITERS)
            decimal = _pick(file, "Decimal sign", _SIGNS)
            header = st.text_input(
                "Row of the names",
                key=f"header of {file.id}",
                placeholder=_FOUND,
                max_chars=3,
                help="Counted from 1, without empty rows. 0: there are no names.",
            )
        with right:
            encoding = _pick(file, "Encoding", _ENCODINGS)
            missing = st.text_input(
                "Words for missing values",
                key=f"missing of {file.id}",
                placeholder=_FOUND,
                help="Parted by spaces; empty cells always are. Numbers such as -999 can be among "
                "them. A single comma: no word is.",
            )
            sheet = None
            if len(file.sheet.sheets) > 1:
                names = file.sheet.sheets
                sheet = st.selectbox("Sheet", names, key=f"sheet of {file.id}")
    own_signs: dict[str, str] = st.session_state.get(_signs_key(file), {})
    return Options(
        delimiter=delimiter,
        encoding=encoding,
        header=int(header) if header.strip().isdigit() else None,
        decimal=decimal or own_signs or None,
        missing=tuple(missing.replace(",", " ").split()) if missing.strip() else None,
        sheet=sheet,
    )


def choose_columns(file: File, last: Choice | None) -> Choice:
    """Ask for label, features, classes and groups, as they were chosen on the page before."""
    columns = file.sheet.columns
    names = [column.name for column in columns]
    # Of other columns, as after another row of names or another sheet, everything is asked anew.
    of = f"of {file.id} {zlib.crc32(repr(names).encode())}"
    last = last if last is not None and last.file == file.id and last.label in names else None
    index = st.selectbox(
        "Label column",
        range(len(columns)),
        index=_likely_label(columns) if last is None else names.index(last.label),
        format_func=lambda i: names[i] if i < len(names) else "",
        key=f"label {of}",
        help="The column that holds the class of each row.",
    )
    label = min(index or 0, len(columns) - 1)
    others = [i for i in range(len(columns)) if i != label]
    before = last.features if last is not None else ()
    chosen = st.multiselect(
        "Features",
        others,
        default=[i for i in others if names[i] in before],
        format_func=lambda i: f"{names[i]} ({columns[i].kind})" if i < len(names) else "",
        key=f"features {of} {label}",
        placeholder="all columns of numbers",
        help="None chosen: all columns of numbers. Columns with few different words become one "
        "feature per word, 0 or 1.",
    )
    counts = tables.list_classes(file.sheet, names[label])
    classes: list[str] = []
    if len(counts) > tables.MAX_CLASSES or columns[label].missing:
        classes = st.multiselect(
            "Classes",
            list(counts)[:200],
            key=f"classes {of} {label}",
            max_selections=tables.MAX_CLASSES,
            placeholder="all",
            help=f"The values of the label to keep, 2 to {tables.MAX_CLASSES}.",
        )
    small = "say which"
    if any(count < tables.MIN_PER_CLASS for count in counts.values()):
        small = (
            st.segmented_control(
                "Small classes",
                list(_SMALL),
                default="say which",
                key=f"small {of} {label}",
                help=f"Classes with fewer than {tables.MIN_PER_CLASS} rows cannot be learned and "
                "tested.",
            )
            or "say which"
        )
    group = st.selectbox(
        "Group",
        [None, *others],
        format_func=lambda i: "none" if i is None else names[i],
        key=f"group {of} {label}",
        help="The column that says whose row it is, such as a patient: all rows of one are for "
        "training, or all for testing.",
    )
    return Choice(
        file.id,
        names[label],
        tuple(names[i] for i in chosen if i < len(names)),
        tuple(classes),
        _SMALL[small],
        None if group is None else names[group],
    )


def show_rows(sheet: Sheet) -> None:
    """Show the first rows as they were read."""
    shown = sheet.columns[:_COLUMNS]
    n = min(_ROWS, sheet.n_rows)
    st.dataframe(
        {column.name: [column.cell(row) for row in range(n)] for column in shown},
        hide_index=True,
        height="content",
    )
    more = f", of which {_COLUMNS} are shown" if len(sheet.columns) > _COLUMNS else ""
    st.caption(
        f"The first of {sheet.n_rows:,} rows as read; {len(sheet.columns):,} columns{more}: "
        + plain(", ".join(f"{column.name} ({column.kind})" for column in shown[:12]))
        + (", …" if len(shown) > 12 else ".")
    )


def offer_other_readings(file: File) -> None:
    """Offer the other reading of every cell that can be read in two ways, one click away."""
    for decision in file.sheet.report:
        if decision.kind == "decimal" and decision.other and "could also" in decision.sentence:
            word = "comma" if decision.other == "," else "point"
            st.button(
                plain(f"Read the {word} in “{decision.example}” as a decimal {word}"),
                key=f"other {decision.column} of {file.id}",
                on_click=_take_sign,
                args=(file, decision),
            )
        if decision.kind == "missing number":
            st.button(
                plain(f"Take {decision.other} for a missing value"),
                key=f"missing {decision.column} of {file.id}",
                on_click=_take_missing,
                args=(file, decision),
            )
        if decision.kind == "header" and decision.other and decision.sentence:
            st.button(
                f"Take row {decision.other} for the names",
                key=f"other names of {file.id}",
                on_click=_take_header,
                args=(file, decision.other),
            )


def _pick(file: File, title: str, values: dict[str, str]) -> str | None:
    chosen = st.selectbox(title, [_FOUND, *values], key=f"{title} of {file.id}")
    return values.get(chosen or _FOUND)


def _signs_key(file: File) -> str:
    return f"signs of {file.id}"


def _take_sign(file: File, decision: Decision) -> None:
    signs: dict[str, Any] = dict(st.session_state.get(_signs_key(file), {}))
    st.session_state[_signs_key(file)] = signs | {decision.column: decision.other}


def _take_missing(file: File, decision: Decision) -> None:
    key = f"missing of {file.id}"
    st.session_state[key] = f"{st.session_state.get(key, '')} {decision.other}".strip()


def _take_header(file: File, row: str) -> None:
    st.session_state[f"header of {file.id}"] = row


def _likely_label(columns: tuple[Column, ...]) -> int:
    """Return the column that most likely holds the classes."""
    possible = [i for i, c in enumerate(columns) if 2 <= c.n_values <= tables.MAX_CLASSES]
    for i in possible:
        if columns[i].name.lower() in _LABELS:
            return i
    last = len(columns) - 1
    return possible[0] if possible and last not in possible else last
