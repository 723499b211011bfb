"""Tests of what may be asked, over a log in memory."""
