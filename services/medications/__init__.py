"""Medicines: prescriptions, dispensings, what sources say is in use, and the patient's medication list.

Source: the prescription register's feed (SYSTEM) for prescriptions and dispensings; other sources' orders and
statements by import. The list is sent by doctors; others propose changes to it. Clinicians and citizens read.

What the sources leave open is decided so:

- An entry that was discontinued more than 90 days ago has left the list when it is read, and need not be sent back. It
  stays in the version that stated it. An entry that should never have been there is named in `in_error`.
- A lookup is signed, not stored: with a key that the migration has made, for one list, version and time.
- What is discontinued recalls its prescriptions and those of its treatment, unless an entry in use is on them.
- A feed may send what is recorded as finished or recalled again, not as dispensable: its message is refused, and the
  field named. A list that was confirmed before the recorded one is left as unchanged.
- A guardian is not shown what is reserved, nor how much it is: it is left out and not counted as withheld.
- A proposal about an entry that has left the list waits for a doctor all the same; it can only be declined.
- Locked prescriptions are withheld; an entry of the list that names one is shown, since the list goes back whole.
"""
