"""Topics and clients of Kafka; knows nothing of the database."""
