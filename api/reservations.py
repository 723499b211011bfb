"""Soft promises of stock: for carts, drafts and quotes, for a while."""

from api.fields import Id, Moment, Quantity, Reason
from api.routing import Routes
from api.stock import ItemBody
from commands.stock import ExtendReservation, ReleaseReservation, ReserveStock

routes = Routes("stock")


class ReserveBody(ItemBody):
    """For whom, how many and until when. A reservation without an id gets one."""

    owner: Id
    quantity: Quantity
    expires_at: Moment
    reservation_id: Id | None = None


class ExtendBody(ItemBody):
    """Which reservation, and until when."""

    reservation_id: Id
    expires_at: Moment


class ReleaseBody(ItemBody):
    """Which reservation, and why."""

    reservation_id: Id
    reason: Reason = "cancelled"


@routes.command("/stock/reserve")
def reserve_stock(body: ReserveBody) -> ReserveStock:
    """Promise units softly until a moment; the receipt names the reservation."""
    return ReserveStock(**dict(body))


@routes.command("/stock/extend-reservation")
def extend_reservation(body: ExtendBody) -> ExtendReservation:
    """Let a soft promise last longer."""
    return ExtendReservation(**dict(body))


@routes.command("/stock/release-reservation")
def release_reservation(body: ReleaseBody) -> ReleaseReservation:
    """End a soft promise."""
    return ReleaseReservation(**dict(body))
