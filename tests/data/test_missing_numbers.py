"""Numbers such as -999 in place of a value: named, and taken for that when somebody says so."""

import io

import numpy as np
import pyarrow
import pytest
from pyarrow import parquet

from distill_core import data
from distill_core.data.sheets import Options
from distill_core.data.tables import prepare

N = 60
B = [20 + 7 * i % 41 for i in range(N)]
KIND = ["ab"[i % 2] for i in range(N)]


def column(code):
    return [code if i % 9 == 0 else 1 + i % 7 for i in range(N)]


def text(code):
    rows = zip(column(code), B, KIND, strict=True)
    return "\n".join(["a,b,kind", *(",".join(map(str, row)) for row in rows)]).encode() + b"\n"


def packed(code):
    content = io.BytesIO()
    values = [float(x) for x in column(code)]
    parquet.write_table(pyarrow.table({"a": values, "b": B, "kind": KIND}), content)
    return content.getvalue()


@pytest.mark.parametrize("code", ["-999", "9999", "-99", "-9", "99.9", "-999.99"])
def test_a_code_for_no_value_is_named_and_left_as_it_is(code):
    sheet = data.read(text(code))
    (note,) = sheet.notes
    assert note.startswith(f"In 'a' {code} stands in 7 rows, far from all other numbers")
    assert (sheet.column("a").numbers == float(code)).sum() == 7
    assert len(prepare(sheet, "kind").table.y) == N


@pytest.mark.parametrize(
    "values",
    [
        # Once; near the others; of other digits.
        ["-999", *["1", "2", "3", "4"] * 12],
        ["99", "99", *map(str, range(60, 97))],
        ["-500", "-500", *["1", "2", "3"] * 12],
    ],
)
def test_other_numbers_are_not_named(values):
    rows = [f"{value},{i},{'ab'[i % 2]}" for i, value in enumerate(values)]
    notes = data.read("\n".join(["a,b,kind", *rows]).encode() + b"\n").notes
    assert "far from all other" not in " ".join(notes)


@pytest.mark.parametrize("source", [text, packed])
@pytest.mark.parametrize("written", ["-999", "-999.0"])
def test_a_number_is_a_missing_value_when_somebody_says_so(source, written):
    sheet = data.read(source(-999), Options(missing=(written,)))
    a = sheet.column("a")
    assert a.count_missing() == {written: 7}
    assert a.kind == "numbers"
    assert np.isnan(a.numbers[::9]).all()
    assert f"Taken for missing values in 'a': '{written}' (7)." in sheet.notes
    assert len(prepare(sheet, "kind").table.y) == N - 7


def test_numbers_leave_the_usual_words_as_they_are():
    content = text(-999).replace(b"\n3,", b"\nNA,")
    usual = data.read(content, Options(missing=("-999",))).column("a")
    assert set(usual.count_missing()) == {"NA", "-999"}
    # Python takes these for numbers, people for words.
    mixed = text("nan").replace(b"\nnan,", b"\nabsent,", 1)
    words = data.read(mixed, Options(missing=("nan", "absent", "-999"))).column("a")
    assert words.count_missing() == {"nan": 6, "absent": 1}
    own = data.read(content, Options(missing=("-999", "absent"))).column("a")
    assert own.words == ("NA",)
