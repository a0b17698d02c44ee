"""Own registrations: contacts and kin, communication needs, illness in the patient's words, the donor card.

Source: the patient. The patient writes, a proxy with the right to edit, a guardian of a child, or personnel at the
patient's request; personnel read. A feed (SYSTEM) may import.

Content is encrypted under the patient's own key, which is stored wrapped by a key that is not in the database
(`KJ_OWN_REGISTRATIONS_KEY_FILE`): it names kin and their telephone numbers, and a clinical database names nobody.
Without that file the register is noise.

Deletion is for good: the rows of every version go, and with the last entry the patient's key. What stays are ids and
times, which say nothing of what was registered: the request ids, so that a retry of the deletion is answered as the
first try was and a retry of what made the entry does not make it again; and the id under which a feed had sent it, so
that the next import does not bring it back. PostgreSQL's free space and its log hold ciphertext and wrapped keys for a
while. The access log keeps that the entry was there and who deleted it.

A patient has one donor card, whoever saves it and however many save at once. Two patients who turn out to be one may
have two: both are shown, and one of them is to be deleted.
"""
