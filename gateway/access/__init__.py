"""Decides who may see what.

`tokens` finds out who is calling, `facts` holds what is known of caller and patient, `rules` is the table of what is
allowed, and `policy` decides: a pure function, so that the whole space of its inputs can be tested.
"""
