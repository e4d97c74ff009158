"""Link, network and transport headers of captured or sampled packets, many at once."""
