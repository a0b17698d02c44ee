"""The local runner: an embedded PostgreSQL, every service as a process, an issuer of tokens."""
