"""From the network to decoded batches: sockets, exporters, the pipeline."""
