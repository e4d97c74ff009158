"""Flows on disk: live segments, sealed slots, catalogue, lock, recovery."""
