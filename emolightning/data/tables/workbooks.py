"""Excel workbooks with one table -> records of fields; cells become the texts that one sees."""

import datetime
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from emolightning.data.tables.kinds import SAVE_AS_CSV
from emolightning.errors import UserError

LARGEST = 200 * 2**20
"""Bytes of an unpacked workbook; a small file can hide any number of them."""


def workbook_records(path: Path, problems: list[tuple[int, str]]) -> Iterator[tuple[int, int, list[str]]]:
    """Yield the rows of the only sheet with cells.

    Args:
        path: `.xlsx`.
        problems: gets cells that hold a date, which is what Excel makes of some names.

    Raises:
        UserError: the workbook cannot be read, or several sheets have cells.
    """
    sheets = {name: rows for name, rows in _sheets(path).items() if rows}
    if len(sheets) > 1:
        raise UserError(
            f"{path}: has {len(sheets)} sheets with cells, {list(sheets)}; save the one that is meant alone"
        )
    rows = next(iter(sheets.values()), [])
    width = max((len(cells) for _, cells in rows), default=0)
    for number, cells in rows:
        fields = []
        for cell in (*cells, *[None] * (width - len(cells))):
            if isinstance(cell, datetime.date | datetime.time | datetime.timedelta):
                problems.append((number, f"{str(cell)!r} is a date or time in the workbook; format the cells as text"))
            fields.append(_text(cell))
        yield number, number, fields


def _sheets(path: Path) -> dict[str, list[tuple[int, tuple[Any, ...]]]]:
    """Sheet -> number and cells of every row that has any."""
    import openpyxl

    try:
        with zipfile.ZipFile(path) as archive:
            if sum(item.file_size for item in archive.infolist()) > LARGEST:
                raise UserError(f"{path}: is larger than {LARGEST} bytes when it is unpacked; {SAVE_AS_CSV}")
        book = openpyxl.load_workbook(path, read_only=True, data_only=True)
        found = {}
        for sheet in book.worksheets:
            sheet.reset_dimensions()  # Some programs write wrong ones.
            rows = enumerate(sheet.iter_rows(values_only=True), start=1)
            found[sheet.title] = [
                (number, cells) for number, cells in rows if any(_text(cell).strip() for cell in cells)
            ]
        book.close()
    except UserError:
        raise
    except Exception as error:  # openpyxl has no base class for what a damaged file makes it raise
        raise UserError(f"{path}: cannot be read as an Excel workbook ({error}); {SAVE_AS_CSV}") from error
    return found


def _text(cell: object) -> str:
    if cell is None:
        return ""
    if isinstance(cell, float) and cell.is_integer() and abs(cell) < 2**53:
        return str(int(cell))
    return str(cell)
