"""The local probe: packets to flows."""
