"""The machines: the only home of the database, the broker, encoding and logging."""
