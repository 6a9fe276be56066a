"""The visitor's own data: uploaded, looked at in words, used, deleted."""

import secrets
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import streamlit as st
from streamlit.runtime.uploaded_file_manager import UploadedFile

from distill_core import uploads
from distill_core.data import csv_files, datasets, sheets, tables
from distill_core.data.csv_files import Column, Sheet, UploadError
from distill_core.data.tables import Prepared
from distill_core.specs import DatasetSpec, SpecError
from pages.frame.controls import locks
from pages.frame.controls.settings import ALL_FEATURES, SETTINGS
from pages.frame.controls.url_state import plain
from pages.frame.server import service, upload_expiry, visitors

# What is kept for a visitor: the secret that makes their entry theirs; the file that was read
# last and Streamlit's name of the last one; why it could not be read; what becomes of its
# columns; the data in use and from which columns; a number that empties the uploader.
_OWNER, _FILE, _SEEN, _WRONG, _LOOK, _USED, _USED_AS, _UPLOADER = (
    f"own data: {what}"
    for what in ("owner", "file", "seen", "wrong", "look", "used", "used as", "uploader")
)
# What belongs to a picture of data that may be gone.
_PICTURES = ("last good", "measures", "place")
# Names that a label column often has; otherwise it is often the last one.
_LABELS = ("label", "class", "target", "species", "kind", "type", "outcome", "diagnosis", "y")


# The file, its label column and its feature columns by number; no features: all of numbers.
_Choice = tuple[str, int | None, tuple[int, ...]]
_NONE: _Choice = ("", None, ())

# One file at a time, always in the same thread: what reading takes does not add up.
_reader = ThreadPoolExecutor(1, thread_name_prefix="upload")
_PROMISE = (
    "Your data stays on this server, in your session alone. It is deleted, with all that was "
    "trained on it, when you press “Delete my data” or leave: closing or reloading this page ends "
    "the session. Where the server does not notice that you left, it is deleted a day after the "
    "upload."
)


class NoDataYet(SpecError):
    """There is nothing to show before the visitor has done something; not an error."""


@dataclass(frozen=True, eq=False)
class _File:
    """A file that was read: Streamlit's name for it, its own, and its columns."""

    id: str
    name: str
    sheet: Sheet


@dataclass(frozen=True, eq=False)
class _Look:
    """What becomes of the chosen columns: in words, or why nothing."""

    choice: _Choice
    summary: str = ""
    decisions: tuple[str, ...] = ()
    wrong: str = ""


def ask() -> DatasetSpec:
    """Ask for a file and what its columns mean; return the dataset in use.

    Raises
    ------
    NoDataYet
        When nothing was uploaded in this session, or it waits for a decision.
    """
    used: DatasetSpec | None = st.session_state.get(_USED)
    _take(_uploaded())
    if _FILE not in st.session_state:
        _offer_sample()
    st.caption(_PROMISE)
    if wrong := st.session_state.get(_WRONG):
        st.error(plain(wrong), icon=":material/error:")
        if used is not None:
            st.caption("Nothing is lost: the data that was in use still is.")
    file: _File | None = st.session_state.get(_FILE)
    if file is not None:
        with st.expander(f"Columns of {plain(csv_files.clean(file.name))}", expanded=not used):
            used = _columns(file, used)
    if used is not None:
        _in_use(used)
        return used
    if file is not None:
        raise NoDataYet(
            "Your file was read. In the side panel (» on a small screen), look at what becomes of "
            "its columns, then press “Use this data”."
        )
    raise NoDataYet(
        "Your own data: upload a CSV file in the side panel (» on a small screen), or try the "
        "sample there. "
        "A link holds no data: what somebody else uploaded stays with them."
    )


def _uploaded() -> UploadedFile | None:
    """Ask for a file; say what is allowed."""
    return st.file_uploader(
        "CSV file",
        ["csv", "tsv", "txt"],
        key=f"upload {st.session_state.get(_UPLOADER, 0)}",
        max_upload_size=sheets.read_upload_limit() // 1024**2,
        help=f"At most {sheets.read_upload_limit() // 1024**2} MB, "
        f"{csv_files.MAX_ROWS:,} rows, {csv_files.MAX_COLUMNS:,} columns; "
        f"2 to {tables.MAX_CLASSES} classes of at least {tables.MIN_PER_CLASS} rows.",
    )


def _offer_sample() -> None:
    st.button("Try the sample", icon=":material/science:", width="stretch", on_click=_try_sample)
    st.download_button(
        "Download the sample",
        uploads.SAMPLE.read_bytes(),
        uploads.SAMPLE.name,
        "text/csv",
        icon=":material/download:",
        on_click="ignore",
        width="stretch",
        help="Made-up measurements of three kinds of birds, with words and missing values.",
    )


def _take(uploaded: UploadedFile | None) -> None:
    """Read a file once; one that cannot be read leaves everything as it was."""
    if uploaded is None or uploaded.file_id == st.session_state.get(_SEEN):
        return
    st.session_state[_SEEN] = uploaded.file_id
    st.session_state.pop(_WRONG, None)
    try:
        sheet = _reader.submit(csv_files.read, uploaded.getvalue()).result()
    except UploadError as error:
        st.session_state[_WRONG] = f"“{csv_files.clean(uploaded.name)}” cannot be used. {error}"
    else:
        st.session_state[_FILE] = _File(uploaded.file_id, uploaded.name, sheet)


