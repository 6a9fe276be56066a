"""The visitor's own data: uploaded, looked at in words, used, deleted."""

import contextlib
import secrets
from collections.abc import Iterator
from contextvars import ContextVar
from dataclasses import dataclass, replace

import streamlit as st
from streamlit.delta_generator import DeltaGenerator
from streamlit.runtime.uploaded_file_manager import UploadedFile

from distill_core import uploads
from distill_core.data import csv_files, datasets, sheets, tables
from distill_core.data.csv_files import UploadError
from distill_core.data.sheets import Options
from distill_core.data.tables import Prepared
from distill_core.specs import DatasetSpec, SpecError
from pages.frame.controls import import_dialog, locks
from pages.frame.controls.import_dialog import Choice, File
from pages.frame.controls.settings import ALL_FEATURES, SETTINGS
from pages.frame.controls.url_state import plain
from pages.frame.server import service, upload_expiry, upload_room, visitors

# What is kept for a visitor: the secret that makes their entry theirs; the file that was read
# last and Streamlit's name of the last one; why it could not be read; what becomes of its
# columns; the data in use and from which columns; a number that empties the uploader.
_OWNER, _FILE, _SEEN, _WRONG, _LOOK, _USED, _USED_AS, _UPLOADER = (
    f"own data: {what}"
    for what in ("owner", "file", "seen", "wrong", "look", "used", "used as", "uploader")
)
# What belongs to a picture of data that may be gone.
_PICTURES = ("last good", "measures", "place")
# Where on the page the columns of a file are decided about; None: where they are asked for.
_place: ContextVar[DeltaGenerator | None] = ContextVar("place", default=None)
_ENDS = ["csv", "tsv", "txt", "tab", "dat", "xlsx", "xls", "xlsb", "ods", "parquet"]
_PROMISE = (
    "Your data stays on this server, in your session alone. It is deleted, with all that was "
    "trained on it, when you press “Delete my data” or leave: closing or reloading this page ends "
    "the session. Where the server does not notice that you left, it is deleted a day after the "
    "upload."
)


class NoDataYet(SpecError):
    """There is nothing to show before the visitor has done something; not an error."""


@dataclass(frozen=True, eq=False)
class _Look:
    """What becomes of the chosen columns: in words, or why nothing."""

    choice: Choice
    file: File
    summary: str = ""
    decisions: tuple[str, ...] = ()
    wrong: str = ""


@contextlib.contextmanager
def place_choices() -> Iterator[None]:
    """Have the columns of a file decided about here, where there is room, not where it is sent."""
    token = _place.set(st.container())
    try:
        yield
    finally:
        _place.reset(token)


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
    file: File | None = st.session_state.get(_FILE)
    if file is not None:
        title = f"Columns of {plain(csv_files.clean(file.name))}"
        # Folded once it is in use.
        waits = used is None or st.session_state[_USED_AS][0].file != file.id
        with _place.get() or contextlib.nullcontext(), st.expander(title, expanded=waits):
            used = _columns(file, used)
    if used is not None:
        _in_use(used)
        return used
    if file is not None:
        raise NoDataYet(
            "Your file was read. Look at what becomes of its columns, then press “Use this data”."
        )
    raise NoDataYet(
        "Your own data: upload a file in the side panel (» on a small screen), or try the "
        "sample there. "
        "A link holds no data: what somebody else uploaded stays with them."
    )


def _uploaded() -> UploadedFile | None:
    """Ask for a file; say what is allowed."""
    if (free := upload_room.measure_free()) < sheets.read_upload_limit():
        # Streamlit says no more of a file that was refused than a number.
        st.caption(
            f"This server holds many files now: another one may have {free // 1024**2} MB. More "
            "room comes when others have left."
        )
    return st.file_uploader(
        "CSV, Excel or Parquet file",
        _ENDS,
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
    if uploaded is None:
        if st.session_state.pop(_SEEN, None) is not None:
            # What was said of a file goes with it.
            st.session_state.pop(_WRONG, None)
        return
    if uploaded.file_id == st.session_state.get(_SEEN):
        return
    st.session_state[_SEEN] = uploaded.file_id
    st.session_state.pop(_WRONG, None)
    options = Options()
    try:
        sheet = import_dialog.read(uploaded.getvalue())
    except UploadError as error:
        st.session_state[_WRONG] = f"“{csv_files.clean(uploaded.name)}” cannot be used. {error}"
    else:
        id, name = uploaded.file_id, uploaded.name
        st.session_state[_FILE] = File(id, name, uploaded.getvalue, sheet, options)


def _try_sample() -> None:
    sheet, name = csv_files.read_file(uploads.SAMPLE), uploads.SAMPLE.name
    content = uploads.SAMPLE.read_bytes
    st.session_state[_FILE] = File("sample", name, content, sheet, Options())
    st.session_state.pop(_WRONG, None)


def _columns(file: File, used: DatasetSpec | None) -> DatasetSpec | None:
    """Ask what the columns mean, say what becomes of them; return the dataset in use."""
    left, right = st.columns([3, 2], gap="large")
    last: _Look | None = st.session_state.get(_LOOK)
    with right:
        options = import_dialog.choose_reading(file)
        try:
            if options != file.options:
                sheet = import_dialog.read(file.content(), options)
                file = replace(file, sheet=sheet, options=options)
                st.session_state[_FILE] = file
            choice = import_dialog.choose_columns(file, last.choice if last else None)
        except UploadError as error:
            st.error(plain(str(error)), icon=":material/error:")
            return used
    if last is None or last.choice != choice or last.file is not file:
        st.session_state[_LOOK] = last = _look(file, choice)
    with left:
        import_dialog.show_rows(file.sheet)
        if last.wrong:
            st.error(plain(last.wrong), icon=":material/error:")
        said = "How it was read:" if last.wrong else f"**{last.summary}** What was decided:"
        if last.decisions:
            st.markdown(said)
            st.markdown("\n".join(f"- {plain(sentence)}" for sentence in last.decisions))
        import_dialog.offer_other_readings(file)
    with right:
        if last.wrong:
            return used
        if used is not None and st.session_state.get(_USED_AS) == (choice, file.options):
            st.caption("This is the data in use.")
        elif st.button("Use this data", type="primary", icon=":material/check:", width="stretch"):
            st.session_state[_USED_AS] = choice, file.options
            return _use(import_dialog.prepare(file, choice), used)
    return used


def _look(file: File, choice: Choice) -> _Look:
    try:
        prepared = import_dialog.prepare(file, choice)
    except UploadError as error:
        return _Look(choice, file, decisions=file.sheet.notes, wrong=str(error))
    table = prepared.table
    summary = (
        f"{len(table.y):,} rows, {len(table.feature_names)} features, "
        f"{len(table.class_names)} classes."
    )
    return _Look(choice, file, summary, prepared.decisions)


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
