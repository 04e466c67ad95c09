"""What a file is by its first bytes, whatever its name says; files that hold no table are named."""

import re
import zipfile
from io import BytesIO
from pathlib import Path
from typing import Literal

from emolightning.errors import UserError

Kind = Literal["delimited", "json", "workbook"]

JSON_SUFFIXES = (".jsonl", ".json", ".ndjson")
WORKBOOK_SUFFIXES = (".xlsx", ".xlsm")
TABLE_SUFFIXES = (".csv", ".tsv", ".tab", *JSON_SUFFIXES, *WORKBOOK_SUFFIXES)
"""Suffixes of tables, where other files of the same meaning are not tables."""

SAVE_AS_CSV = "save it as 'CSV UTF-8'"

SIGNATURES = (
    (
        rb"\xd0\xcf\x11\xe0",
        f"is an old or a protected Excel workbook; save it as .xlsx without a password, or {SAVE_AS_CSV}",
    ),
    (rb"PAR1", "is a Parquet file; write it as CSV, e.g. with pandas: read_parquet(...).to_csv(..., index=False)"),
    (rb"\x1f\x8b", "is packed with gzip; unpack it first"),
    (rb"\x80[\x02-\x05]", "is a pickle, which is never loaded; write it as CSV or JSONL"),
    (rb"%PDF", "is a PDF; give a CSV or JSONL file"),
    (rb"\{\\rtf", f"is a text with formatting (RTF); {SAVE_AS_CSV}, or as plain text"),
    (rb"version https://git-lfs", "is a pointer of Git LFS, not the file itself; fetch it with `git lfs pull`"),
    (
        rb"(?i)(?:\xef\xbb\xbf)?\s*<(?:!doctype|html|\?xml|head|body|table)",
        "is an HTML or XML page, not a table; download the file itself (a page to log in may have been saved)",
    ),
)
"""First bytes -> what the file is, and what to do."""

_JSON_START = re.compile(rb"(?:\xef\xbb\xbf)?\s*(?:\[\s*)?\{\s*(?:\"|\})")


def kind_of(path: Path, data: bytes) -> Kind:
    """How a file is read.

    Raises:
        UserError: it is of a kind that holds no table.
    """
    suffix = path.suffix.lower()
    if data.startswith(b"PK\x03\x04"):
        return _packed(path, data)
    for signature, meaning in SIGNATURES:
        if re.match(signature, data):
            raise UserError(f"{path}: {meaning}")
    if suffix in JSON_SUFFIXES:
        if data.strip() and not re.match(rb"(?:\xef\xbb\xbf|\xff\xfe|\xfe\xff)?[\s\0]*[\[{]", data):
            begin = data[:40].decode("utf-8", "replace")
            raise UserError(f"{path}: holds no JSON, it begins with {begin!r}; if it is a table, rename it to .csv")
        return "json"
    return "json" if _JSON_START.match(data[:200]) else "delimited"


def _packed(path: Path, data: bytes) -> Kind:
    suffix = path.suffix.lower()
    if suffix == ".npz":
        raise UserError(f"{path}: is an archive of arrays, not a table; give a CSV or JSONL file")
    try:
        names = zipfile.ZipFile(BytesIO(data)).namelist()
    except (zipfile.BadZipFile, ValueError, OSError) as error:
        raise UserError(f"{path}: is a damaged zip archive or workbook ({error}); get it again") from error
    if "xl/workbook.xml" in names:
        if suffix in WORKBOOK_SUFFIXES:
            return "workbook"
        raise UserError(f"{path}: is an Excel workbook; rename it to .xlsx, or {SAVE_AS_CSV}")
    if "content.xml" in names:
        raise UserError(f"{path}: is an OpenDocument file; {SAVE_AS_CSV}, or as .xlsx")
    raise UserError(f"{path}: is a zip archive ({', '.join(names[:3])}, ...); unpack it first")
