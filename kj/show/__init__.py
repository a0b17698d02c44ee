"""What people see in the terminal: summaries, alerts, the access log and traces.

What is read of a patient's record, by personnel or the patient, is Norwegian: `kj summary`, `kj check`, `kj accesses`.
What operators and developers read is English: help, refusals of usage, `kj up`, `load`, `import`, `trace` and the like,
and whatever is printed for machines (`--json`, and in a pipe).
"""
