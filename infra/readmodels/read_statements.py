"""The SQL of a query, and the values that go with it."""

from collections.abc import Mapping, Sequence

from psycopg.sql import SQL, Composable, Composed, Identifier, Placeholder

from projections.projection import Having, Narrowing, Query


def compose(
    query: Query, places: Mapping[type, Composable], narrowed: Sequence[Narrowing] = ()
) -> Composed:
    """The SQL of a query over these places; its values are named after their place in it."""
    conditions: list[Composable] = [*_equalities(query), *_bounds(query), *_after(query)]
    conditions += [_having(each, n, places) for n, each in enumerate(query.having)]
    conditions += [_within(each, places) for each in narrowed]
    where = SQL(" AND ").join(conditions) if conditions else SQL("true")
    direction = SQL(" DESC") if query.descending else SQL("")
    order = [SQL("{}{}").format(Identifier(column), direction) for column in query.order]
    return SQL("SELECT to_json(t)::text FROM {} t WHERE {}{}{} LIMIT %(limit)s").format(
        places[query.row],
        where,
        SQL(" ORDER BY ") if order else SQL(""),
        SQL(", ").join(order),
    )


def _equalities(query: Query) -> list[Composed]:
    return [_equality(column, value) for column, value in query.where.items()]


def _equality(column: str, value: object) -> Composed:
    """Truth is spelled out, so that an index of some rows only can be seen to fit."""
    if value is None:
        return SQL("{} IS NULL").format(Identifier(column))
    if isinstance(value, bool):
        return SQL("{}{}").format(SQL("" if value else "NOT "), Identifier(column))
    return SQL("{} = {}").format(Identifier(column), Placeholder(f"where_{column}"))


def _having(each: Having, n: int, places: Mapping[type, Composable]) -> Composed:
    """Among the owners of such rows, which the server may look up first."""
    tests = [
        SQL("{} = {}").format(Identifier(column), Placeholder(f"having_{n}_{column}"))
        for column in each.where
    ]
    return SQL("{0} IN (SELECT {0} FROM {1} h WHERE {2})").format(
        Identifier(each.owner), places[each.row], SQL(" AND ").join(tests)
    )


def _within(narrowing: Narrowing, places: Mapping[type, Composable]) -> Composed:
    column, owner = Identifier(narrowing.column), Identifier(narrowing.owner)
    test = SQL("{} = ANY({})").format(column, Placeholder(f"within_{narrowing.column}"))
    if narrowing.like is None:
        return test
    return SQL("{0} IN (SELECT {0} FROM {1} w WHERE {2})").format(
        owner, places[narrowing.like], test
    )


def _bounds(query: Query) -> list[Composed]:
    return [
        SQL(test).format(Identifier(column), Placeholder(f"{end}_{column}"))
        for column, bounds in query.ranges.items()
        for test, end, value in zip(("{} >= {}", "{} < {}"), ("from", "to"), bounds, strict=True)
        if value is not None
    ]


def _after(query: Query) -> list[Composed]:
    if query.after is None:
        return []
    columns = SQL(", ").join(map(Identifier, query.order))
    values = SQL(", ").join(Placeholder(f"after_{column}") for column in query.order)
    test = "({}) < ({})" if query.descending else "({}) > ({})"
    return [SQL(test).format(columns, values)]


def values_of(query: Query) -> dict[str, object]:
    values: dict[str, object] = {f"where_{c}": value for c, value in query.where.items()}
    for column, (begin, end) in query.ranges.items():
        values |= {f"from_{column}": begin, f"to_{column}": end}
    for n, each in enumerate(query.having):
        values |= {f"having_{n}_{column}": value for column, value in each.where.items()}
    after = zip(query.order, query.after or (), strict=query.after is not None)
    values |= {f"after_{column}": value for column, value in after}
    return values | {"limit": query.limit, "zone": query.zone}


def shape_of(query: Query) -> tuple[object, ...]:
    """What two queries of one statement have in common."""
    return (
        query.row,
        tuple(
            (column, value if value is None or isinstance(value, bool) else "given")
            for column, value in query.where.items()
        ),
        tuple((each.row, *each.where) for each in query.having),
        tuple((c, begin is None, end is None) for c, (begin, end) in query.ranges.items()),
        query.order,
        query.descending,
        query.after is None,
    )
