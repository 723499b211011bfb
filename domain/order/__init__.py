"""Order: the quantities and the money of one order."""
