"""Sessions with PostgreSQL and its wire format; knows nothing of events."""
