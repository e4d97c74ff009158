"""nftui: NetFlow in a terminal.

The package root imports nothing, so that `nftui --help` costs what Python costs.
"""

__version__ = "0.1.0"
