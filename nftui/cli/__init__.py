"""The commands. stdout carries data only; messages go to stderr."""
