"""A report as one HTML page: no script, no request, one or two A4 pages, light on ink."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from distill_core.exports.svg import escape


@dataclass(frozen=True)
class Figure:
    """A drawing and what stands below it.

    Parameters
    ----------
    svg : str
        From `svg`: trusted, its texts are escaped.
    caption : str
        Plain text.
    """

    svg: str
    caption: str


@dataclass(frozen=True)
class Report:
    """What a report says; every text is plain and is escaped when it is written.

    Parameters
    ----------
    title : str
        The question.
    asked, found, sure : str
        The first three lines: what was asked, what is recommended or was found, how sure it is.
    figures : sequence of (str, str)
        The large numbers: a value and what it is.
    pictures : sequence of Figure
    table : sequence of sequence of str
        Further numbers, the first row their names.
    method, limits : sequence of str
        What was tested and how; what this does not say.
    settings : mapping of str to str
        The whole setting.
    link : str
        An address that opens it again; empty where there is none.
    command : str
        A command that makes it again; empty where there is none.
    """

    title: str
    asked: str
    found: str
    sure: str
    found_name: str = "Recommended"
    figures: Sequence[tuple[str, str]] = ()
    pictures: Sequence[Figure] = ()
    table: Sequence[Sequence[str]] = ()
    method: Sequence[str] = ()
    limits: Sequence[str] = ()
    settings: Mapping[str, str] = field(default_factory=dict)
    link: str = ""
    command: str = ""


_STYLE = """
@page { size: A4; margin: 14mm 16mm; }
* { box-sizing: border-box; }
body { font: 10.5pt/1.45 system-ui, "Segoe UI", Roboto, sans-serif; color: #1d2026;
  background: #fff; max-width: 178mm; margin: 8mm auto; padding: 0 4mm; }
h1 { font-size: 17pt; line-height: 1.2; margin: 0 0 4mm; }
h2 { font-size: 11.5pt; margin: 5mm 0 1mm; break-after: avoid; }
p, ul { margin: 0 0 2mm; } ul { padding-left: 5mm; }
.first { border-left: 2.5pt solid #be0065; padding-left: 4mm; margin: 0 0 4mm; }
.first div { margin-bottom: 1.5mm; }
.first dt { float: left; width: 35mm; font-weight: 600; }
.first dd { margin: 0 0 0 36mm; overflow-wrap: anywhere; }
.figures { display: flex; flex-wrap: wrap; gap: 3mm 8mm; margin: 0 0 4mm; padding: 0; }
.figures li { list-style: none; max-width: 52mm; }
.figures b { display: block; font-size: 15pt; line-height: 1.2; }
.figures span, figcaption, .small { font-size: 9pt; color: #454b57; }
.pictures { display: flex; flex-wrap: wrap; gap: 4mm; margin-bottom: 3mm; }
figure { margin: 0; flex: 1 1 80mm; max-width: 120mm; break-inside: avoid; }
.pictures figure:only-child { margin: 0 auto; }
figure svg { width: 100%; height: auto; display: block; }
table { border-collapse: collapse; width: 100%; font-size: 9.5pt; break-inside: avoid; }
th, td { text-align: left; padding: .6mm 2mm .6mm 0; border-bottom: .4pt solid #d5d8de;
  vertical-align: top; overflow-wrap: anywhere; font-weight: 400; }
thead th { font-weight: 600; }
.settings { columns: 2; column-gap: 8mm; margin: 0; font-size: 9pt; }
.settings div { break-inside: avoid; display: flex; gap: 2mm; }
.settings dt { color: #454b57; flex: 0 0 32mm; }
.settings dd { margin: 0; overflow-wrap: anywhere; }
a { color: #0b4f8a; overflow-wrap: anywhere; } code { overflow-wrap: anywhere; font-size: 8.5pt; }
@media (max-width: 600px) { .first dt { float: none; } .first dd { margin: 0; }
  .settings { columns: 1; } }
@media print { body { margin: 0; padding: 0; max-width: none; font-size: 9.5pt; }
  figure { max-width: 96mm; } }
"""
# Nothing runs and nothing is fetched, even if a text should ever slip through.
_POLICY = "default-src 'none'; style-src 'unsafe-inline'"


def write_html(report: Report) -> str:
    """Return the page."""
    first = "".join(
        f"<div><dt>{name}</dt><dd>{escape_long(text)}</dd></div>"
        for name, text in (
            ("Asked", report.asked),
            (escape(report.found_name), report.found),
            ("How sure", report.sure),
        )
    )
    parts = [f"<h1>{escape_long(report.title)}</h1><dl class='first'>{first}</dl>"]
    if report.figures:
        items = (
            f"<li><b>{escape(value)}</b><span>{escape_long(what)}</span></li>"
            for value, what in report.figures
        )
        parts.append(f"<ul class='figures'>{''.join(items)}</ul>")
    if report.pictures:
        drawn = (
            f"<figure>{one.svg}<figcaption>{escape_long(one.caption)}</figcaption></figure>"
            for one in report.pictures
        )
        parts.append(f"<div class='pictures'>{''.join(drawn)}</div>")
    if report.table:
        parts.append(_write_table(report.table))
    for name, sentences in (
        ("What was tested, and how", report.method),
        ("What this does not say", report.limits),
    ):
        if sentences:
            items = (f"<li>{escape_long(sentence)}</li>" for sentence in sentences)
            parts.append(f"<h2>{name}</h2><ul>{''.join(items)}</ul>")
    if report.settings:
        rows = (
            f"<div><dt>{escape(name)}</dt><dd>{escape_long(value)}</dd></div>"
            for name, value in report.settings.items()
        )
        parts.append(f"<h2>The whole setting</h2><dl class='settings'>{''.join(rows)}</dl>")
    parts += _write_ways_back(report)
    return (
        "<!doctype html>\n<html lang='en'><head><meta charset='utf-8'>"
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
        "<meta name='viewport' content='width=device-width, initial-scale=1'>"
        f"<title>{escape(report.title)}</title><style>{_STYLE}</style></head>"
        f"<body><main>{''.join(parts)}</main></body></html>\n"
    )


def escape_long(text: str) -> str:
    """Return a text of several sentences escaped; see `escape` for what is done to each."""
    return " ".join(escape(word) for word in text.split())


def _write_table(rows: Sequence[Sequence[str]]) -> str:
    head = "".join(f"<th scope='col'>{escape(cell)}</th>" for cell in rows[0])
    body = "".join(
        f"<tr><th scope='row'>{escape(row[0])}</th>"
        + "".join(f"<td>{escape(cell)}</td>" for cell in row[1:])
        + "</tr>"
        for row in rows[1:]
    )
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _write_ways_back(report: Report) -> list[str]:
    parts = []
    if report.link and urlsplit(report.link).scheme in ("http", "https"):
        link = escape_long(report.link)
        parts.append(f"<p class='small'>Opens it again: <a href='{link}'>{link}</a></p>")
    if report.command:
        parts.append(
            f"<p class='small'>Makes it again: <code>{escape_long(report.command)}</code></p>"
        )
    return parts
