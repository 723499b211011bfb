"""The lines of a file that belong together, though others may stand between them."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from consumers.files.file_lines import Bad, FileLine, OfALine
from domain.errors import Invalid

# Lines within which the parts of an interrupted group must begin.
WINDOW = 1_000
MOST_HELD = 8_000

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
