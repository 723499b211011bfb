"""The error tree of the domain. The first line of an error's docstring is its message.

DomainError                     a caller was refused; nothing was written
├── NotFound                    the thing named does not exist
│   ├── UnknownOrder
│   ├── UnknownStockItem
│   ├── UnknownLocation
│   ├── UnknownLine
│   ├── UnknownHold
│   ├── UnknownReservation
│   ├── UnknownFulfilmentOrder
│   ├── UnknownShipment
│   ├── UnknownPayment
│   └── UnknownOrderException
├── Invalid                     the request contradicts itself or the vocabulary; carries the field
│   ├── CurrencyMismatch
│   ├── UnknownSku
│   ├── TotalMismatch
│   └── TooManyCandidates       carries how many streams can be decided together
└── Conflict                    the request is well formed, the state forbids it
    ├── WrongStatus
    ├── InsufficientStock       carries what is available
    ├── NoEligibleLocation
    ├── OpenHold
    ├── Unpaid
    ├── AlreadyExists
    ├── ReferenceReused
    ├── StaleCount
    ├── OverPick
    ├── WrongItemScanned
    ├── SamePerson
    └── OverRefund
StaleVersion                    If-Match did not hold: the stream has moved on
KeyReused                       an idempotency key was used before for another request
"""

from collections.abc import Mapping


class OrdinalError(Exception):
    """Something was refused.

    `code` is the name of the class in small letters: `stale-version`.
    """

    code = "refused"

    def __init_subclass__(cls, code: str | None = None) -> None:
        super().__init_subclass__()
        small = "".join(f"-{c.lower()}" if c.isupper() else c for c in cls.__name__)
        cls.code = code or small.lstrip("-")

    def __init__(self, message: str | None = None, **details: object) -> None:
        super().__init__(message or (type(self).__doc__ or "").split("\n")[0])
        self.details: Mapping[str, object] = details


def code_of(error: Exception) -> str:
    """What a refusal is called everywhere: over HTTP, in answers over Kafka, in rejected lines.

    The name of its class, `insufficient-stock`; whatever is no refusal is a fault of ours.
    """
    if not isinstance(error, OrdinalError):
        return "internal-error"
    return error.code


class DomainError(OrdinalError, code="refused"):
    """The request was refused."""


class NotFound(DomainError):
    """There is no such thing."""


class UnknownOrder(NotFound):
    """There is no such order."""


class UnknownStockItem(NotFound):
    """There is no such stock item."""


class UnknownLocation(NotFound):
    """There is no such location."""


class UnknownLine(NotFound):
    """The order has no such line."""


class UnknownHold(NotFound):
    """The order has no such open hold."""


class UnknownReservation(NotFound):
    """The stock item has no such active reservation."""


class UnknownFulfilmentOrder(NotFound):
    """The order has no such fulfilment order."""


class UnknownShipment(NotFound):
    """The order has no such shipment."""


class UnknownPayment(NotFound):
    """The order has no such payment."""


class UnknownOrderException(NotFound):
    """The order has no such exception."""


class Invalid(DomainError):
    """The request contradicts itself.

    `field` in the details names the place.
    """


class CurrencyMismatch(Invalid):
    """A line names another currency than its order."""


class UnknownSku(Invalid):
    """No location that serves the order knows this sku."""


class TotalMismatch(Invalid):
    """The stated total is not the sum of the lines."""


class TooManyCandidates(Invalid):
    """So many items at so many locations can't be decided at once: ask for fewer."""


class Conflict(DomainError):
    """The present state does not allow this."""


class WrongStatus(Conflict):
    """The present status does not allow this."""


class InsufficientStock(Conflict):
    """There is not enough stock.

    `available` in the details says what there is, by sku.
    """


class NoEligibleLocation(Conflict):
    """No location may serve these lines."""


class OpenHold(Conflict):
    """An open hold blocks this."""


class Unpaid(Conflict):
    """The order has to be paid before it leaves."""


class AlreadyExists(Conflict):
    """This exists already, with other content."""


class ReferenceReused(Conflict):
    """The channel used this reference before, for other content."""


class StaleCount(Conflict):
    """Stock has moved since it was counted."""


class OverPick(Conflict):
    """More than the remaining quantity."""


class WrongItemScanned(Conflict):
    """A scanned code belongs to another sku."""


class SamePerson(Conflict):
    """The packer cannot verify their own parcel."""


class OverRefund(Conflict):
    """No more can go back than was paid."""


class StaleVersion(OrdinalError):
    """The stream has moved on since it was read."""


class KeyReused(OrdinalError):
    """This idempotency key was used before, for another request."""
