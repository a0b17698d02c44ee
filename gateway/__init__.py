"""The one door: aggregates the registers into summaries and forwards every other rpc, after access and audit steps."""
