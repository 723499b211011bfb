"""Tests of what is true: pure and fast."""
