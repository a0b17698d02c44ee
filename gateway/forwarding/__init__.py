"""Rpcs that a register serves: a handler for each, its incoming streams, what became of a write."""
