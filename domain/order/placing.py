"""Placing an order: what a channel asks for, whether it is sound, and what is then agreed."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from operator import attrgetter

from domain.countries import check_country
from domain.currencies import check_currency
from domain.errors import (
    CurrencyMismatch,
    InsufficientStock,
    Invalid,
    NoEligibleLocation,
    ReferenceReused,
    TotalMismatch,
)
from domain.fast_init import maker
from domain.order.events import (
    LineQuantityCancelled,
    OrderLine,
    OrderPlaced,
    Totals,
)
from domain.order.state import Order
from domain.sourcing import Demand, Sourcing
from domain.values import (
    LONGEST_SKU,
    LONGEST_TEXT,
    MAX_AMOUNT,
    MAX_LINES,
    MAX_QUANTITY,
    LineKind,
    PaymentMode,
    ShortagePolicy,
    check_location,
    check_moment,
    check_name,
    check_new_sku,
    check_quantity,
    check_text,
)

MAX_PRIORITY = 1_000_000
LONGEST_TITLE = 500
SHORTAGE = "shortage"
TOO_MANY_LINES = f"An order has 1 to {MAX_LINES} lines."
SEPARATOR = "\x1f"
NAMED = ("channel", "reference", "customer_id", "postal_area", "ship_method")
_names_of = attrgetter(*NAMED)

_order_line = maker(OrderLine)
_order_placed = maker(OrderPlaced)
_totals = maker(Totals)


@dataclass(slots=True, kw_only=True)
class RequestedLine:
    """One line as the channel asks for it; amounts are minor units."""

    sku: str
    quantity: int
    unit_price: int
    title: str = ""
    tax: int = 0
    discount: int = 0
    kind: LineKind = "stock"
    currency: str | None = None


@dataclass(slots=True, kw_only=True)
class OrderRequest:
    """An order as the channel asks for it, without personal data.

    `total`, when given, must be the sum of the lines. The units of `reservations` become this
    order's where they are; what it does not need of them is released.
    """

    channel: str
    lines: tuple[RequestedLine, ...]
    currency: str
    country: str
    reference: str | None = None
    customer_id: str | None = None
    postal_area: str | None = None
    total: int | None = None
    payment_mode: PaymentMode = "prepaid"
    shortage_policy: ShortagePolicy = "reject"
    priority: int = 0
    ship_method: str | None = None
    promised_by: datetime | None = None
    preferred_location: str | None = None
    reservations: tuple[str, ...] = ()


def place(
    order: Order, request: OrderRequest, *, contacts: dict[str, str] | None, now: datetime
) -> list[object]:
    """Agree to these lines. `contacts` maps roles to ids in the vault."""
    fingerprint = fingerprint_of(request)
    if order.status != "none":
        if order.fingerprint != fingerprint:
            raise ReferenceReused(reference=order.reference)
        return []
    _check_head(request, now)
    lines, totals = _agree(request)
    return [
        _order_placed(
            channel=request.channel,
            reference=request.reference,
            customer_id=request.customer_id,
            country=request.country,
            postal_area=request.postal_area,
            currency=request.currency,
            lines=lines,
            totals=totals,
            payment_mode=request.payment_mode,
            shortage_policy=request.shortage_policy,
            fingerprint=fingerprint,
            placed_at=now,
            priority=request.priority,
            ship_method=request.ship_method,
            promised_by=request.promised_by,
            contacts=contacts,
        )
    ]


def fingerprint_of(request: OrderRequest) -> str:
    """SHA-256 over all that was asked for, in a canonical form.

    Names are never empty nor hold the separator, or the order would be refused; so nothing that
    differs looks alike, though what is not there stands as nothing.
    """
    by = request.promised_by
    asked = [
        request.channel,
        request.reference or "",
        request.customer_id or "",
        request.country,
        request.postal_area or "",
        request.currency,
        "" if request.total is None else str(request.total),
        request.payment_mode,
        request.shortage_policy,
        str(request.priority),
        request.ship_method or "",
        by.isoformat() if by else "",
        request.preferred_location or "",
    ]
    for x in request.lines:
        asked += (
            x.sku,
            f"{x.quantity} {x.unit_price} {x.tax} {x.discount}",
            x.title,
            x.kind,
            x.currency or "",
        )
    if request.reservations:
        asked += ("", *request.reservations)  # no line has an empty sku
    return sha256(SEPARATOR.join(asked).encode("utf-8", "surrogatepass")).hexdigest()


def _check_head(request: OrderRequest, now: datetime) -> None:
    if not 0 < len(request.lines) <= MAX_LINES:
        raise Invalid(TOO_MANY_LINES, field="lines")
    check_country(request.country)
    check_currency(request.currency, now.date())
    for field, name in zip(NAMED, _names_of(request), strict=True):
        if name is not None and not _plainly_sound(name, LONGEST_TEXT):
            check_name(name, field)
    if request.preferred_location is not None:
        check_location(request.preferred_location, "preferred_location")
    if len(request.reservations) > MAX_LINES:
        raise Invalid(f"An order names at most {MAX_LINES} reservations.", field="reservations")
    for reservation_id in request.reservations:
        check_text(reservation_id, "reservations")
    if request.promised_by is not None:
        check_moment(request.promised_by, "promised_by")
    if not -MAX_PRIORITY <= request.priority <= MAX_PRIORITY:
        raise Invalid("A priority is within a million of 0.", field="priority")


def _plainly_sound(name: str, longest: int) -> bool:
    """As most names are; only of the others must be said why they are not."""
    return name.isascii() and name.isprintable() and 0 < len(name.strip()) == len(name) <= longest


def _agree(request: OrderRequest) -> tuple[tuple[OrderLine, ...], Totals]:
    lines = []
    goods = charges = discount = tax = moved = 0
    for number, asked in enumerate(request.lines, start=1):
        worth = _check_line(number, asked, request.currency)
        if asked.kind == "charge":
            charges += worth
        else:
            goods += worth
        discount += asked.discount
        tax += asked.tax
        lines.append(
            _order_line(
                line=number,
                sku=asked.sku,
                quantity=asked.quantity,
                unit_price=asked.unit_price,
                title=asked.title,
                tax=asked.tax,
                discount=asked.discount,
                kind=asked.kind,
            )
        )
        moved += abs(worth) + abs(asked.tax) + asked.discount
    total = goods + charges - discount + tax
    _check_total(total, moved, request.total)
    return tuple(lines), _totals(
        goods=goods, charges=charges, discount=discount, tax=tax, total=total
    )


def _check_line(number: int, asked: RequestedLine, currency: str) -> int:
    """Refuse a line that cannot be meant; answer what it is worth before discount and tax."""
    if not _plainly_sound(asked.sku, LONGEST_SKU):
        check_new_sku(asked.sku, f"lines.{number}.sku")
    if asked.title and not (len(asked.title) <= LONGEST_TEXT and asked.title.isprintable()):
        check_text(asked.title, f"lines.{number}.title", longest=LONGEST_TITLE)
    if not 0 < asked.quantity <= MAX_QUANTITY:
        check_quantity(asked.quantity, f"lines.{number}.quantity")
    worth = asked.quantity * asked.unit_price
    if not -MAX_AMOUNT <= worth <= MAX_AMOUNT or (worth < 0 and asked.kind == "stock"):
        raise Invalid("A line is worth 0 to 10^15.", field=f"lines.{number}.unit_price")
    if not 0 <= asked.discount <= max(0, worth):
        raise Invalid(
            "A discount is 0 up to what the line is worth.",
            field=f"lines.{number}.discount",
            worth=worth,
        )
    if not (-MAX_AMOUNT if worth < 0 else 0) <= asked.tax <= (0 if worth < 0 else MAX_AMOUNT):
        raise Invalid(
            "A tax has the sign of its line, and is within 10^15 of 0.",
            field=f"lines.{number}.tax",
            worth=worth,
        )
    if asked.currency is not None and asked.currency != currency:
        raise CurrencyMismatch(field=f"lines.{number}.currency")
    return worth


def _check_total(total: int, moved: int, stated: int | None) -> None:
    """`moved` is all that its lines add and take away: it bounds every sum over them."""
    if moved > MAX_AMOUNT:
        raise Invalid("All amounts of an order are together at most 10^15.", field="lines")
    if total < 0:
        raise Invalid("An order is worth 0 or more.", field="lines", sum=total)
    if stated is not None and stated != total:
        raise TotalMismatch(field="total", stated=stated, sum=total)


def skus_of(lines: Sequence[RequestedLine]) -> set[str]:
    """The skus wanted from stock. Checked, since they become names of streams to be loaded."""
    if len(lines) > MAX_LINES:
        raise Invalid(TOO_MANY_LINES, field="lines")
    wanted = set()
    for number, line in enumerate(lines, start=1):
        if line.kind == "stock":
            if not _plainly_sound(line.sku, LONGEST_SKU):
                check_new_sku(line.sku, f"lines.{number}.sku")
            wanted.add(line.sku)
    return wanted


def demands_of(lines: Sequence[RequestedLine]) -> list[Demand]:
    """What the lines want from stock."""
    return [
        Demand(number, line.sku, line.quantity)
        for number, line in enumerate(lines, start=1)
        if line.kind == "stock"
    ]


def promise(sourcing: Sourcing, shortage: ShortagePolicy) -> list[object]:
    """Bind a new order to its sources, or refuse it for want of them, as it asked for."""
    decided = sourcing.decided
    if not decided.candidates:
        raise NoEligibleLocation(
            filtered_out={out.location: out.why for out in decided.filtered_out}
        )
    missing = sourcing.missing
    if missing and (shortage != "partial" or not decided.allocations):
        raise InsufficientStock(available=sourcing.available)
    if not missing:
        return [decided]
    return [decided, *(_lacking(line, quantity) for line, quantity in missing.items())]


def _lacking(line: int, quantity: int) -> LineQuantityCancelled:
    return LineQuantityCancelled(line=line, quantity=quantity, reason=SHORTAGE, unsourced=quantity)
