"""Questions to flows: filter language, statistics, listings."""
