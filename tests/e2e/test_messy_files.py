"""Files that can be read in two ways: sent, corrected in the page, used, and their pictures."""

import io
import time
from collections.abc import Callable
from dataclasses import dataclass

import pyarrow
import pytest
from playwright.sync_api import expect
from pyarrow import parquet

from tests.data.test_other_files import workbook
from tests.e2e.test_many_classes import SMALL, address
from tests.e2e.test_own_data import OWN, upload
from tests.e2e.waiting import ENDLESS, digest, painted, settled

pytestmark = pytest.mark.e2e

N = 60
A = [1 + i % 7 for i in range(N)]
B = [20 + 7 * i % 41 for i in range(N)]
KIND = ["ab"[i % 2] for i in range(N)]


def lines(header, *columns, delimiter=","):
    rows = [header, *(delimiter.join(map(str, row)) for row in zip(*columns, strict=True))]
    return "\n".join(rows) + "\n"


def packed():
    content = io.BytesIO()
    parquet.write_table(pyarrow.table({"a": B, "b": A, "kind": KIND}), content)
    return content.getvalue()


def press(name):
    return lambda page: page.get_by_role("button", name=name).click()


def otherwise(correct):
    """Return a correction that first opens what is to be read otherwise."""

    def do(page):
        # It stays open from one file to the next.
        if not page.get_by_role("combobox", name="Encoding").is_visible():
            page.get_by_text("Read it otherwise").click()
        correct(page)

    return do


def choose(title, option):
    def do(page):
        wanted = page.get_by_role("option", name=option, exact=True)
        end = time.monotonic() + ENDLESS / 1000
        while not wanted.is_visible() and time.monotonic() < end:
            # A list that is opened while what holds it still unfolds may be closed again.
            page.get_by_role("combobox", name=title).click()
            page.wait_for_timeout(500)
        wanted.click()

    return do


def write(title, text):
    def do(page):
        field = page.get_by_role("textbox", name=title)
        field.fill(text)
        field.press("Enter")

    return do


@dataclass(frozen=True)
class Case:
    """A file, what is first said of it, a correction, what is said then and of the data in use."""

    content: bytes
    before: str
    correct: Callable
    after: str
    used: str


CASES = {
    "pay.tsv": Case(
        lines(
            "pay\tage\tkind",
            [f"{1 + i % 7},{100 + 37 * i % 800}" for i in range(N)],
            B,
            KIND,
            delimiter="\t",
        ).encode(),
        "'1,100' is read as 1100; it could also be 1.1",
        press("as a decimal comma"),
        "In 'pay' the decimal sign is a comma",
        "2 features, 30 × a, 30 × b",
    ),
    "years.csv": Case(
        lines("2019,2020,kind", A, B, KIND).encode(),
        "The columns have no names and got numbers",
        press("Take row 1 for the names"),
        "The features are the columns of numbers: '2019', '2020'.",
        "2 features, 30 × a, 30 × b",
    ),
    "towns.csv": Case(
        lines("a,b,town", A, B, [["Łódź", "Gdańsk"][i % 2] for i in range(N)]).encode("cp1250"),
        "it was read as Windows-1252, as in 'ódŸ'",
        otherwise(choose("Encoding", "Windows-1250")),
        "'Gdańsk' (30 rows), 'Łódź' (30 rows)",
        "2 features, 30 × Gdańsk, 30 × Łódź",
    ),
    "absent.csv": Case(
        lines("a,b,kind", ["absent" if i % 9 == 0 else A[i] for i in range(N)], B, KIND).encode(),
        "Only one feature is left that varies",
        otherwise(write("Words for missing values", "absent")),
        "Left out: 7 rows with a missing value",
        "2 features, 26 × a, 27 × b",
    ),
    "rare.csv": Case(
        lines("a,b,kind", A, B, [KIND[i] if i % 20 else "c" for i in range(N)]).encode(),
        "Of the 3 classes 1 have too few complete rows: 'c' (3 rows)",
        lambda page: page.get_by_role("radio", name="leave out").click(),
        "with 2 classes: 'a' (27 rows), 'b' (30 rows)",
        "2 features, 27 × a, 30 × b",
    ),
    "two sheets.xlsx": Case(
        workbook(
            Notes=[["what", "who"], *([f"line {i}", "me"] for i in range(N))],
            Birds=[["a", "b", "kind"], *zip(A, B, KIND, strict=True)],
        ),
        "Sheet 'Notes' of 2 was read.",
        otherwise(choose("Sheet", "Birds")),
        "The features are the columns of numbers: 'a', 'b'.",
        "2 features, 30 × a, 30 × b",
    ),
    "birds.parquet": Case(
        packed(),
        "60 rows, 2 features, 2 classes.",
        choose("Label column", "kind"),
        "The features are the columns of numbers: 'a', 'b'.",
        "2 features, 30 × a, 30 × b",
    ),
}


def test_messy_files_are_read_and_corrected_in_the_page(page, app, watch, tmp_path):
    seen = watch(page)
    page.goto(app + address("playground", f"{OWN}&{SMALL}"))
    expect(page.get_by_text("A link holds no data")).to_be_visible(timeout=ENDLESS)
    bad = tmp_path / "bad.csv"
    bad.write_bytes(b"kind\n" + b"a\nb\n" * 30)
    upload(page, bad)
    expect(page.get_by_text("“bad.csv” cannot be used")).to_be_visible(timeout=ENDLESS)
    # What was said of a file goes with it.
    page.get_by_role("button", name="Remove bad.csv").click()
    expect(page.get_by_text("cannot be used")).to_have_count(0, timeout=ENDLESS)
    student = ""
    for name, case in CASES.items():
        path = tmp_path / name
        path.write_bytes(case.content)
        upload(page, path)
        columns = page.get_by_test_id("stExpander").filter(has_text=f"Columns of {name}")
        expect(columns).to_be_visible(timeout=ENDLESS)
        settled(page)
        expect(page.get_by_text(case.before).first).to_be_visible(timeout=ENDLESS)
        case.correct(page)
        expect(page.get_by_text(case.after).first).to_be_visible(timeout=ENDLESS)
        page.get_by_role("button", name="Use this data").click()
        expect(page.get_by_text(f"In use: {case.used}")).to_be_visible(timeout=ENDLESS)
        painted(page, student)
        student = digest(page)
        settled(page)
    assert not seen.errors
    page.get_by_role("button", name="Delete my data").click()
    settled(page)
