"""The HTTP edge: who asks, what for, and with what."""
