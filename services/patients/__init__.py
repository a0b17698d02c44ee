"""Who the patients are, and what they have decided about their record.

National ids stand here and nowhere else: every other register knows a `patient_ref`, and what is asked before each call
is answered by this service. A person may have several refs: a merge makes one of them canonical and the others its
aliases, an unmerge takes that back, and no row of a clinical register moves. A person who is only named (a parent, a
guardian, a proxy) has a ref too, so that nothing has to be mended when that person is registered.

Sources: the population register and the register of general practitioners (SYSTEM), and for the privacy settings the
patients themselves, or personnel at their request.
"""
