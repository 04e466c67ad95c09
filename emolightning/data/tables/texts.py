"""Bytes -> lines of text: UTF-8, or UTF-16 with its mark; LF, CRLF or CR; what is neither is named with its line."""

import codecs
from collections.abc import Iterator
from io import BytesIO, TextIOWrapper
from pathlib import Path

from emolightning.errors import UserError

MARKS = ((codecs.BOM_UTF32_LE, "utf-32"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))

MOST = 50
"""Wrong bytes of a line that are looked at."""
REMEDY = "save the file as 'CSV UTF-8'"


class Lines:
    """The lines of a text file, each with LF at its end; those that cannot be decoded are kept in mind.

    Args:
        data: the whole file.
    """

    def __init__(self, data: bytes):
        self.broken: dict[int, dict[int, int]] = {}
        """Line -> places in the file and values of its wrong bytes; filled while lines are taken."""
        self.first_problem = ""
        self.skipped = 0
        self.data = self._as_utf8(data)
        self.are_sound = _is_utf8(self.data)

    def __iter__(self) -> Iterator[str]:
        """The lines, one after the other; the last one may have no end."""
        if not self.are_sound:
            return self._with_broken()
        # What `_with_broken` makes of each line, for a file that has none of them.
        sound = self.data.replace(b"\r\n", b"\n").removesuffix(b"\r")
        return TextIOWrapper(BytesIO(sound), encoding="utf-8", newline="\n")

    def _with_broken(self) -> Iterator[str]:
        offset = self.skipped
        # Split at "\n" only: str.splitlines also cuts at characters that a transcript may contain, e.g. U+2028.
        for number, raw in enumerate(BytesIO(self.data), start=1):
            try:
                text = raw.decode()
            except UnicodeDecodeError:
                self.broken[number] = {offset + place: raw[place] for place in _wrong_bytes(raw)}
                text = raw.decode(errors="replace")
            offset += len(raw)
            yield text.removesuffix("\n").removesuffix("\r") + "\n"

    def problems(self) -> list[tuple[int, str]]:
        """A problem for each line that could not be decoded, all with the words of the first."""
        if self.first_problem:
            return [(1, self.first_problem)]
        if not self.broken:
            return []
        place, value = next(iter(next(iter(self.broken.values())).items()))
        values = sorted({wrong for places in self.broken.values() for wrong in places.values()})
        meant = {wrong: bytes([wrong]).decode("cp1252", "ignore") for wrong in values}
        guess = ""
        if all(meant.values()):  # else it is another encoding
            some = ", ".join(f"0x{wrong:02x} is {meant[wrong]}" for wrong in values[:8])
            guess = f"; in Windows-1252 {some}" + (", ..." if len(values) > 8 else "")
        text = f"byte {place} of the file (0x{value:02x}) is not UTF-8{guess}; {REMEDY}"
        return [(line, text) for line in self.broken]

    def _as_utf8(self, data: bytes) -> bytes:
        for mark, encoding in MARKS:
            if data.startswith(mark):
                try:
                    data = data.decode(encoding).encode()
                except UnicodeError as error:
                    self.first_problem = f"the file begins as {encoding.upper()}, but {error}; {REMEDY}"
                    return b""
                break
        else:
            if b"\0" in data[:1000]:
                self.first_problem = f"the file holds zero bytes: it is no text, or UTF-16 without its mark; {REMEDY}"
                return b""
        self.skipped = len(codecs.BOM_UTF8) if data.startswith(codecs.BOM_UTF8) else 0
        data = data[self.skipped :]
        return data if b"\n" in data else data.replace(b"\r", b"\n")


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


def _wrong_bytes(raw: bytes) -> list[int]:
    """The places of the first bytes that are not part of a character in UTF-8."""
    found: list[int] = []
    place = 0
    while len(found) < MOST:
        try:
            raw[place:].decode()
        except UnicodeDecodeError as error:
            found.append(place + error.start)
            place += error.end
        else:
            break
    return found


def read_text(path: Path) -> str:
    """The whole of a text file, its lines ended by LF.

    Raises:
        UserError: the file is no text that can be decoded.
    """
    lines = Lines(path.read_bytes())
    text = "".join(lines).removesuffix("\n")
    if problems := lines.problems():
        line, problem = problems[0]
        raise UserError(f"{path}: line {line}: {problem}")
    return text
