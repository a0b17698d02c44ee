"""The summary: every register asked at once, the indicator, the check of a medicine before it is prescribed."""
