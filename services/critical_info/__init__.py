"""Critical information: what anybody who treats the patient in an emergency has to know.

Source: the record itself; it is the one clinical register that health personnel write here. Doctors write every
category, nurses certain treatments and implants, psychologists that there is a crisis plan (`authority`, with sources);
citizens read. A feed (SYSTEM) may import.

`categories` says what each of the eleven takes, `model` what everybody must keep to, `personnel` what clinicians must
beside it, `changes` what a change does, `absences` until when "none known" holds.
"""
