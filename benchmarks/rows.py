"""What a million rows take to be read: seconds and memory."""

import json
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow
from pyarrow import csv, parquet

from benchmarks import Claim, Outcome
from distill_core.data.sheets import MAX_CELLS

N_ROWS, N_COLUMNS = 1_000_000, 50
# Bytes that a number takes while it is read: twice its 8, a code, and as much again for a while.
_BYTES = 2 * (8 + 8 + 2)
# Bytes of what is imported, and of one batch of rows.
_BASE = 512 * 1024**2
# Rows made at once.
_CHUNK = 100_000

_READ = """
import json, re, sys, time
from distill_core import data
from distill_core.data.tables import prepare
begin = time.perf_counter()
sheet = data.read(sys.argv[1])
read = time.perf_counter() - begin
table = prepare(sheet, "kind").table
status = open("/proc/self/status").read()
peak = int(re.search(r"VmHWM:\\s+(\\d+)", status)[1]) * 1024
took = time.perf_counter() - begin
print(json.dumps([sheet.n_read, sheet.n_rows, len(table.y), read, took, peak]))
"""


def run(say: Callable[[str], None]) -> Outcome:
    """Read both files, each in a process of its own."""
    rows: list[dict[str, str | float]] = []
    with tempfile.TemporaryDirectory() as folder:
        for path in write_tables(Path(folder), N_ROWS):
            say(f"reading {path.name}")
            done = subprocess.run(
                [sys.executable, "-c", _READ, str(path)], stdout=subprocess.PIPE, check=True
            )
            n_read, n_kept, n_used, read, took, peak = json.loads(done.stdout)
            rows.append(
                {
                    "": f"{n_read:,} rows x {N_COLUMNS}, {path.suffix[1:]}",
                    "MB": path.stat().st_size / 1e6,
                    "read, s": read,
                    "and made a table, s": took,
                    "peak, MB": peak / 1e6,
                    "rows kept": str(n_kept),
                    "rows used": str(n_used),
                }
            )
            say(str(rows[-1]))
        peak = max(float(row["peak, MB"]) for row in rows)
    bound = (MAX_CELLS * _BYTES + _BASE) / 1e6
    return Outcome(
        "A large table is read with bounded memory: of more numbers than fit, a random part of\n"
        "the rows is kept.",
        rows,
        [
            Claim(f"Reading takes at most {bound:,.0f} MB of memory ({peak:,.0f}).", peak <= bound),
        ],
    )


def write_tables(folder: Path, n_rows: int) -> list[Path]:
    """Write the same table as CSV and as Parquet; return where."""
    paths = [folder / "table.csv", folder / "table.parquet"]
    generator = np.random.default_rng(0)
    names = [f"x{i}" for i in range(N_COLUMNS - 1)]
    schema = pyarrow.schema([*((name, pyarrow.float64()) for name in names), ("kind", "string")])
    with csv.CSVWriter(paths[0], schema) as text, parquet.ParquetWriter(paths[1], schema) as packed:
        for first in range(0, n_rows, _CHUNK):
            n = min(_CHUNK, n_rows - first)
            values = generator.normal(size=(len(names), n)).round(4)
            kind = pyarrow.array(np.where(values[0] + values[1] > 0, "high", "low"))
            table = pyarrow.table([*values, kind], schema=schema)
            text.write_table(table)
            packed.write_table(table)
    return paths
