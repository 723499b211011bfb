"""What may be asked of the rules that the shop gives itself."""

from dataclasses import dataclass
from datetime import datetime

from commands.handling import Context, Handlers, Handling, Known, Receipt, Rounds, Streams
from domain.order_policy import (
    ORDER_POLICY,
    ORDER_POLICY_STREAM,
    OrderPolicyChanged,
    change_policy,
)


@dataclass(slots=True, kw_only=True)
class SetOrderPolicy:
    """Say what happens to orders by itself, and what must be paid first; times in seconds."""

    expire_unpaid_after: int | None = None
    complete_by_itself: bool = False
    dispatch_needs_payment: bool = False


def set_order_policy(
    command: SetOrderPolicy, streams: Streams, context: Context, now: datetime
) -> Receipt:
    wanted = OrderPolicyChanged(
        expire_unpaid_after=command.expire_unpaid_after,
        complete_by_itself=command.complete_by_itself,
        dispatch_needs_payment=command.dispatch_needs_payment,
    )
    events = change_policy(streams.state(ORDER_POLICY, ORDER_POLICY_STREAM), wanted)
    streams.append(ORDER_POLICY_STREAM, events)
    return Receipt(
        id=ORDER_POLICY_STREAM,
        stream_id=ORDER_POLICY_STREAM,
        outcome="changed",
        changed=bool(events),
    )


def _stream(command: object) -> str:
    return ORDER_POLICY_STREAM


def _needs(command: object, streams: Known) -> Rounds:
    yield (ORDER_POLICY_STREAM,)


HANDLERS: Handlers = {SetOrderPolicy: Handling(set_order_policy, _needs, _stream)}
