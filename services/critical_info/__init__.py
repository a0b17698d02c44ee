"""Critical information: what anybody who treats the patient in an emergency has to know.

Source: the record itself; it is the one clinical register that health personnel write here. Doctors write every
category, nurses certain treatments, psychologists the crisis plan; citizens read. A feed (SYSTEM) may import.
"""
