"""What several decisions ask of an item before anything else."""

from domain.errors import UnknownStockItem
from domain.stock.state import StockItem


def check_registered(item: StockItem) -> None:
    if item.status == "none":
        raise UnknownStockItem
