"""Widgets: plain values in, messages out. No engine behind them."""
