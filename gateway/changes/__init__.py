"""The change feed: one reader a register for all followers, and for each follower a stream of its patients' changes."""
