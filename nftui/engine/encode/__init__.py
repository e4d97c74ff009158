"""Encoders: flow batches to the datagrams of NetFlow v5, v9 and IPFIX, the inverse of `nftui.engine.decode`."""
