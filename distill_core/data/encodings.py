"""Which encoding a file of text is in; every byte is looked at before anything is read."""

import codecs
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from distill_core.data.sheets import Decision, UploadError

# Encodings of host names and of program text.
_NOT_OF_FILES = ("idna", "punycode", "undefined", "unicode-escape", "raw-unicode-escape", "utf-7")
# Bytes looked at at once, and those by which an encoding is guessed.
_CHUNK = 1 << 20
_SAMPLE = 1 << 16
_MARKS_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_CONTROL = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
NAMES = {
    "utf-8-sig": "UTF-8",
    "utf-16": "UTF-16",
    "utf-16-le": "UTF-16, little end first",
    "utf-16-be": "UTF-16, big end first",
    "cp1252": "Windows-1252",
    "cp1250": "Windows-1250",
    "iso8859-2": "Latin-2",
    "gb18030": "GB18030",
    "cp932": "Shift-JIS",
    "cp1251": "Windows-1251",
    "euc_kr": "EUC-KR",
    "big5": "Big5",
}
# Those that are guessed, and what the guesser calls them.
_GUESSED = {
    "cp1252": "windows-1252",
    "cp1250": "windows-1250",
    "iso8859-2": "iso-8859-2",
    "gb18030": "gb18030",
    "cp932": "cp932",
    "cp1251": "windows-1251",
}
# Confidence below which a guess is none.
_FEWEST = 0.005
# What may be a word with letters beyond ASCII, in whatever encoding.
_WORDS = re.compile(rb"[A-Za-z]*(?:[\x80-\xff][\x40-\xff]?)+[A-Za-z]*")
_HIGH = re.compile(rb"[\x80-\xff]+")
# The 3,755 commonest Chinese characters have two bytes above ASCII each.
_COMMON_CHINESE = re.compile(rb"(?:[\xb0-\xd7][\xa1-\xfe])+")


@dataclass(frozen=True)
class Text:
    """How a file is to be decoded, how many lines it has, and what is said about it."""

    encoding: str
    n_lines: int
    decisions: tuple[Decision, ...]


def detect(file: BinaryIO, chosen: str | None = None) -> Text:
    """Look at a whole file, chunk by chunk, and return its encoding.

    Raises UploadError when it is no text, or not in the encoding that was chosen.
    """
    head = file.read(_SAMPLE)
    file.seek(0)
    encoding = _known(chosen) if chosen else _marked(head)
    if encoding == "utf-32":
        raise UploadError(
            "The file is in UTF-32, or not a CSV file at all. Save it again as UTF-8; spreadsheet "
            'programs call this "CSV UTF-8".'
        )
    if chosen and encoding == "utf-16" and not head.startswith(_MARKS_16):
        # The mark may be missing, the order of the bytes is then seen in them.
        encoding = _marked(head) or encoding
    if encoding is not None and encoding.startswith("utf-16"):
        return _check_wide(file, encoding, chosen)
    n_lines = _check_bytes(file)
    file.seek(0)
    if encoding is None or encoding == "utf-8-sig":
        wrong = _find_error(file, "utf-8-sig")
        if wrong is None:
            return Text("utf-8-sig", n_lines, (Decision("encoding", "UTF-8", other="cp1252"),))
        if chosen:
            raise UploadError(_no_text("UTF-8", wrong))
        file.seek(0)
        encoding = _guess(file, wrong)
    file.seek(0)
    if chosen and (wrong := _find_error(file, encoding)) is not None:
        raise UploadError(_no_text(NAMES.get(encoding, encoding), wrong))
    name = NAMES.get(encoding, encoding)
    example, other = _find_example(file, encoding), _next_likely(encoding)
    shown = f", as in {example!r}" if example else ""
    sentence = f"The file is not in UTF-8; it was read as {name}{shown}."
    return Text(
        encoding, n_lines, (Decision("encoding", name, sentence, example=example, other=other),)
    )


def _known(name: str) -> str:
    try:
        found = codecs.lookup(name)
    except LookupError:
        raise UploadError(
            f"There is no encoding called {name!r}; usual ones are 'utf-8', 'cp1252', 'utf-16', "
            "'gb18030', 'shift_jis', 'iso8859-2'."
        ) from None
    if not found._is_text_encoding or found.name in _NOT_OF_FILES:
        raise UploadError(f"{name!r} is no encoding of text; choose for example 'utf-8'.")
    usual = {"utf-8": "utf-8-sig", "shift_jis": "cp932"}
    return usual.get(found.name, found.name)


def _marked(head: bytes) -> str | None:
    """Return the encoding that the first bytes name, or that is plain from zeros in between."""
    for mark, encoding in _MARKS:
        if head.startswith(mark):
            return encoding
    even, odd = head[0::2], head[1::2]
    if len(head) < 8 or b"\0" not in head:
        return None
    # Letters, digits and delimiters have one zero byte each, always on the same side.
    if odd.count(0) > 0.3 * len(odd) and even.count(0) == 0:
        return "utf-16-le"
    if even.count(0) > 0.3 * len(even) and odd.count(0) == 0:
        return "utf-16-be"
    return None


def _chunks(file: BinaryIO) -> Iterator[bytes]:
    while chunk := file.read(_CHUNK):
        yield chunk


