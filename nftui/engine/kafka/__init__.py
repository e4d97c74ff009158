"""Flows to Kafka, for those who have consumers there."""
