"""Laboratory answers: reports, their results, and which Observation belongs to which report."""
