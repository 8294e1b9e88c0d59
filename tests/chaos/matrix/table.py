"""The table of kills, printed at the end of the session."""

from collections.abc import Sequence

from tests.chaos.matrix.strike import Row

HEAD = ("killed", "story", "target", "where the kill landed", "recovered after", "outcome")


def lines_of(rows: Sequence[Row]) -> list[str]:
    """The rows in columns, and what they add up to."""
    cells = [
        (
            row.victim,
            row.scenario,
            row.target,
            row.landed + (f" (try {row.tries})" if row.tries > 1 else ""),
            f"{row.seconds:.1f} s",
            row.outcome,
        )
        for row in rows
    ]
    widths = [max(len(line[column]) for line in [HEAD, *cells]) for column in range(len(HEAD))]
    lines = ["  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)) for line in [HEAD, *cells]]
    lines.insert(1, "  ".join("-" * width for width in widths))
    return [*(line.rstrip() for line in lines), "", *_sums(rows)]


def _sums(rows: Sequence[Row]) -> list[str]:
    sums = []
    for victim in dict.fromkeys(row.victim for row in rows):
        seconds = sorted(row.seconds for row in rows if row.victim == victim)
        sums.append(
            f"{victim}: {len(seconds)} targets, recovered after {seconds[len(seconds) // 2]:.1f} s (median),"
            f" {seconds[-1]:.1f} s (longest)"
        )
    return sums
