"""Wire formats in: datagrams to flow batches. Pure functions over NumPy arrays."""
