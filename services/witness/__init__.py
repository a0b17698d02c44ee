"""The witness of the access log: cosigns its checkpoints, and keeps the last one where the log cannot reach it."""
