"""Servers for one machine: an embedded PostgreSQL, a broker from jars."""
