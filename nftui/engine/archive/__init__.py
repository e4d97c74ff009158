"""Files of other tools: nfdump, flow-tools, captures and IPFIX files of export datagrams, Parquet of goflow2."""
