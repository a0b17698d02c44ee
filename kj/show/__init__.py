"""What people see in the terminal: summaries, alerts, the access log and traces."""
