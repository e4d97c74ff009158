"""The engine: everything from datagrams to answers, without a screen."""
