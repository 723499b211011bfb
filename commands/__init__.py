"""Commands: what may be asked of the domain.

- `order`: place, confirm, reject, cancel, hold and complete orders
- `resourcing`: choose again where their units come from
- `fulfilment`: pick, pack, dispatch and deliver what was ordered
- `payment`: money that came and money that went back
- `stock`: what is there at one location, and what is promised of it
- `location`: where stock is kept, and how a location is chosen
- `policy`: what happens to orders by itself
- `together`: several of these as one
- `reach`: whom each of them concerns

`HANDLERS` is the way in: it says for each command who handles it and which streams that needs.
"""

from commands import fulfilment, location, order, payment, policy, resourcing, stock
from commands.handling import Handlers, Handling
from commands.reach import (
    of_item,
    of_location,
    of_order,
    reaching,
    unknown_item,
    unknown_location,
    unknown_order,
)
from commands.together import Together, together

ON_ORDERS = (order, resourcing, fulfilment, payment)

SINGLE: dict[type, Handling] = {
    **{
        command: handling
        for noun in ON_ORDERS
        for command, handling in reaching(noun.HANDLERS, of_order, unknown_order).items()
    },
    **reaching(stock.HANDLERS, of_item, unknown_item),
    **reaching(location.HANDLERS, of_location, unknown_location),
    **policy.HANDLERS,
}
HANDLERS: Handlers = {**SINGLE, Together: together(SINGLE)}
