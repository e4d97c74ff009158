"""Lakes: the stores of several sites in one place, a directory or a bucket."""
