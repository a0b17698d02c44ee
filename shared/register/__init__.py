"""What every register is: versioned entries with feeds, restrictions, an outbox and retries that have one effect."""
