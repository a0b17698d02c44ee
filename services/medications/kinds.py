"""What an entry of this register is, as the column `kind` says it: what SQL tells apart.

Open and closed are as recorded; a prescription that is past its validity is still open here, since only a reader's
clock can tell.
"""

PRESCRIPTION_OPEN = 1
PRESCRIPTION_CLOSED = 2
DISPENSING = 3
STATEMENT = 4
MEDICATION_LIST = 5
PROPOSAL_OPEN = 6
PROPOSAL_ANSWERED = 7

LOCKED = 10
"""Added to a kind: locked by the patient."""

PRESCRIPTIONS = (PRESCRIPTION_OPEN, PRESCRIPTION_CLOSED)
LOCKED_PRESCRIPTIONS = (LOCKED + PRESCRIPTION_OPEN, LOCKED + PRESCRIPTION_CLOSED)
DISPENSINGS = (DISPENSING,)
LOCKED_DISPENSINGS = (LOCKED + DISPENSING,)
ALL_LOCKED = LOCKED_PRESCRIPTIONS + LOCKED_DISPENSINGS
STATEMENTS = (STATEMENT,)
