"""Looks at flows as they come for what an operator wants to be told: thresholds, listed addresses, attacks, news."""
