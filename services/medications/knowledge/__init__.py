"""Drug knowledge: the table that safety checks are made against, kept by version."""
