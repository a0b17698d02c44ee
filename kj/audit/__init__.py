"""`kj audit`: verifies the access log, proves a record, and exports what a stranger needs to verify it."""
