"""The lines of a file, whatever is in it, in bounded memory."""

import codecs
import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import BinaryIO, NamedTuple, Protocol

from consumers.consumer import Unreadable
from domain.errors import Invalid

LONGEST_LINE = 65_536
LINES_A_REPORT = 500
MARKS = {
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}

Progress = Callable[[int, int], None]
"""Is told how many lines and bytes have been read."""


class UnreadableFile(Exception):
    """The file as a whole is not in the format that was named; nothing was done."""


@dataclass(frozen=True, slots=True)
class FileLine:
    """A line, without its end; bytes that are no text stand in it as lone surrogates.

    Of one that is too long only the beginning is kept.
    """

    number: int
    text: str
    cut: bool = False

    @property
    def blank(self) -> bool:
        """Nothing but blanks and separators, as spreadsheets write below their last row."""
        return not self.text.strip(' \t,;|"')


class Bad(NamedTuple):
    """A line that is left out, why, and what is known of it.

    `value` is what it would have added to net revenue, in minor units.
    """

    line: FileLine
    why: str
    code: str = Invalid.code
    reference: str | None = None
    sku: str | None = None
    quantity: int | None = None
    value: Decimal | None = None
    currency: str | None = None


class OfALine(Protocol):
    """Something that was read from a line and knows it."""

    line: FileLine

    def bad(self, why: str, code: str = Invalid.code) -> Bad:
        """The line, left out for this reason."""
        ...


def read_lines(
    file: BinaryIO,
    progress: Progress,
    longest: int = LONGEST_LINE,
    encoding: str | None = None,
) -> Iterator[FileLine]:
    """The lines of a file, whatever ends them, never more of one than `longest` characters.

    It is UTF-8, or what its first bytes say, or `encoding`.
    """
    text = _opened(file, encoding)
    number = 0
    try:
        while said := text.readline(longest):
            number += 1
            cut = len(said) == longest and said[-1] != "\n"
            yield FileLine(number, said.rstrip("\n"), cut)
            while cut and (rest := text.readline(longest)):
                cut = rest[-1] != "\n"
            if number % LINES_A_REPORT == 0:
                progress(number, file.tell())
    except UnicodeDecodeError as error:
        raise UnreadableFile(f"Behind line {number} the file is not {error.encoding}.") from None
    finally:
        if not file.closed:
            progress(number, file.tell())
            text.detach()


def _opened(file: BinaryIO, encoding: str | None) -> io.TextIOWrapper:
    begins = file.read(4)
    file.seek(0)
    marked = next((name for mark, name in MARKS.items() if begins.startswith(mark)), None)
    errors = "surrogatepass" if marked else "surrogateescape"
    try:
        return io.TextIOWrapper(file, marked or encoding or "utf-8-sig", errors)
    except LookupError:
        raise UnreadableFile(f"There is no encoding of text that is called {encoding}.") from None


def text_of(line: FileLine) -> str:
    """Raises Unreadable for what cannot be text."""
    if line.cut:
        raise Unreadable("the line is too long")
    text = line.text
    if "\0" in text:
        raise Unreadable("the line holds a NUL byte: UTF-16 has to begin with its mark")
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError:
            raise Unreadable(
                "the line is not UTF-8: name the encoding of the file, such as iso-8859-1"
            ) from None
    return text
