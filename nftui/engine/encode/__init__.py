"""Wire formats out: flow batches to datagrams. The inverse of `decode`."""