def _try_sample() -> None:
    sheet = csv_files.read_file(uploads.SAMPLE)
    st.session_state[_FILE] = _File("sample", uploads.SAMPLE.name, sheet)
    st.session_state.pop(_WRONG, None)


def _columns(file: _File, used: DatasetSpec | None) -> DatasetSpec | None:
    """Ask what the columns mean, say what becomes of them; return the dataset in use."""
    choice = _choose(file)
    look: _Look | None = st.session_state.get(_LOOK)
    if look is None or look.choice != choice:
        st.session_state[_LOOK] = look = _look(file, choice)
    if look.wrong:
        st.error(plain(look.wrong), icon=":material/error:")
        return used
    st.markdown(f"**{look.summary}** What was decided:")
    st.markdown("\n".join(f"- {plain(sentence)}" for sentence in look.decisions))
    if used is not None and st.session_state.get(_USED_AS) == choice:
        st.caption("This is the data in use.")
    elif st.button("Use this data", type="primary", icon=":material/check:", width="stretch"):
        st.session_state[_USED_AS] = choice
        return _use(_prepared(file, choice), used)
    return used


def _choose(file: _File) -> _Choice:
    """Ask for the label and the features, as they were chosen on the page before."""
    columns = file.sheet.columns
    last: _Look | None = st.session_state.get(_LOOK)
    _, label, features = last.choice if last is not None and last.choice[0] == file.id else _NONE
    label = st.selectbox(
        "Label column",
        range(len(columns)),
        index=_likely_label(columns) if label is None else label,
        format_func=lambda i: columns[i].name,
        key=f"label of {file.id}",
        help="The column that holds the class of each row.",
    )
    chosen = st.multiselect(
        "Features",
        [i for i in range(len(columns)) if i != label],
        default=[i for i in features if i != label],
        format_func=lambda i: f"{columns[i].name} ({columns[i].kind})",
        key=f"features of {file.id} {label}",
        placeholder="all columns of numbers",
        help="None chosen: all columns of numbers. Columns with few different words become one "
        "feature per word, 0 or 1.",
    )
    return file.id, label, tuple(chosen)


def _look(file: _File, choice: _Choice) -> _Look:
    try:
        prepared = _prepared(file, choice)
    except UploadError as error:
        return _Look(choice, wrong=str(error))
    table = prepared.table
    summary = (
        f"{len(table.y):,} rows, {len(table.feature_names)} features, "
        f"{len(table.class_names)} classes."
    )
    return _Look(choice, summary, prepared.decisions)


def _prepared(file: _File, choice: _Choice) -> Prepared:
    _, label, features = choice
    assert label is not None
    names = [column.name for column in file.sheet.columns]
    chosen = [names[i] for i in features] or None
    return _reader.submit(tables.prepare, file.sheet, names[label], chosen).result()


def _use(prepared: Prepared, before: DatasetSpec | None) -> DatasetSpec:
    """Keep a table in the store in place of the one before."""
    if before is not None:
        _forget(before)
    dataset = uploads.keep(service.store(), prepared, _owner(), service.sign_in())
    st.session_state[_USED] = dataset
    # A slice would answer another question than the visitor's, unless they have asked for it.
    view = SETTINGS["view"]
    if before is None and locks.is_open(view.key) and view.key not in st.query_params:
        st.session_state[view.key] = ALL_FEATURES
    st.session_state.pop(_WRONG, None)
    upload_expiry.watch(dataset)
    return dataset


def _in_use(used: DatasetSpec) -> None:
    """Say what is in use and offer to delete it."""
    upload_expiry.watch(used)
    data = datasets.load(used)
    counts = [int((data.y_train == c).sum() + (data.y_test == c).sum()) for c in range(10)]
    st.success(
        f"In use: {data.n_features} features, "
        + ", ".join(
            f"{counts[label]:,} × {plain(name[:40])}" for label, name in enumerate(data.class_names)
        )
    )
    st.button(
        "Delete my data",
        icon=":material/delete:",
        width="stretch",
        on_click=_delete,
        args=(used,),
        help="Deletes the table and everything that was trained on it, now.",
    )


def _delete(used: DatasetSpec) -> None:
    _forget(used)
    upload_expiry.forget()
    for key in (_USED, _USED_AS, _FILE, _LOOK, _WRONG):
        st.session_state.pop(key, None)
    # A new key is a new uploader: Streamlit drops the file of the old one.
    st.session_state[_UPLOADER] = st.session_state.get(_UPLOADER, 0) + 1


def _forget(dataset: DatasetSpec) -> None:
    """Stop what is computed from a table, and delete all of it."""
    visitors.identify().release()
    uploads.delete(service.store(), dataset)
    for key in _PICTURES:
        st.session_state.pop(key, None)


def _owner() -> str:
    owner: str = st.session_state.setdefault(_OWNER, secrets.token_hex(16))
    return owner


def _likely_label(columns: tuple[Column, ...]) -> int:
    """Return the column that most likely holds the classes."""
    possible = [i for i, c in enumerate(columns) if 2 <= c.n_values <= tables.MAX_CLASSES]
    for i in possible:
        if columns[i].name.lower() in _LABELS:
            return i
    last = len(columns) - 1
    return possible[0] if possible and last not in possible else last
