"""What several decisions ask of an order before anything else."""

from domain.errors import (
    OpenHold,
    UnknownFulfilmentOrder,
    UnknownLine,
    UnknownOrder,
    UnknownShipment,
    Unpaid,
    WrongStatus,
)
from domain.order.state import FulfilmentOrder, Line, Order, Shipment


def check_known(order: Order) -> None:
    if order.status == "none":
        raise UnknownOrder


def check_status(order: Order, *allowed: str) -> None:
    check_known(order)
    if order.status not in allowed:
        raise WrongStatus(f"The order is {order.status}.", status=order.status)


def check_no_hold(order: Order) -> None:
    if order.holds:
        raise OpenHold(holds=sorted(order.holds))


def check_paid(order: Order) -> None:
    """What is wanted was paid, and not all of that given back, where payment comes first."""
    if order.payment_mode != "prepaid" or not order.owed:
        return
    if order.captured < order.owed or order.paid <= 0:
        raise Unpaid(owed=order.owed, captured=order.captured, paid=order.paid)


def line_of(order: Order, number: int) -> Line:
    line = order.lines.get(number)
    if line is None:
        raise UnknownLine(line=number)
    return line


def work_of(order: Order, fulfilment_id: str) -> FulfilmentOrder:
    check_known(order)
    work = order.fulfilment_orders.get(fulfilment_id)
    if work is None:
        raise UnknownFulfilmentOrder(fulfilment_id=fulfilment_id)
    return work


def shipment_of(order: Order, shipment_id: str) -> Shipment:
    check_known(order)
    shipment = order.shipments.get(shipment_id)
    if shipment is None:
        raise UnknownShipment(shipment_id=shipment_id)
    return shipment


def check_work(work: FulfilmentOrder, *allowed: str) -> None:
    if work.status not in allowed:
        raise WrongStatus(f"The fulfilment order is {work.status}.", status=work.status)


def check_shipment(shipment: Shipment, *allowed: str) -> None:
    if shipment.status not in allowed:
        raise WrongStatus(f"The shipment is {shipment.status}.", status=shipment.status)