def _check_wide(file: BinaryIO, encoding: str, chosen: str | None) -> Text:
    decoder, n_lines = codecs.getincrementaldecoder(encoding)(), 0
    try:
        for chunk in _chunks(file):
            text = decoder.decode(chunk)
            _refuse_control(_CONTROL.search(text.encode("ascii", "replace")), n_lines, text)
            n_lines += max(text.count("\n"), text.count("\r"))
        decoder.decode(b"", final=True)
    except UnicodeError:
        # Not a decoding error if only the mark is missing.
        raise UploadError(
            _no_text(NAMES[encoding], n_lines + 1)
            if chosen
            else f"The file begins like {NAMES[encoding]} but is not: around line {n_lines + 1:,} "
            "it cannot be read. Save it again as UTF-8."
        ) from None
    sentence = "" if chosen else f"The file is in {NAMES[encoding]}."
    return Text(encoding, n_lines, (Decision("encoding", NAMES[encoding], sentence),))


def _check_bytes(file: BinaryIO) -> int:
    feeds = returns = 0
    for chunk in _chunks(file):
        if control := _CONTROL.search(chunk):
            _refuse_control(control, feeds, chunk.decode("latin-1"))
        feeds += chunk.count(b"\n")
        returns += chunk.count(b"\r")
    return max(feeds, returns)


def _refuse_control(control: re.Match[bytes] | None, n_lines: int, text: str) -> None:
    if control is None:
        return
    line = n_lines + text.count("\n", 0, control.start()) + 1
    what = "NUL bytes" if control[0] == b"\0" else "control characters"
    raise UploadError(
        f"The file has {what} (first in line {line:,}), so it is not a CSV file in UTF-8. "
        'Spreadsheet programs can save a sheet as "CSV UTF-8".'
    )


def _find_error(file: BinaryIO, encoding: str) -> int | None:
    """Return the line of the first bytes that an encoding does not have, None if there are none."""
    decoder, n_lines = codecs.getincrementaldecoder(encoding)(), 0
    for chunk in _chunks(file):
        try:
            decoder.decode(chunk)
        except UnicodeDecodeError as error:
            return n_lines + chunk.count(b"\n", 0, error.start) + 1
        n_lines += chunk.count(b"\n")
    try:
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return n_lines + 1
    return None


def _guess(file: BinaryIO, wrong: int) -> str:
    """Return the encoding of a file that is not in UTF-8, by the words in its first lines."""
    sample = b""
    # Lines of plain letters say nothing.
    for line in file:
        if not line.isascii():
            sample += line[:2000]
        if len(sample) > _SAMPLE:
            break
    for encoding in _rank(sample):
        file.seek(0)
        if _find_error(file, encoding) is None:
            return encoding
    raise UploadError(_no_text("UTF-8", wrong))


def _no_text(name: str, line: int) -> str:
    return f"The file is not text in {name} (first in line {line:,}). Save it again as UTF-8."


def _find_example(file: BinaryIO, encoding: str) -> str:
    """Return a word with a letter that shows the encoding."""
    file.seek(0)
    for line in file:
        if not line.isascii():
            text = line[:2000].decode(encoding, "ignore")
            for word in re.findall(r"\w+", text):
                if not word.isascii():
                    return word[:30]
    return ""


def _next_likely(encoding: str) -> str:
    return "cp1250" if encoding == "cp1252" else "cp1252"


def _rank(sample: bytes) -> list[str]:
    """Return the encodings that a sample may be in, likeliest first.

    Western ones come first unless another fits twice as well: they are by far the most.
    """
    import chardet

    words = b" ".join(_WORDS.findall(sample))
    found = (
        chardet.detect_all(words, ignore_threshold=True, include_encodings=_GUESSED.values())
        if words
        else []
    )
    fits = {str(one["encoding"]).lower(): float(one["confidence"]) for one in found}
    score = {encoding: fits.get(name, 0.0) for encoding, name in _GUESSED.items()}
    clean = not _is_garbled(words)
    score["cp1252"] = max(
        score["cp1252"] * (2 if clean else 0.5), 4 * _FEWEST if clean else _FEWEST
    )
    if _is_garbled(words, "cp1250"):
        score["cp1250"] *= 0.5
    if _has_kana(words):
        score["cp932"] = 1.0
    elif all(map(_COMMON_CHINESE.fullmatch, runs := _HIGH.findall(words))) and len(runs) > 1:
        score["gb18030"] = 1.0
    return sorted((e for e in score if score[e] >= _FEWEST), key=score.__getitem__, reverse=True)


def _is_garbled(words: bytes, encoding: str = "cp1252") -> bool:
    """Return whether words would have signs between letters: they are in another encoding."""
    text = words.decode(encoding, "replace")
    return any(
        not c.isascii() and not c.isalpha() and c not in "’´·" and a.isalpha() and b.isalpha()
        for a, c, b in zip(text, text[1:], text[2:], strict=False)
    )


def _has_kana(words: bytes) -> bool:
    """Return whether these are Japanese words: few of their signs are in no other encoding."""
    try:
        text = [c for c in words.decode("cp932") if not c.isascii()]
    except UnicodeDecodeError:
        return False
    return sum("\u3041" <= c <= "\u30fe" for c in text) >= max(2, 0.2 * len(text))
