"""Answers about any time in the past, in the words of the live window."""
