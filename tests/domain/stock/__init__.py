"""Tests of one sku at one location."""
