"""Ordinal regression for rating scales, estimated from counts."""
