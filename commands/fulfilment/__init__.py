"""What may be asked of an order on its way out of the door.

work        open, pick, report short, pack and verify
shipment    dispatch, track, deliver, return and lose
"""

from commands.fulfilment import shipment, work
from commands.fulfilment.shipment import (
    ConfirmDelivery,
    Dispatch,
    DispatchCancelled,
    RecordTracking,
    ReportLost,
    ReportReturnedToSender,
)
from commands.fulfilment.work import (
    CancelFulfilmentOrder,
    ConfirmPick,
    OpenFulfilmentOrders,
    Pack,
    ReportShort,
    StartPick,
    VerifyPack,
)
from commands.handling import Handlers

__all__ = [
    "HANDLERS",
    "CancelFulfilmentOrder",
    "ConfirmDelivery",
    "ConfirmPick",
    "Dispatch",
    "DispatchCancelled",
    "OpenFulfilmentOrders",
    "Pack",
    "RecordTracking",
    "ReportLost",
    "ReportReturnedToSender",
    "ReportShort",
    "StartPick",
    "VerifyPack",
]

HANDLERS: Handlers = {**work.HANDLERS, **shipment.HANDLERS}
