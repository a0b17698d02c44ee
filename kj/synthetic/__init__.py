"""A synthetic Norwegian population: people who do not exist, with families, doctors and records that could.

`record.records` gives them. Everything is drawn from a seed, so that the same seed gives the same people on every
machine; nothing here reads a clock, a file or the global random generator. National ids are synthetic (month + 80),
organisation and HPR numbers belong to nobody, codes are the real ones.
"""
