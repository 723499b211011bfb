"""Whose export a file looks like, so that a refusal can say what was taken for an order file."""

from collections.abc import Iterable

SIGNS = {
    "an order report of Amazon": {"orderid", "orderitemid", "quantitypurchased"},
    "an export of orders from Shopify": {"lineitemname", "lineitemquantity"},
    "an order report of eBay": {"salesrecordnumber", "itemnumber"},
    "an order report of eBay in French": {"numérodevente", "intitulédelobjet"},
    "an export of items from Square": {"pricepointname", "grosssales"},
    "an export of sales orders from Odoo": {"orderlineproductid", "orderlineproductuomqty"},
}


def looks_like(columns: Iterable[str]) -> str | None:
    """By names of columns in small letters without blanks and signs."""
    names = set(columns)
    return next((shop for shop, signs in SIGNS.items() if signs <= names), None)
