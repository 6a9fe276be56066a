"""`python -m tests.data.fuzz --minutes 5`: change files at random and read them, until one fails.

Whatever is in a file, the reader gives columns or an `UploadError`. Anything else ends this with
the file and the options in a folder, to be read again. Not a test by itself: it takes minutes.
"""

import argparse
import io
import random
import signal
import sys
import time
from pathlib import Path

import pyarrow
from pyarrow import parquet

from benchmarks import messy, unseen
from distill_core import data, uploads
from distill_core.data.sheets import Options, UploadError
from distill_core.data.tables import prepare
from tests.data.hostile import HOSTILE, MAX_BYTES
from tests.data.test_other_files import BOOK

# Seconds for one file: the reader promises two on a machine with nothing else to do.
_SLOW, _PATIENCE = 2, 20
_PIECES = [
    *(b"\xff", b"\xef\xbb\xbf", b"\xff\xfe", b'"', b"'", b"\\", b"\r", b"\n", b"\r\n"),
    *(b",", b";", b"\t", b"|", b" ", b"  ", b"-", b"1e999", b"nan", b"NA", b"None", b"1,234"),
    *(b"<0.01", b"%", b"sep=;\n", b"\xe2\x80\xae", b"\x85", b"\xe2\x80\xa8", b"=1+1", b"0" * 50),
    *(b"()", b"(1)", b"\xd9\xa1", b"\xc2\xb2", b"\xe2\x82\xac", b"inf", b"1_0", b"#", b"PAR1"),
]
_SETTINGS = {
    "delimiter": [",", ";", "\t", " ", "x", "\\", '"', "ab", "", "\0", "é"],
    "encoding": ["utf-8", "utf-16", "cp1252", "gb18030", "idna", "utf-7", "base64", "none"],
    "header": [0, 1, 2, 5, 200, -1, 10**9],
    "decimal": [".", ",", {"x": ","}],
    "missing": [(), ("a", "1"), ("",)],
    "sheet": ["birds", "more", "none"],
}


def main() -> int:
    """Return 0 when every file was answered."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=5)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--to", type=Path, default=Path("fuzz"), help="where a bad file is put")
    arguments = parser.parse_args()
    chance, seeds = random.Random(arguments.seed), _make_seeds()
    counts = {"read": 0, "refused": 0}
    slowest, end = 0.0, time.monotonic() + 60 * arguments.minutes
    signal.signal(signal.SIGALRM, _give_up)
    while time.monotonic() < end:
        content, options = _change(chance, seeds), _choose(chance)
        begin = time.process_time()
        signal.alarm(_PATIENCE)
        try:
            counts[_answer(chance, content, options)] += 1
        except Exception:
            arguments.to.mkdir(parents=True, exist_ok=True)
            (arguments.to / "content").write_bytes(content)
            (arguments.to / "options").write_text(repr(options))
            print(f"After {counts} not answered; the file is in {arguments.to}.", file=sys.stderr)
            raise
        finally:
            signal.alarm(0)
        took = time.process_time() - begin
        if took > slowest and took > _SLOW:
            arguments.to.mkdir(parents=True, exist_ok=True)
            (arguments.to / "slow").write_bytes(content)
            (arguments.to / "slow-options").write_text(repr(options))
        slowest = max(slowest, took)
    total = sum(counts.values())
    print(f"{total:,} files, {counts}; slowest {slowest:.1f} s; no exception but UploadError.")
    return 0


def _answer(chance: random.Random, content: bytes, options: Options) -> str:
    try:
        sheet = data.read(content, options)
        # Labels that can be one, mostly.
        likely = [c for c in sheet.columns if 2 <= c.n_values <= 40 and chance.random() < 0.9]
        label = chance.choice(likely or sheet.columns)
        for column in sheet.columns[:20]:
            assert column.cell(0) is not None
            assert column.kind
        features = [c.name for c in sheet.columns if c is not label and chance.random() < 0.8]
        made = prepare(
            sheet,
            label.name,
            chance.choice([None, features]),
            small=chance.choice(["refuse", "leave out", "leave out", "join"]),
            group=chance.choice([None, None, chance.choice(sheet.columns).name]),
        )
    except UploadError as error:
        if not str(error).endswith("."):
            raise ValueError("A refusal is a sentence.") from error
        return "refused"
    assert len(made.table.feature_names) >= 2
    return "read"


def _make_seeds() -> list[bytes]:
    table = pyarrow.table({"x": [1.5, None] * 30, "n": list(range(60)), "k": ["a", "b", None] * 20})
    files = [uploads.SAMPLE.read_bytes(), BOOK]
    for compression in ("snappy", "gzip", "none"):
        written = io.BytesIO()
        parquet.write_table(table, written, compression=compression)
        files.append(written.getvalue())
    files += [file.content for file in messy.make_corpus()]
    files += [file.content for file in unseen.make_unseen(0, 60)]
    files += [content for make, _ in HOSTILE.values() if len(content := make()) < 20_000]
    return files


def _change(chance: random.Random, seeds: list[bytes]) -> bytes:
    # Files that are no text are few, but each way in is a library's.
    content = bytearray(chance.choice(seeds[:5] if chance.random() < 0.2 else seeds))
    for _ in range(chance.choice([1, 1, 1, 2, 3, 8, 30])):
        at = chance.randrange(len(content) + 1)
        to = min(len(content), at + chance.choice([1, 1, 2, 8, 100]))
        match chance.randrange(6):
            case 0:
                content[at:at] = chance.choice(_PIECES)
            case 1:
                del content[at:to]
            case 2:
                content[at:at] = content[at:to] * chance.choice([1, 2, 20])
            case 3:
                # Bytes below 32 end the reading at once: mostly others.
                lowest = chance.choice([0, 32, 32, 32])
                content[at:to] = bytes(chance.randrange(lowest, 127) for _ in range(at, to))
            case 4:
                other = chance.choice(seeds)
                begin = chance.randrange(len(other) + 1)
                content[at:at] = other[begin : begin + 500]
            case 5:
                old, new = chance.choice(_PIECES), chance.choice(_PIECES)
                content = bytearray(content.replace(old, new, chance.choice([1, 10, -1])))
        if len(content) > 200_000:
            del content[200_000:]
    return bytes(content)


def _choose(chance: random.Random) -> Options:
    given = {k: chance.choice(v) for k, v in _SETTINGS.items() if chance.random() < 0.03}
    return Options(**given, max_bytes=MAX_BYTES)  # type: ignore[arg-type]


def _give_up(*_: object) -> None:
    raise TimeoutError(f"A file took more than {_PATIENCE} s.")


if __name__ == "__main__":
    sys.exit(main())
