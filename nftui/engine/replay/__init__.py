"""Stored flows sent again, as an exporter would: encoded, in their own time or faster."""
