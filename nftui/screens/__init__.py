"""Screens: compose widgets, hold the selection, ask the engine for snapshots."""
