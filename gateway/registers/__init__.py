"""Asks the registers: channels to them, which one answers for what, whom a call is about, how refusals read."""
