"""Commands: what may be asked of the domain.

- `order`: place, confirm, reject, cancel, hold and complete orders
- `resourcing`: choose again where their units come from
- `fulfilment`: pick, pack, dispatch and deliver what was ordered
- `payment`: money that came and money that went back
- `stock`: what is there at one location, and what is promised of it
- `location`: where stock is kept, and how a location is chosen
- `policy`: what happens to orders by itself
- `together`: several of these as one

`HANDLERS` is the way in: it says for each command who handles it and which streams that needs.
"""

from commands import fulfilment, location, order, payment, policy, resourcing, stock
from commands.handling import Handlers, Handling
from commands.together import Together, together

SINGLE: dict[type, Handling] = {
    **order.HANDLERS,
    **resourcing.HANDLERS,
    **fulfilment.HANDLERS,
    **payment.HANDLERS,
    **stock.HANDLERS,
    **location.HANDLERS,
    **policy.HANDLERS,
}
HANDLERS: Handlers = {**SINGLE, Together: together(SINGLE)}
