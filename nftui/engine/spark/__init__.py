"""Stored flows asked on a Spark cluster, through Spark Connect."""
