"""The tests; their folders mirror the rooms and tell what a test costs."""
