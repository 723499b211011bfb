"""The machines, on a real PostgreSQL and a real Kafka."""
