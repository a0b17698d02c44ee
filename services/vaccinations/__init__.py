"""Vaccinations: each dose that was given, or was not, with vaccine, batch, place and country.

Source: the national vaccination register (SYSVAK), whose feed (SYSTEM) is the only one that writes; imports bring doses
that were given abroad, under the codes of their source. Personnel and citizens read. The register is from 1995 and is
complete for everybody since January 2011: an empty list of an adult says little about the time before.
"""
