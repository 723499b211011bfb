"""A lifelike day of trade for the demo: the same day every time, ending at the moment it is told.

Four places in three countries sell over five channels. Some skus are scarce, some orders are held,
cancelled or refused, a lorry comes in the afternoon, and by the evening most parcels have left.
"""

from consumers.simulation.demo_day.day import CLOSING, DayReport, day, play

__all__ = ["CLOSING", "DayReport", "day", "play"]
