"""Consumers: what the world tells us, translated into our commands."""
