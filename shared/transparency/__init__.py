"""Transparency logs: Merkle trees after RFC 6962, tiles, checkpoints and cosignatures after C2SP.

Pure functions: nothing here reads a clock, a database or a file. The access log's service, its witness and `kj` use the
same ones.
"""
