"""The lines of a file, whatever is in it, in bounded memory; and the lines that belong together."""

import codecs
import io
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from typing import BinaryIO, Generic, NamedTuple, Protocol, TypeVar

from consumers.consumer import Unreadable
from domain.errors import Invalid

LONGEST_LINE = 65_536
LINES_A_REPORT = 500
# Lines within which the parts of an interrupted group must begin.
WINDOW = 1_000
MOST_HELD = 8_000
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


R = TypeVar("R", bound=OfALine)


@dataclass(frozen=True, slots=True)
class Read(Generic[R]):
    """A line as far as it was understood: what it belongs to, and its row or why it has none."""

    line: FileLine
    key: str | None
    row: R | None = None
    bad: Bad | None = None


@dataclass(slots=True)
class Group(Generic[R]):
    """The lines of one key, and the bad ones among them. `first` and `last` are line numbers.

    One that is not `whole` has too many lines, and is only a part of them.
    """

    key: str = ""
    first: int = 0
    last: int = 0
    rows: list[R] = field(default_factory=list)
    bad: list[Bad] = field(default_factory=list)
    whole: bool = True

    def __len__(self) -> int:
        return len(self.rows) + len(self.bad)

    def add(self, read: Read[R]) -> None:
        self.last = read.line.number
        if read.row is not None:
            self.rows.append(read.row)
        elif read.bad is not None:
            self.bad.append(read.bad)

    def all_bad(self, why: str, code: str = Invalid.code) -> list[Bad]:
        """Every line: the bad ones for their reasons, the others for this one."""
        return [*self.bad, *(row.bad(why, code) for row in self.rows)]


Related = Callable[[R, R], bool]
"""Whether two rows of one key can be of one group, when others stand between them."""


def groups(
    reads: Iterable[Read[R]], most: int, related: Related[R] = lambda one, other: True
) -> Iterator[Group[R]]:
    """Group by key, in the order of their first lines.

    Lines of others may stand between those of a group: it is closed WINDOW lines behind its last
    one. A line without a key belongs to the group that goes on behind it, if any. At most about
    MOST_HELD lines are held, however many a group has.
    """
    grouping = Grouping(most, related)
    for read in reads:
        yield from grouping.take(read)
    yield from grouping.rest()


class Grouping(Generic[R]):
    """The groups that are still open, oldest first."""

    def __init__(self, most: int, related: Related[R]) -> None:
        self._most = most
        self._related = related
        self._open: deque[Group[R]] = deque()
        self._of: dict[str, Group[R]] = {}
        self._latest: Group[R] = Group()
        self._loose: list[Bad] = []
        self._held = 0

    def take(self, read: Read[R]) -> Iterator[Group[R]]:
        number, key = read.line.number, read.key
        if key is None and read.bad is not None and len(self._loose) < self._most:
            self._loose.append(read.bad)
            return
        group = self._group(read, key or "")
        self._settle_loose(group)
        group.add(read)
        self._held += 1
        self._latest = group
        if len(group) > self._most:
            yield self._part(group)
        opened = self._open
        while opened and (opened[0].last + WINDOW < number or self._held > MOST_HELD):
            yield self._close()

    def rest(self) -> Iterator[Group[R]]:
        self._settle_loose(None)
        while self._open:
            yield self._close()

    def _group(self, read: Read[R], key: str) -> Group[R]:
        known = self._of.get(key)
        if known is not None and self._goes_on(known, read):
            return known
        group: Group[R] = Group(key, read.line.number, read.line.number)
        self._of[key] = group
        self._settle_loose(group)
        self._open.append(group)
        return group

    def _goes_on(self, group: Group[R], read: Read[R]) -> bool:
        if group is self._latest:
            return True
        near = read.line.number <= group.last + WINDOW
        return near and (
            read.row is None or not group.rows or self._related(group.rows[-1], read.row)
        )

    def _settle_loose(self, group: Group[R] | None) -> None:
        """Lines without a key are of the group around them, or alone."""
        if not self._loose:
            return
        if group is self._latest:
            group.bad += self._loose
        else:
            self._open.append(Group(bad=self._loose, last=self._loose[-1].line.number))
        self._held += len(self._loose)
        self._loose = []

    def _close(self) -> Group[R]:
        group = self._open.popleft()
        self._held -= len(group)
        if self._of.get(group.key) is group:
            del self._of[group.key]
        return group

    def _part(self, group: Group[R]) -> Group[R]:
        """What a group that is too long holds, which makes room for its next lines."""
        group.whole = False
        part = Group(group.key, group.first, group.last, group.rows, group.bad, whole=False)
        group.rows, group.bad = [], []
        self._held -= len(part)
        return part


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
