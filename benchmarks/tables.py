"""Outcomes as text: for a terminal, and in Markdown."""

from benchmarks import Claim, Outcome


def plain(outcome: Outcome) -> str:
    """Return the title, a table in columns and the claims."""
    table = _table(outcome)
    widths = [max(len(row[column]) for row in table) for column in range(len(table[0]))]
    lines = [
        "  ".join(
            # The first column names the row, the others are numbers.
            cell.rjust(width) if column else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in table
    ]
    rule = "-" * max(map(len, lines))
    claims = [_said(claim) for claim in outcome.claims]
    return "\n".join([outcome.title, "", lines[0], rule, *lines[1:], "", *claims])


def markdown(outcome: Outcome) -> str:
    """Return the same as Markdown."""
    head, *rows = ("| " + " | ".join(row) + " |" for row in _table(outcome))
    rule = "|" + "|".join(["---", *["---:"] * (len(outcome.rows[0]) - 1)]) + "|"
    claims = [f"- {_said(claim)}" for claim in outcome.claims]
    return "\n".join([outcome.title, "", head, rule, *rows, "", *claims])


def _table(outcome: Outcome) -> list[list[str]]:
    return [list(outcome.rows[0]), *([_cell(v) for v in row.values()] for row in outcome.rows)]


def _cell(value: str | float) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:.3f}" if value == 0 or abs(value) >= 0.001 else f"{value:.1e}"


def _said(claim: Claim) -> str:
    return f"{'holds' if claim.holds else 'FAILS'}: {claim.sentence}"
