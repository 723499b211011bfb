"""What was sold, cancelled and sent, by day, channel, sku and country?"""

from domain.decider import Recorded
from domain.fast_init import maker
from domain.order import events as e
from projections.projection import Projection, StreamRows
from projections.reporting_folds import FOLDS
from projections.reporting_queries import REACH
from projections.reporting_rows import TABLES, ReportLineRow, ReportOrderRow
from projections.reporting_views import DAY_ROWS, VIEW_COLUMNS, VIEWS
from projections.rows import owner

_order_row, _line_row = maker(ReportOrderRow), maker(ReportLineRow)


def _placed(rows: StreamRows, event: e.OrderPlaced, recorded: Recorded) -> None:
    order = _order_row(
        order_id=owner(recorded),
        order_day=recorded.occurred_at.date(),
        channel=event.channel,
        country=event.country,
        currency=event.currency,
        lines=len(event.lines),
        placed_at=recorded.occurred_at,
    )
    for line in event.lines:
        _line_placed(rows, order, line)
    rows.put(order)


def _line_placed(rows: StreamRows, order: ReportOrderRow, line: e.OrderLine) -> None:
    goods, amount = line.kind == "stock", line.total
    order.amount += amount
    if goods:
        order.units += line.quantity
    else:
        order.charges += amount
    rows.put(
        _line_row(
            order_id=order.order_id,
            line=line.line,
            order_day=order.order_day,
            channel=order.channel,
            country=order.country,
            currency=order.currency,
            sku=line.sku,
            placed_at=order.placed_at,
            kind=line.kind,
            quantity=line.quantity,
            units=line.quantity if goods else 0,
            amount=amount,
        )
    )


def evolve(rows: StreamRows, recorded: Recorded) -> None:
    event = recorded.event
    if isinstance(event, e.OrderPlaced):
        _placed(rows, event, recorded)
        return
    fold = FOLDS.get(type(event))
    order = rows.get(ReportOrderRow)
    if fold is not None and order is not None:
        fold(rows, order, event, recorded)


REPORTING = Projection(
    name="reporting",
    version=2,
    categories=frozenset({"order"}),
    folds={e.OrderPlaced, *FOLDS},
    ignores=(
        e.OrderConfirmed,
        e.OrderExceptionFlagged,
        e.OrderExceptionClosed,
        e.OrderCompleted,
        e.HoldPlaced,
        e.HoldReleased,
        e.FulfilmentOrderOpened,
        e.FulfilmentOrderCancelled,
        e.PickStarted,
        e.ItemsPicked,
        e.ShipmentPacked,
        e.PackVerified,
        e.TrackingUpdated,
    ),
    tables=TABLES,
    evolve=evolve,
    views=VIEWS,
    reach=REACH,
    view_columns=VIEW_COLUMNS,
    day_rows=DAY_ROWS,
)
