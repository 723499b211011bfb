"""The header of a CSV file and the cells under it, however the file was written.

Cells are parted by a comma, a semicolon, a tab or a bar, whatever finds most of the known columns,
or by what `sep=` in the first line says. Names of columns are compared without case, blanks and
underscores. Blanks around a cell and empty cells behind the last column say nothing.
"""

import csv
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from consumers.consumer import Unreadable
from consumers.files.file_lines import FileLine, UnreadableFile, text_of
from consumers.files.shops import looks_like

DELIMITERS = ",;\t|"
# Lines that a quoted cell may go on for.
LONGEST_CELL = 50
MOST_NAMED = 30


@dataclass(frozen=True, slots=True)
class Table:
    """The columns of a file by their known names, in the file's order; `said` is its header."""

    columns: tuple[str, ...]
    delimiter: str
    said: tuple[str, ...]

    def cells(self, line: FileLine) -> list[str]:
        """As many as there are columns; raises Unreadable."""
        cells = split(text_of(line), self.delimiter)
        if any(map(_padded, cells)):
            cells = [cell.strip() for cell in cells]
        while len(cells) > len(self.columns) and not cells[-1]:
            cells.pop()
        if len(cells) != len(self.columns):
            raise Unreadable(f"the line has not {len(self.columns)} columns")
        if tuple(cells) == self.said:
            raise Unreadable("the header again")
        return cells

    def rows(self, lines: Iterable[FileLine]) -> Iterator[FileLine]:
        """The lines that hold something; those that a quoted cell goes over are one.

        Only where that makes a whole row: one bad quote must not swallow the file.
        """
        ahead: deque[FileLine] = deque()
        source = iter(lines)
        while (line := ahead.popleft() if ahead else next(source, None)) is not None:
            if line.text.count('"') % 2:
                line = self._joined(line, ahead, source)
            if not line.blank:
                yield line

    def _joined(
        self, first: FileLine, ahead: deque[FileLine], source: Iterator[FileLine]
    ) -> FileLine:
        text = first.text
        for place in range(LONGEST_CELL):
            if place == len(ahead):
                line = next(source, None)
                if line is None:
                    break
                ahead.append(line)
            text = f"{text}\n{ahead[place].text}"
            if ahead[place].text.count('"') % 2:
                whole = FileLine(first.number, text)
                if self._fits(whole):
                    for _ in range(place + 1):
                        ahead.popleft()
                    return whole
                break
        return first

    def _fits(self, line: FileLine) -> bool:
        try:
            self.cells(line)
        except Unreadable:
            return False
        return True


def split(text: str, delimiter: str) -> list[str]:
    try:
        return next(csv.reader([text], strict=True, delimiter=delimiter), [])
    except csv.Error:
        raise Unreadable("the line is not CSV") from None


def _padded(cell: str) -> bool:
    return bool(cell) and (cell[0].isspace() or cell[-1].isspace())


def read_table(
    lines: Iterator[FileLine], known: Mapping[str, str], required: Iterable[str]
) -> Table:
    """The table whose header comes first in these lines; raises UnreadableFile when it is none.

    `known` maps every name that a column may have to the one that it has with us.
    """
    said, delimiter = _header(lines, {plain(name): own for name, own in known.items()})
    names = {plain(name): own for name, own in known.items()}
    columns = tuple(names.get(plain(name), "") for name in said)
    unknown = [name for name, own in zip(said, columns, strict=True) if not own]
    missing = [name for name in required if name not in columns]
    twice = sorted({name for name in columns if name and columns.count(name) > 1})
    if unknown or missing or twice:
        wanted = list(dict.fromkeys(known.values()))
        raise UnreadableFile(_wrong(said, wanted, unknown, missing, twice))
    return Table(columns, delimiter, tuple(said))


def plain(name: str) -> str:
    """How names of columns are compared."""
    return "".join(filter(str.isalnum, name.casefold()))


def _header(lines: Iterator[FileLine], names: Mapping[str, str]) -> tuple[list[str], str]:
    line = next((line for line in lines if not line.blank), None)
    if line is None:
        raise UnreadableFile("The file is empty.")
    delimiters = DELIMITERS
    if line.text.casefold().startswith("sep=") and len(line.text) == 5:
        delimiters = line.text[4]
        line = next(lines, line)
    try:
        text = text_of(line)
        return _best(text, delimiters, lambda cell: plain(cell) in names)
    except Unreadable as why:
        raise UnreadableFile(f"The header: {why}.") from None


def _best(text: str, delimiters: str, known: Callable[[str], bool]) -> tuple[list[str], str]:
    """The header's cells by the delimiter that finds most known columns, or else most cells."""
    found: list[tuple[int, int, list[str], str]] = []
    for delimiter in delimiters:
        try:
            cells = [cell.strip() for cell in split(text, delimiter)]
        except Unreadable:
            continue
        while cells and not cells[-1]:
            cells.pop()
        found.append((sum(map(known, cells)), len(cells), cells, delimiter))
    if not found:
        raise Unreadable("the line is not CSV")
    *_, cells, delimiter = max(found, key=lambda entry: entry[:2])
    return cells, delimiter


def _wrong(
    said: list[str], known: list[str], unknown: list[str], missing: list[str], twice: list[str]
) -> str:
    parts = []
    if missing:
        parts.append(f"lacks {', '.join(missing)}")
    if twice:
        parts.append(f"names {', '.join(twice)} more than once")
    if unknown:
        more = len(unknown) - MOST_NAMED
        names = ", ".join(repr(name[:60]) for name in unknown[:MOST_NAMED])
        parts.append(f"names unknown columns: {names}{f' and {more} more' if more > 0 else ''}")
    shop = looks_like(map(plain, said))
    guess = f" It looks like {shop}, which can't be read as it is." if shop else ""
    return f"The header {'; it '.join(parts)}. Known columns: {', '.join(known)}.{guess}"
