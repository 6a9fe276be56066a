"""What parts the columns of a text and what encloses its cells, seen in its first lines."""

import re
from collections import Counter
from dataclasses import dataclass

from distill_core.data.sheets import Decision, UploadError

DELIMITERS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "vertical bars", " ": "spaces"}
# Taken only if none of the others parts anything.
_RARE = {"^": "carets", "~": "tildes", ":": "colons"}
# Characters of the text that are looked at.
_SAMPLE = 10_000
# Letters of a word that are looked at.
_LONGEST = 60
_LONG_WORD = re.compile(rf"\w{{{_LONGEST},}}")
_SEP_LINE = re.compile(r"\s*\"?sep=(.)\"?\s*[;,\t]*\s*", re.IGNORECASE)


@dataclass(frozen=True)
class Dialect:
    """What parts columns, encloses cells and stands before a quotation mark inside one.

    Parameters
    ----------
    delimiter : str
        One character; a space stands for any number of them.
    quote : str
        One character.
    escape : str, optional
        One character; None: a quotation mark inside a cell is written twice.
    """

    delimiter: str
    quote: str = '"'
    escape: str | None = None


def read_sep_line(line: str) -> str | None:
    """Return the delimiter that a first line such as `sep=;` names."""
    found = _SEP_LINE.fullmatch(line)
    return found[1] if found else None


def detect(sample: str, chosen: str | None = None) -> tuple[Dialect, list[Decision]]:
    """Return the dialect of a text by its first lines, and what is said about it."""
    lines = [line for line in sample[:_SAMPLE].splitlines() if line.strip()][:100]
    if len(sample) > _SAMPLE and len(lines) > 1:
        # The last one may have been cut.
        lines.pop()
    found: str | None = None
    sentence = ""
    if chosen is not None:
        if len(chosen) != 1 or chosen in "\r\n\"'":
            raise UploadError(f"A delimiter is one character, such as ',' or ';', got {chosen!r}.")
        found = chosen
    elif lines and (found := read_sep_line(lines[0])):
        sentence = f"The first line, {lines[0].strip()!r}, names the delimiter and is no row."
    if found is None:
        found = _sniff(lines)
    quote, escape = _find_quotes(lines, found)
    if found != "," and not sentence and chosen is None:
        sentence = f"The columns are parted by {DELIMITERS.get(found) or _RARE[found]}."
    outside = [
        re.sub(f"{re.escape(quote)}[^{re.escape(quote)}]*{re.escape(quote)}", "", line)
        for line in lines
    ]
    counts = Counter({d: sum(d in line for line in outside) for d in DELIMITERS if d != found})
    other, often = counts.most_common(1)[0]
    example = next((line.strip()[:60] for line in lines[1:2] or lines), "")
    decisions = [Decision("delimiter", found, sentence, None, example, other if often else None)]
    if quote != '"':
        decisions.append(
            Decision("quote", quote, f"Cells are enclosed in {quote}, not in quotation marks.")
        )
    if escape is not None:
        decisions.append(
            Decision(
                "escape", escape, f"A quotation mark inside a cell is written {escape}{quote}."
            )
        )
    return Dialect(found, quote, escape), decisions


def _sniff(lines: list[str]) -> str:
    """Return the delimiter that makes the most regular table of well-known cells.

    Rows and types are weighed by clevercsv (van den Burg, Nazabal, Sutton 2019, "Wrangling
    messy CSV files by detecting row and type patterns").
    """
    import clevercsv

    # The time for a word grows with the square of its length, and long ones say nothing more.
    lines = [_LONG_WORD.sub(lambda found: found[0][:_LONGEST], line) for line in lines]
    usual = [d for d in DELIMITERS if any(d in line for line in lines)]
    likely = [d for d in usual if d != " "]
    for delimiters in (likely, usual, list(_RARE)):
        if not delimiters:
            continue
        found = clevercsv.Detector().detect("\n".join(lines), delimiters=delimiters)
        # What stands in the cells may be more striking than the spaces between them.
        between = str(found.delimiter) if found is not None else ""
        if between in likely and not _is_regular(lines, between) and _is_regular(lines, " "):
            return " "
        # Prose has spaces and commas too, but no columns.
        if (
            found is not None
            and found.delimiter in delimiters
            and (found.delimiter in (",", ";", "\t", "|") or _is_regular(lines, found.delimiter))
        ):
            return str(found.delimiter)
    return max(likely, key=lambda d: sum(d in line for line in lines)) if likely else ","


def _is_regular(lines: list[str], delimiter: str) -> bool:
    """Return whether nearly all lines have as many cells."""
    bare = [re.sub('"[^"]*"', "x", line) for line in lines]
    counts = Counter(len(line.split(None if delimiter == " " else delimiter)) for line in bare)
    width, often = counts.most_common(1)[0]
    return width > 1 and len(lines) > 3 and often >= 0.9 * len(lines)


def _find_quotes(lines: list[str], delimiter: str) -> tuple[str, str | None]:
    """Return what encloses cells, and what stands before a quotation mark inside one."""
    text = "\n".join(lines)
    part = re.escape(delimiter)

    def count_enclosed(quote: str) -> int:
        # Cells that begin and end with it: it's is none.
        cell = rf"(?:^|{part}) *{quote}[^{quote}\n]*{quote} *(?={part}|$)"
        return len(re.findall(cell, text, re.MULTILINE))

    single, double = count_enclosed("'"), count_enclosed('"')
    quote = "'" if single > 2 * double and single >= max(2, len(lines) // 4) else '"'
    escaped = text.count(f"\\{quote}")
    doubled = len(re.findall(f"[^{part}\n]{quote * 2}[^{part}\n]", text))
    return quote, "\\" if escaped > doubled else None
