"""Trains what a bundle holds again, in a store of its own, and compares digests.

The bundle's `reproduce.py` calls `main`.
"""

import argparse
import json
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from distill_core import uploads
from distill_core.data import csv_files, tables
from distill_core.exports.digests import digest_training
from distill_core.exports.setting import OWN_DATA
from distill_core.specs import SpecError, StudentSpec
from distill_core.store import Store


def main(folder: Path, argv: Sequence[str] | None = None) -> int:
    """Return 0 when all digests are the same, else 1; say which are not.

    Parameters
    ----------
    folder : Path
        Where `setting.json` and `digests.json` are.
    argv : sequence of str, optional
        `--csv FILE --label COLUMN [--features COLUMN ...]` for a setting on somebody's own data,
        which is not in the bundle.
    """
    parser = argparse.ArgumentParser(prog="reproduce.py", description="Train it again, compare.")
    parser.add_argument("--csv", type=Path, metavar="FILE", help="your own data")
    parser.add_argument("--label", metavar="COLUMN", help="its column of classes")
    parser.add_argument("--features", nargs="+", metavar="COLUMN", help="its columns to learn from")
    arguments = parser.parse_args(argv)
    setting = json.loads((folder / "setting.json").read_text(encoding="utf-8"))["student"]
    wanted = json.loads((folder / "digests.json").read_text(encoding="utf-8"))["digests"]
    with tempfile.TemporaryDirectory() as temp:
        store = Store(temp)
        try:
            found = digest_training(_read(setting, arguments, store), store)
        except SpecError as error:
            sys.exit(str(error))
    same = True
    for name, digest in wanted.items():
        is_same = found[name] == digest
        same &= is_same
        print(f"{name}: {'the same' if is_same else 'NOT the same'}, {found[name]}")
    if not same:
        print(
            "Other versions of NumPy and torch, or another kind of processor, can differ in the "
            "last bits; digests.json says which versions were used."
        )
    return 0 if same else 1


def _read(setting: dict[str, Any], arguments: argparse.Namespace, store: Store) -> StudentSpec:
    dataset = setting["ensemble"]["problem"]["dataset"]
    if dataset.get("table") != OWN_DATA:
        return StudentSpec(**setting)
    if arguments.csv is None or arguments.label is None:
        raise SpecError("This was trained on somebody's own data: give --csv FILE --label COLUMN.")
    sheet = csv_files.read_file(arguments.csv)
    kept = uploads.keep(store, tables.prepare(sheet, arguments.label, arguments.features))
    problem = {**setting["ensemble"]["problem"], "dataset": kept.model_dump(mode="json")}
    return StudentSpec(**{**setting, "ensemble": {**setting["ensemble"], "problem": problem}})
