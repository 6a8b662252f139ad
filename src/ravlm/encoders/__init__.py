"""Pixels and words become tokens."""
