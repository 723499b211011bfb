"""StockItem: one sku at one location."""
