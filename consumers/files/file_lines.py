"""The lines of a file, whatever is in it, in bounded memory; and the lines that belong together."""

import csv
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import BinaryIO, Generic, Protocol, TypeVar

from consumers.consumer import Unreadable

LONGEST_LINE = 65_536
LINES_A_REPORT = 500

Progress = Callable[[int, int], None]
"""Is told how many lines and bytes have been read."""


class UnreadableFile(Exception):
    """The file as a whole is not in the format that was named; nothing was done."""


@dataclass(frozen=True, slots=True)
class FileLine:
    """A physical line, without its end. Of one that is too long only the beginning is kept."""

    number: int
    raw: bytes
    cut: bool = False


Bad = tuple[FileLine, str]


class OfALine(Protocol):
    """Something that was read from a line and knows it."""

    line: FileLine


R = TypeVar("R", bound=OfALine)


@dataclass(frozen=True, slots=True)
class Read(Generic[R]):
    """A line as far as it was understood: what it belongs to, and its row or why it has none."""

    line: FileLine
    key: str | None
    row: R | None = None
    why: str = ""


@dataclass(slots=True)
class Group(Generic[R]):
    """Consecutive lines of one key, and the bad ones among them. `first` is the first's number.

    One that is not `whole` has too many lines, and is only a part of them.
    """

    key: str = ""
    first: int = 0
    rows: list[R] = field(default_factory=list)
    bad: list[Bad] = field(default_factory=list)
    whole: bool = True

    def __len__(self) -> int:
        return len(self.rows) + len(self.bad)

    def add(self, read: Read[R]) -> None:
        if read.row is None:
            self.bad.append((read.line, read.why))
        else:
            self.rows.append(read.row)

    def all_bad(self, why: str) -> list[Bad]:
        """Every line: the bad ones for their reasons, the others for this one."""
        return [*self.bad, *((row.line, why) for row in self.rows)]


def groups(reads: Iterable[Read[R]], most: int) -> Iterator[Group[R]]:
    """Group by key. A line without a key belongs to the group that goes on behind it, if any.

    At most about twice `most` lines are held, however many a group has.
    """
    group: Group[R] = Group()
    loose: list[Bad] = []
    for read in reads:
        if read.key is None and len(loose) < most:
            loose.append((read.line, read.why))
            continue
        if read.key not in (None, group.key):
            yield from _some(group, Group(bad=loose))
            group, loose = Group(read.key or "", read.line.number), []
        group.bad += loose
        loose = []
        group.add(read)
        if len(group) > most:
            group.whole = False
            yield group
            group = Group(group.key, whole=False)
    yield from _some(group, Group(bad=loose))


def _some(*found: Group[R]) -> Iterator[Group[R]]:
    return (group for group in found if len(group))


def read_lines(
    file: BinaryIO, progress: Progress, longest: int = LONGEST_LINE
) -> Iterator[FileLine]:
    """The lines of a file, whatever is in it, never more of one than `longest` bytes."""
    number = done = 0
    while raw := file.readline(longest):
        number += 1
        done += len(raw)
        cut = len(raw) == longest and not raw.endswith(b"\n")
        yield FileLine(number, raw.rstrip(b"\r\n"), cut)
        while cut and (rest := file.readline(longest)):
            done += len(rest)
            cut = not rest.endswith(b"\n")
        if number % LINES_A_REPORT == 0:
            progress(number, done)
    progress(number, done)


def text_of(line: FileLine) -> str:
    """Raises Unreadable for what cannot be text."""
    if line.cut:
        raise Unreadable("the line is too long")
    if b"\0" in line.raw:
        raise Unreadable("the line holds a NUL byte")
    try:
        text = line.raw.decode("utf-8-sig" if line.number == 1 else "utf-8")
    except UnicodeDecodeError:
        raise Unreadable("the line is not UTF-8") from None
    if not text.strip():
        raise Unreadable("the line is empty")
    return text


def cells_of(line: FileLine) -> list[str]:
    """One line is one row: a quoted line break would let one bad quote swallow the file."""
    try:
        return next(csv.reader([text_of(line)], strict=True))
    except csv.Error:
        raise Unreadable("the line is not CSV") from None
