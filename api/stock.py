"""Stock of one sku at one location.

The item stands in the body, not in the path: a sku may hold slashes and dots, and clients as well
as proxies rewrite those in a path.
"""

from typing import Annotated

from pydantic import Field

from api.fields import (
    Body,
    Count,
    Currency,
    Id,
    LocationId,
    Moment,
    Quantity,
    Reason,
    Sku,
    Title,
)
from api.routing import Routes
from commands.stock import (
    AdjustStock,
    CountStock,
    DiscontinueStockItem,
    ExpectStock,
    FillBackorders,
    MoveStockState,
    ReceiveStock,
    RegisterStockItem,
    ResumeStockItem,
    SetStockCodes,
    SetStockPolicy,
    SetStockTitle,
    SuspendStockItem,
)
from domain.stock.carrying import MAX_CODES
from domain.stock.events import State
from domain.values import MAX_AMOUNT, MAX_QUANTITY

routes = Routes("stock")


class ItemBody(Body):
    """One sku at one location."""

    location: LocationId
    sku: Sku


class ItemWhyBody(ItemBody):
    """One sku at one location, and why."""

    reason: Reason


class RegisterBody(ItemBody):
    """What the location carries; `codes` are further codes that a scanner may read."""

    title: Title = ""
    codes: Annotated[tuple[Id, ...], Field(max_length=MAX_CODES)] = ()


class TitleBody(ItemBody):
    """What the item is called from now on."""

    title: Annotated[Title, Field(min_length=1)]


class CodesBody(ItemBody):
    """All further codes that a scanner may read; GTINs are the same with leading zeros."""

    codes: Annotated[tuple[Id, ...], Field(max_length=MAX_CODES)]


class PolicyBody(ItemBody):
    """How far the item may be promised; a backorder limit of null is none.

    With `preorder`, as many units may wait as are expected, even where the limit is less.
    """

    backorder_limit: Count | None = 0
    preorder: bool = False
    safety_stock: Count = 0
    reorder_point: Count | None = None
    reorder_quantity: Count = 0


class ExpectBody(ItemBody):
    """What a document announces in all: units that came under it are counted."""

    document: Id
    quantity: Count
    eta: Moment | None = None


class ReceiveBody(ItemBody):
    """What arrived. `unit_cost` is in minor units of `currency`."""

    quantity: Quantity
    document: Id
    unit_cost: Annotated[int, Field(ge=0, le=MAX_AMOUNT)] | None = None
    currency: Currency | None = None
    lot: Id | None = None


class AdjustBody(ItemWhyBody):
    """By how many units the books were wrong."""

    delta: Annotated[int, Field(ge=-MAX_QUANTITY, le=MAX_QUANTITY)]
    reference: Id | None = None


class CountBody(ItemBody):
    """What somebody counted, and the item's version when they did."""

    counted: Count
    counted_at_version: Annotated[int, Field(ge=0, le=10**18)] | None = None


class MoveBody(ItemWhyBody):
    """Units that become unsellable, or sellable again."""

    from_state: State
    to_state: State
    quantity: Quantity


@routes.command("/stock/register")
def register_stock_item(body: RegisterBody) -> RegisterStockItem:
    """Let a location carry a sku."""
    return RegisterStockItem(**dict(body))


@routes.command("/stock/title")
def set_stock_title(body: TitleBody) -> SetStockTitle:
    """Say what an item is called from now on."""
    return SetStockTitle(**dict(body))


@routes.command("/stock/codes")
def set_stock_codes(body: CodesBody) -> SetStockCodes:
    """Say which further codes a scanner may read for an item."""
    return SetStockCodes(**dict(body))


@routes.command("/stock/policy")
def set_stock_policy(body: PolicyBody) -> SetStockPolicy:
    """Say how far an item may be promised and when to buy it again."""
    return SetStockPolicy(**dict(body))


@routes.command("/stock/suspend")
def suspend_stock_item(body: ItemWhyBody) -> SuspendStockItem:
    """Promise nothing more from here for a while."""
    return SuspendStockItem(**dict(body))


@routes.command("/stock/resume")
def resume_stock_item(body: ItemBody) -> ResumeStockItem:
    """Promise from here again."""
    return ResumeStockItem(**dict(body))


@routes.command("/stock/discontinue")
def discontinue_stock_item(body: ItemWhyBody) -> DiscontinueStockItem:
    """Never promise this from here again."""
    return DiscontinueStockItem(**dict(body))


@routes.command("/stock/expect")
def expect_stock(body: ExpectBody) -> ExpectStock:
    """A document states how many units come under it in all; 0 withdraws what is still to come."""
    return ExpectStock(**dict(body))


@routes.command("/stock/receive")
def receive_stock(body: ReceiveBody) -> ReceiveStock:
    """Units arrived; waiting order lines are filled at once, up to 100 of them."""
    return ReceiveStock(**dict(body))


@routes.command("/stock/adjust")
def adjust_stock(body: AdjustBody) -> AdjustStock:
    """Correct the books by a number of units, for a reason."""
    return AdjustStock(**dict(body))


@routes.command("/stock/count")
def count_stock(body: CountBody) -> CountStock:
    """Somebody counted; refused when stock has moved since `counted_at_version`."""
    return CountStock(**dict(body))


@routes.command("/stock/move-state")
def move_stock_state(body: MoveBody) -> MoveStockState:
    """Move units between sellable and one of the states that cannot be sold."""
    return MoveStockState(**dict(body))


@routes.command("/stock/fill-backorders")
def fill_backorders(body: ItemBody) -> FillBackorders:
    """Fill the next 100 waiting order lines from what is available."""
    return FillBackorders(**dict(body))
