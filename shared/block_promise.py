"""Holds the one number that keeps the promise of a block: how old facts may be, and how long a block's answer waits."""

BLOCK_HOLDS_WITHIN = 0.25
"""Seconds after its commit within which a block, a restriction or a reservation holds everywhere.

The promise: from the answer of BlockPersonnel, RestrictSections or SetReservation on, nobody sees what was just closed.
Both sides keep it with this number. The gateway releases nothing on facts that are older, counted from the question for
them; the patients service answers no sooner after its commit. So what was decided on facts of before the commit has
left, or is decided again, by the time the answer comes.
"""
