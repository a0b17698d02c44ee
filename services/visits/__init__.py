"""Visits: contacts with specialist care since 2008, time and place, never a diagnosis.

Source: the patient register (NPR), whose feed (SYSTEM) is the only one that writes. Personnel and citizens read, and
may report that a visit is wrong: the mark stays until the register's next version of that visit. Units whose contacts
are not to be shown are left out by the patient register itself.
"""
