"""The options of a command that say how a file of one's own is to be read, and the reading."""

import argparse
from typing import Any

from distill_core import data
from distill_core.data import tables
from distill_core.data.sheets import Options
from distill_core.data.tables import Prepared
from distill_core.specs import SpecError

_NAMED = {"tab": "\t", "space": " ", "comma": ",", "semicolon": ";"}
# What each option is called, and in the arguments.
_OPTIONS = {
    "--delimiter": "delimiter",
    "--encoding": "encoding",
    "--header-row": "header_row",
    "--decimal": "decimal",
    "--missing": "missing",
    "--sheet": "sheet",
    "--keep-classes": "keep_classes",
    "--small-classes": "small_classes",
    "--group": "group",
}


def add(parser: argparse.ArgumentParser) -> None:
    """Add the options; without them everything is found in the file."""
    group = parser.add_argument_group("your own data, where it is read otherwise than you want")
    group.add_argument(
        "--delimiter", metavar="SIGN", help="what parts the columns: one character, tab or space"
    )
    group.add_argument("--encoding", metavar="NAME", help="such as utf-8, cp1252 or gb18030")
    group.add_argument(
        "--header-row", type=int, metavar="N", help="the row that holds the names; 0: none does"
    )
    group.add_argument(
        "--decimal",
        nargs="+",
        metavar="SIGN",
        help="'.' or ',' for all columns, or COLUMN=SIGN for some",
    )
    group.add_argument(
        "--missing", nargs="*", metavar="WORD", help="all words that mean that there is no value"
    )
    group.add_argument("--sheet", metavar="NAME", help="the sheet of a workbook")
    group.add_argument(
        "--keep-classes", nargs="+", metavar="CLASS", help="which values of the label to keep"
    )
    group.add_argument(
        "--small-classes",
        choices=("leave out", "join"),
        help="what becomes of classes with few rows (default: nothing is trained)",
    )
    group.add_argument("--group", metavar="COLUMN", help="whose row it is: a group is never split")


def find_option(arguments: argparse.Namespace) -> str | None:
    """Return an option of these that was given, or None."""
    given = (o for o, name in _OPTIONS.items() if getattr(arguments, name, None) is not None)
    return next(given, None)


def read(arguments: argparse.Namespace) -> Prepared:
    """Read the file that the arguments name, and make a table of it.

    Raises SpecError when an argument cannot be understood or the file cannot be used.
    """
    given: dict[str, Any] = {name: getattr(arguments, name, None) for name in _OPTIONS.values()}
    delimiter, missing = given["delimiter"], given["missing"]
    options = Options(
        delimiter=_NAMED.get(delimiter, delimiter),
        encoding=given["encoding"],
        header=given["header_row"],
        decimal=_read_decimal(given["decimal"]),
        missing=None if missing is None else tuple(missing),
        sheet=given["sheet"],
    )
    return tables.prepare(
        data.read(arguments.csv, options),
        arguments.label,
        arguments.features,
        classes=given["keep_classes"],
        small=given["small_classes"] or "refuse",
        group=given["group"],
    )


def _read_decimal(given: list[str] | None) -> str | dict[str, str] | None:
    if given is None:
        return None
    pairs = {name: sign for name, _, sign in (one.rpartition("=") for one in given)}
    if wrong := [sign for sign in pairs.values() if sign not in (".", ",")]:
        raise SpecError(f"--decimal takes '.' or ',', or COLUMN=SIGN, got {wrong[0]!r}")
    return pairs.get("", pairs)
