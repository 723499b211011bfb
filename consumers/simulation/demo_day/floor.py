"""The warehouse floor on the day: picked, packed, looked at again, and out of the door."""

from datetime import timedelta

from commands.fulfilment import (
    ConfirmDelivery,
    ConfirmPick,
    Dispatch,
    OpenFulfilmentOrders,
    Pack,
    RecordTracking,
    ReportLost,
    ReportReturnedToSender,
    ReportShort,
    StartPick,
    VerifyPack,
)
from commands.handling import Receipt
from commands.order import CompleteOrder
from commands.payment import RecordPayment
from consumers.simulation.demo_day.goods import PLACES
from consumers.simulation.demo_day.stage import Stage
from consumers.simulation.demo_day.stockroom import AFTER_LORRY
from domain.order.state import FulfilmentOrder, Order, Work

# When the carriers' vans come, in seconds since the doors opened.
VANS = tuple(hour * 3_600 for hour in (3, 5, 7, 9))
CARRIERS = {"GB": "Swiftpost", "DE": "Paketwerk", "FR": "ColisVite"}
SCANNED_ONE_BY_ONE = 6
CREW = {place.location: place.crew for place in PLACES}
COUNTRY = {place.location: place.country for place in PLACES}


class Floor:
    """What the places have to do."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._dice = stage.dice

    def release(self, order_id: str) -> None:
        """Give out what can be picked; look again when a hold is gone or the lorry was there."""
        order = self._stage.rehearsal.order(order_id)
        if order.status != "confirmed":
            return
        if order.holds:
            self._stage.after(1_800, lambda: self.release(order_id))
            return
        if any(line.allocated for line in order.lines.values()):
            opened = self._ask(OpenFulfilmentOrders(order_id=order_id), order_id, "planner")
            for work in opened.details["fulfilment_ids"] if opened else ():
                job = Parcel(self, self._stage, order_id, work)
                self._stage.after(self._dice.between(300, 2_700), job.pick)
        waiting = any(line.backordered for line in order.lines.values())
        if waiting and self._stage.now < AFTER_LORRY:
            again = AFTER_LORRY + self._dice.below(1_800)
            self._stage.at(again, lambda: self.release(order_id))

    def _ask(self, command: object, order_id: str, actor: str) -> Receipt | None:
        return self._stage.do(command, actor=actor, about=order_id)


class Parcel:
    """One location's work for one order, from the shelf to the customer."""

    def __init__(self, floor: Floor, stage: Stage, order_id: str, work: str) -> None:
        self._floor = floor
        self._stage = stage
        self._dice = stage.dice
        self._id = order_id
        self._work_id = work
        self._shipment = ""

    def pick(self) -> None:
        work = self._work
        if work.status != "open":
            return
        picker = self._dice.pick(CREW[work.location])
        self._ask(StartPick(order_id=self._id, fulfilment_id=self._work_id), picker)
        if self._dice.below(120) == 0:
            self._lack(work, picker)
        for line, part in work.lines.items():
            if part.unpicked:
                self._take(line, part, picker)
        self._stage.after(self._dice.between(240, 1_200), self._pack)

    def _take(self, line: int, part: Work, picker: str) -> None:
        order = self._order
        sku = order.lines[line].sku
        code = self._stage.rehearsal.item(self._work.location, sku).codes[0]
        units = part.unpicked
        scans = units if units <= SCANNED_ONE_BY_ONE else 1
        command = ConfirmPick(
            order_id=self._id,
            fulfilment_id=self._work_id,
            line=line,
            quantity=units,
            codes=(code,) * scans,
        )
        self._ask(command, picker)

    def _lack(self, work: FulfilmentOrder, picker: str) -> None:
        """The shelf holds one unit less than the books say."""
        line = next(iter(work.lines))
        command = ReportShort(order_id=self._id, fulfilment_id=self._work_id, line=line, quantity=1)
        self._ask(command, picker)
        self._stage.after(600, lambda: self._floor.release(self._id))

    def _pack(self) -> None:
        work = self._work
        if work.status != "picking":
            return
        packer, verifier = self._pair(work.location)
        units = sum(part.picked for part in work.lines.values())
        command = Pack(
            order_id=self._id, fulfilment_id=self._work_id, parcels=1 + units // 60, packer=packer
        )
        packed = self._ask(command, packer)
        if packed:
            self._shipment = packed.details["shipment_id"]
            self._stage.after(self._dice.between(60, 400), lambda: self._verify(verifier))

    def _pair(self, location: str) -> tuple[str, str]:
        crew = CREW[location]
        first = self._dice.below(len(crew))
        return crew[first], crew[(first + 1) % len(crew)]

    def _verify(self, verifier: str) -> None:
        self._ask(VerifyPack(order_id=self._id, shipment_id=self._shipment), verifier)
        vans = [van for van in VANS if van > self._stage.now]
        if vans:
            self._stage.at(vans[0] + self._dice.below(1_200), self._dispatch)

    def _dispatch(self) -> None:
        carrier = CARRIERS[COUNTRY[self._work.location]]
        command = Dispatch(
            order_id=self._id,
            shipment_id=self._shipment,
            carrier=carrier,
            tracking=f"{carrier[:2].upper()}{self._dice.below(10**10):010}",
        )
        if self._ask(command, "gate"):
            self._stage.after(self._dice.between(900, 3_600), self._collected)

    def _collected(self) -> None:
        """The carrier's news are late, and now and then come in the wrong order."""
        city = CARRIERS[COUNTRY[self._work.location]]
        if self._dice.chance(8):
            self._hear("in_transit", 0, f"{city} hub")
            self._hear("collected", 600, None)
        else:
            self._hear("collected", 300, None)
        near = self._order.priority or self._dice.chance(15)
        ending = self._dice.weighted([(130, self._deliver), (1, self._lose), (2, self._bring_back)])
        if near:
            self._stage.after(self._dice.between(2_400, 7_200), ending)

    def _hear(self, status: str, ago: int, where: str | None) -> None:
        command = RecordTracking(
            order_id=self._id,
            shipment_id=self._shipment,
            status=status,
            at=self._stage.moment - timedelta(seconds=ago),
            location=where,
        )
        self._ask(command, "carrier")

    def _deliver(self) -> None:
        proof = self._dice.pick(("signature", "photo", "neighbour"))
        command = ConfirmDelivery(order_id=self._id, shipment_id=self._shipment, proof=proof)
        self._ask(command, "carrier")
        if self._order.payment_mode == "cash_on_delivery" and self._order.paid < self._order.kept:
            self._cash_in()
        self._complete()

    def _cash_in(self) -> None:
        order = self._order
        payment = RecordPayment(
            order_id=self._id,
            payment_id=f"CASH-{self._shipment}",
            provider="cash",
            provider_ref=f"{self._id}/{self._shipment}",
            amount=order.kept - order.paid,
            currency=order.currency,
        )
        self._ask(payment, "carrier")

    def _lose(self) -> None:
        reason = "not found in the depot"
        self._ask(
            ReportLost(order_id=self._id, shipment_id=self._shipment, reason=reason), "carrier"
        )

    def _bring_back(self) -> None:
        command = ReportReturnedToSender(
            order_id=self._id, shipment_id=self._shipment, reason="nobody there"
        )
        self._ask(command, "carrier")

    def _complete(self) -> None:
        order = self._order
        settled = all(line.settled for line in order.lines.values())
        if settled and (order.payment_mode == "on_account" or order.paid >= order.kept):
            self._ask(CompleteOrder(order_id=self._id), "order-desk")

    def _ask(self, command: object, actor: str) -> Receipt | None:
        return self._stage.do(command, actor=actor, about=self._id)

    @property
    def _order(self) -> Order:
        return self._stage.rehearsal.order(self._id)

    @property
    def _work(self) -> FulfilmentOrder:
        return self._order.fulfilment_orders[self._work_id]
