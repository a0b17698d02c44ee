"""Calls to a gateway: where it is, whose tokens it is shown, and what its refusals say to a person.

A command opens a `Gateway` and does not know which one it has: the local runner's, for which the local issuer mints
tokens, or any other, for which tokens stand in files.
"""
