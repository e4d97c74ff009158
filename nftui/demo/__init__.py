"""A small company's traffic, made up: for the demo, for screenshots and for trying things out without a router."""
