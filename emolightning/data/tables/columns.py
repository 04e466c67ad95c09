"""What is wrong with the names of a table's columns."""

from collections.abc import Mapping, Sequence

from emolightning.config.problems import closest


def column_faults(
    columns: Sequence[str], found: Sequence[str], *, settings: Mapping[str, str] | None = None
) -> list[str]:
    """A sentence for each column that is not there, or there twice.

    Args:
        columns: names that are needed.
        found: names in the file.
        settings: column -> the setting that says how a file calls it, where there is one.

    >>> column_faults(["id", "truth"], ["ID", "truth"])
    ["no column 'id'; did you mean 'ID'?"]
    """
    faults = [f"column {column!r} is there twice" for column in columns if found.count(column) > 1]
    for column in columns:
        if column not in found:
            near = closest(column, found)
            hint = f"did you mean {near!r}?" if near else f"the file has {list(found[:12])}"
            setting = (settings or {}).get(column)
            remedy = f"; if it has another name, say {setting}={near or 'NAME'}" if setting else ""
            faults.append(f"no column {column!r}; {hint}{remedy}")
    return faults
