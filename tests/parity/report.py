"""A comparison as text: one line for each quantity, then what was not checked and why, then what is absent."""

from parity.comparison import Comparison, Row

LONGEST = 88
"""Width of the first column; a longer name pushes its line out."""


def lines(comparison: Comparison) -> list[str]:
    """What is printed."""
    width = min(LONGEST, max((len(row.name) for row in comparison.rows.values()), default=0))
    printed = [f"{'quantity':<{width}}  {'values':>9}  {'deviation':>9}  {'tolerance':>9}"]
    for row in comparison.rows.values():
        printed += _row(row, width)
    for (name, reason), number in sorted(comparison.unchecked.items()):
        printed.append(f"not checked: {name}{f' ({number})' if number > 1 else ''}: {reason}")
    printed += [f"not checked: absent: {name}" for name in dict.fromkeys(comparison.absent)]
    return [*printed, summary(comparison)]


def summary(comparison: Comparison) -> str:
    """The last line."""
    failed = [row for row in comparison.rows.values() if not row.is_ok]
    values = sum(row.num_values for row in comparison.rows.values())
    head = f"{len(comparison.rows)} quantities, {values} values compared"
    return f"{head}: {len(failed)} FAILED" if failed else f"{head}: all agree"


def _row(row: Row, width: int) -> list[str]:
    deviation = f"{row.deviation:.2g}" if row.tolerance else f"{row.deviation:.0f} differ" if row.deviation else "equal"
    tolerance = f"{row.tolerance:.2g}" if row.tolerance else "equal"
    verdict = "ok" if row.is_ok else "FAILED"
    line = f"{row.name:<{width}}  {row.num_values:>9}  {deviation:>9}  {tolerance:>9}  {verdict}"
    return [line] if row.is_ok else [line, f"    {row.worst}"]
