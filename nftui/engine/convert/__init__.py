"""Flows from files of one format to files of another: streaming, resumable, never half a file under its name."""
