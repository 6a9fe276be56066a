"""CSV files as strings: good ones from columns, and all that somebody might upload instead."""

import gzip
import json
import zlib

import numpy as np

# What a file may have here, in bytes; a server may allow more.
MAX_BYTES = 5 * 1024**2


def csv(header, *columns, n=60):
    """Rows of a CSV file; a column is a list or a function of the row's number."""
    rows = [[c(i) if callable(c) else c[i] for c in columns] for i in range(n)]
    return "\n".join([header, *(",".join(map(str, row)) for row in rows)]).encode() + b"\n"


def noise(seed):
    values = np.random.default_rng(seed).normal(size=60_000).round(3)
    return lambda i: values[i]


def two(i):
    return "ab"[i % 2]


X, Z = noise(0), noise(1)


def named(name):
    """A good file whose first feature has some name."""
    return csv("@,z,y", X, Z, two).replace(b"@", name.encode())


def random_bytes(n, seed=0):
    return np.random.default_rng(seed).integers(0, 256, n, dtype=np.uint8).tobytes()


GOOD = ""
BODY = csv("", X, Z, two).decode()
# What comes in, and a part of the sentence that comes out; GOOD: a table of classes a and b.
HOSTILE = {
    "empty": (lambda: b"", "The file is empty"),
    "spaces": (lambda: b"   ", "No column was found"),
    "byte order mark alone": (lambda: b"\xef\xbb\xbf", "No column was found"),
    "five million line feeds": (lambda: b"\n" * 5_000_000, "No column was found"),
    "five million returns": (lambda: b"\r" * 5_000_000, "No column was found"),
    "NUL bytes": (lambda: b"\0" * 1000, "NUL bytes (first in line 1)"),
    "a NUL byte in a cell": (lambda: named("x").replace(b"a", b"a\0", 1), "NUL bytes"),
    "a bell": (lambda: named("x").replace(b"a", b"\x07", 1), "control characters"),
    "UTF-16": (lambda: named("x").decode().encode("utf-16"), GOOD),
    "UTF-16, big end first": (lambda: b"\xfe\xff" + BODY.encode("utf-16-be"), GOOD),
    "UTF-16 without a mark": (lambda: BODY.encode("utf-16-le"), GOOD),
    "half of UTF-16": (lambda: named("x").decode().encode("utf-16")[:-1], "begins like UTF-16"),
    "UTF-32": (lambda: BODY.encode("utf-32"), "UTF-32"),
    "picture": (lambda: b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + random_bytes(5000), "not a CSV file"),
    "spreadsheet": (lambda: b"PK\x03\x04\x14\0\x06\0" + random_bytes(5000), "not a CSV file"),
    "program": (lambda: b"\x7fELF\x02\x01\x01" + bytes(64), "not a CSV file"),
    "compressed": (lambda: gzip.compress(named("x")), "not a CSV file"),
    "a bomb of zeros": (lambda: zlib.compress(bytes(10**7), 9), "not a CSV file"),
    "PDF": (lambda: b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj\n<<>>\nendobj\n", "was found"),
    "pickle": (lambda: b"\x80\x04\x95\x1c\0\0\0cos\nsystem\n(S'ls'\ntR.", "not a CSV file"),
    "text pickle": (lambda: b"cos\nsystem\n(S'touch /tmp/x'\ntR.\n", "was found"),
    "five MB of noise": (lambda: random_bytes(MAX_BYTES), "not a CSV file"),
    "high bytes": (lambda: bytes(range(0xA0, 0x100)) * 20000, "this is not a CSV file"),
    "no text in any encoding": (
        lambda: b"a,b\n\x81\x8d,1\n",
        "not text in UTF-8 (first in line 2)",
    ),
    "half a surrogate": (lambda: b"x,z,y\n\xed\xa0\x80\x81,1,2\n", "not text in UTF-8"),
    "page": (lambda: b"<!DOCTYPE html>\n<html><body onload=alert(1)>\n</html>\n", "was found"),
    "JSON": (lambda: json.dumps([{"x": i, "y": 2} for i in range(99)]).encode(), "quotation marks"),
    "prose": (lambda: b"It was a dark night.\nNothing stirred, not even a mouse.\n", "was found"),
    "header alone": (lambda: b"x,z,y\n", "no rows below the column names"),
    "one column": (lambda: b"y\n" + b"a\nb\n" * 99, "Only one column"),
    "short row": (
        lambda: named("x") + b"1,2\n1,2,a\n",
        "Line 62 has 2 cells, the column names are 3",
    ),
    "long row": (lambda: named("x") + b"1,2,3,4\n1,2,a\n", "Line 62 has 4 cells"),
    "short row at the end": (lambda: named("x") + b"1,2\n", GOOD),
    "21 short rows at the end": (lambda: named("x") + b"1,2\n" * 21, "Line 62 has 2 cells"),
    "100,000 columns": (
        lambda: b",".join([b"c"] * 100_000) + b"\n",
        "100,000 columns; at most 1,000",
    ),
    "1,001 columns": (lambda: b",".join([b"c"] * 1001) + b"\n1\n", "1,001 columns; at most 1,000"),
    "five million commas": (lambda: b"," * 5_000_000, "5,000,001 columns; at most 1,000"),
    "a wide second row": (lambda: b"x,y\n" + b"1," * 2_000_000, "2,000,001 columns"),
    "a wide row of many lines": (
        lambda: b"x,y\n" + b'"\n",1,1,1,1,' * 400_000,
        "goes on for 2,002 lines",
    ),
    "a wide row of fewer lines": (
        lambda: b"x,y\n" + (b'"\n",' + b"1," * 20) * 100_000,
        "a closing quotation mark is missing",
    ),
    "open quotation mark": (lambda: b'x,z,y\n"' + b"1,2,a\n" * 99, "quotation marks"),
    "open for five MB": (lambda: b'x,z,y\n"' + b"1,2,a\n" * 83_000, "goes on for 5,0"),
    "quotation marks only": (lambda: b'"' * 5_000_000, "characters: this is not"),
    "stray quotation marks": (lambda: b'x,z,y\n"1"2,"3" ,a\n', "quotation marks"),
    "a cell of five MB": (lambda: b"x,y\n1," + b"a" * 5_000_000, "characters: this is not"),
    "six MB": (lambda: b"x,y\n" + b"1,a\n" * 1_572_864, "6.0 MB; at most 5 MB"),
    "fifty MB": (lambda: bytes(50 * 1024**2), "50.0 MB; at most 5 MB"),
    "50,001 rows": (lambda: csv("x,z,y", X, Z, two, n=50_001), GOOD),
    "1e400": (lambda: named("x") + b"1e400,1,a\n", GOOD),
    "minus 1e400 and infinity": (lambda: named("x") + b"-1e400,1,a\n1,-Infinity,b\n", GOOD),
    "a hundred thousand digits": (lambda: named("x") + b"9" * 100_000 + b",1,a\n", GOOD),
    "1e308 beside 1e-308": (
        lambda: csv("x,z,y", lambda i: (1e308, 1e-308)[i % 3 > 0], Z, two),
        GOOD,
    ),
    "1e308 beside -1e308": (
        lambda: csv("x,z,y", lambda i: f"{'-' * (i % 3 > 0)}1e308", Z, two),
        GOOD,
    ),
    "numbers next to zero": (lambda: csv("x,z,y", lambda i: f"{i % 7}e-320", Z, two), GOOD),
    "numbers of one size": (lambda: csv("x,z,y", lambda i: 1e15 + i % 3, Z, two), GOOD),
    "one class": (lambda: csv("x,z,y", X, Z, lambda i: "a"), "has only one value"),
    "no label at all": (lambda: csv("x,z,y", X, Z, lambda i: ""), "has no value"),
    "a label of thousands": (
        lambda: csv("x,z,y", X, Z, lambda i: f"w{i}", n=5000),
        "more than 1,000 different values; at most 10",
    ),
    "a numeric label of thousands": (
        lambda: csv("x,z,y", X, Z, lambda i: i / 7, n=5000),
        "5,000 different values; at most 10",
    ),
    "eleven classes": (
        lambda: csv("x,z,y", X, Z, lambda i: f"w{i % 11}", n=990),
        "11 different values; at most 10",
    ),
    "a class of 7": (
        lambda: csv("x,z,y", X, Z, lambda i: "b" if i < 7 else "a"),
        "'b' (7 rows); each class needs at least 8",
    ),
    "nothing but words": (lambda: csv("x,z,y", two, two, two), "No column besides the label"),
    "constants": (lambda: csv("x,z,y", lambda i: 1, lambda i: 2, two), "No feature is left"),
    "one feature": (lambda: csv("x,y", X, two), "Only one feature is left"),
    "nothing in any row": (
        lambda: csv("x,z,y", lambda i: "" if i % 2 else 1, lambda i: 1 if i % 2 else "", two),
        "Every row lacks a value",
    ),
    "delimiters only": (lambda: b"x,z,y\n" + b",,\n" * 500, "no rows below"),
    "equal names": (lambda: csv("x,x,y", X, Z, two), GOOD),
    "names that are equal when cleaned": (lambda: csv("x,x (2),x , x,y", X, Z, X, Z, two), GOOD),
    "no names": (lambda: csv(",,", X, Z, two), GOOD),
    "names of spaces": (lambda: csv("  ,\t,y", X, Z, two), GOOD),
    "names of 10,000 characters": (lambda: named("n" * 10_000), GOOD),
    "names of 10,000 spaces": (lambda: named(" " * 10_000 + "n"), GOOD),
    "HTML": (lambda: named("<img src=http://x.invalid/a onerror=alert(1)>"), GOOD),
    "script": (lambda: named("<script>fetch('http://x.invalid')</script>"), GOOD),
    "Markdown picture": (lambda: named("![a](http://x.invalid/a.png)"), GOOD),
    "Markdown and LaTeX": (lambda: named(r"$\href{http://x.invalid}{x}$ :red[x] # **x**"), GOOD),
    "formula": (lambda: named("=cmd|' /C calc'!A0"), GOOD),
    "formula in quotation marks": (lambda: named('"=HYPERLINK(""http://x.invalid"",""x"")"'), GOOD),
    "format strings": (lambda: named("{0.__class__.__mro__} %s %n ${jndi:ldap://x}"), GOOD),
    "a path": (lambda: named("../../../../etc/passwd"), GOOD),
    "a way to query": (lambda: named("x'; DROP TABLE y; --"), GOOD),
    "right to left and no width": (lambda: named("\u202egpj\u202c\u200b\u2066\ufeff"), GOOD),
    "only no width": (lambda: named("\u200b\u200d"), GOOD),
    "faces": (lambda: named("\U0001f600" * 500), GOOD),
    "a stack of accents": (lambda: named("e" + "\u0301" * 3000), GOOD),
    "a line in a name": (lambda: named('"two\nlines"'), GOOD),
    "the label's own name": (lambda: named("y"), GOOD),
    "Windows-1252": (lambda: csv("größe,z,y", X, Z, two).decode().encode("cp1252"), GOOD),
    "byte order mark": (lambda: b"\xef\xbb\xbf" + named("x"), GOOD),
    "returns alone": (lambda: named("x").replace(b"\n", b"\r"), GOOD),
    "ends of all kinds": (lambda: named("x").replace(b"\n", b"\r\n", 20), GOOD),
    "blank lines": (lambda: b"\n\n" + named("x").replace(b"\n", b"\n\n"), GOOD),
    "tabs": (lambda: named("x").replace(b",", b"\t"), GOOD),
    "decimal commas": (lambda: named("x").replace(b",", b";").replace(b".", b","), GOOD),
    "digits of another script": (lambda: named("x") + "\u0661\u0662,1,a\n".encode(), GOOD),
    "underscores in numbers": (lambda: named("x") + b"1_000,1,a\n", GOOD),
    "hexadecimal": (lambda: named("x") + b"0x1F,1,a\n", GOOD),
    "words of every kind": (
        lambda: csv("x,z,w,y", X, Z, lambda i: f"word {i * 7919} \U0001f600", two, n=50_000),
        GOOD,
    ),
    "as many cells as fit": (
        lambda: (
            b",".join(b"c%d" % j for j in range(200))
            + b"\n"
            + b"".join(
                b",".join(b"%d" % (i * j % 14) for j in range(199)) + b",%d\n" % (i % 2)
                for i in range(14)
            )
            * 780
        ),
        GOOD,
    ),
}
