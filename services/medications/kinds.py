"""What an entry of this register is, as the column `kind` says it: what SQL can distinguish.

Open and closed are as recorded; a prescription that is past its validity is still open here, since only a reader's
clock shows it.
"""

from kjernejournal.medications.v1 import medications_pb2 as pb

PRESCRIPTION_OPEN = 1
PRESCRIPTION_CLOSED = 2
DISPENSING = 3
STATEMENT = 4
MEDICATION_LIST = 5
PROPOSAL_OPEN = 6
PROPOSAL_ACCEPTED = 7
PROPOSAL_DECLINED = 8
PROPOSAL_WITHDRAWN = 9

LOCKED = 10
"""Added to a kind: locked by the patient."""

PRESCRIPTIONS = (PRESCRIPTION_OPEN, PRESCRIPTION_CLOSED)
LOCKED_PRESCRIPTIONS = (LOCKED + PRESCRIPTION_OPEN, LOCKED + PRESCRIPTION_CLOSED)
ANY_PRESCRIPTION = PRESCRIPTIONS + LOCKED_PRESCRIPTIONS
DISPENSINGS = (DISPENSING,)
LOCKED_DISPENSINGS = (LOCKED + DISPENSING,)
ALL_LOCKED = LOCKED_PRESCRIPTIONS + LOCKED_DISPENSINGS
STATEMENTS = (STATEMENT,)
ALWAYS = (PRESCRIPTION_OPEN, LOCKED + PRESCRIPTION_OPEN)
"""Shown in the section whatever the history window: a medicine in force is not history."""

LISTS = (MEDICATION_LIST,)
"""All of them are shown in the section, whatever the history window: a merge of two patients leaves two."""

PROPOSALS = (PROPOSAL_OPEN, PROPOSAL_ACCEPTED, PROPOSAL_DECLINED, PROPOSAL_WITHDRAWN)
BY_STATE = {
    pb.PROPOSAL_STATE_OPEN: PROPOSAL_OPEN,
    pb.PROPOSAL_STATE_ACCEPTED: PROPOSAL_ACCEPTED,
    pb.PROPOSAL_STATE_DECLINED: PROPOSAL_DECLINED,
    pb.PROPOSAL_STATE_WITHDRAWN: PROPOSAL_WITHDRAWN,
}
