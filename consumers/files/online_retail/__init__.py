"""A month of an online gift shop's trade, read as the shop's own channel would have sent it.

An invoice is an order at its time of sale, on account, since the file tells of no payment. Codes
that are no goods become charge lines. The file tells of no receipts either: its skus are carried
by one location of their own, which lets demand wait without limit.

`C…` invoices cancel earlier sales, as the file tells of no shipment: each line takes its units
from the sales of the same customer and code, oldest first, from several when need be, in earlier
files too. A line without customer, or with more units than are left, is rejected. One that was met
before, told by what it says, takes what it took then.

Lines of negative quantity are corrections of the stock, with the description as their reason. So
are the lines of invoices on which nothing has a price and no customer is named: they are their
mirror image (one line each, no product title but nothing or `Found`, `?`, `amazon`, and often a
minute from the opposite correction of the same sku). A line without price on any other invoice is
a free part of that sale: a sample, a replacement, or goods that a partner site has charged for.
A correction that takes more than is on hand receives an `opening-balance` in the same command.
"""

from consumers.files.online_retail.run import import_online_retail
from consumers.files.online_retail.sending import carried, messages
from consumers.files.online_retail.setting_up import CHANNEL

__all__ = ["CHANNEL", "carried", "import_online_retail", "messages"]
