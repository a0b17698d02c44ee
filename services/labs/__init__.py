"""Labs: laboratory, pathology and imaging reports, from preliminary to final to corrected.

Source: the laboratories, whose feeds (SYSTEM) are the only ones that write. A report lives as versions of one entry.
Personnel and citizens read. What the patient has restricted (NORS) is withheld from personnel without an elevated
basis; what is refused or delayed for the citizen (NORN_*, NORU) does not exist for citizens, until its time has come or
a doctor has judged it and releases it.

Beside each version stand the codes that it carries, so that SQL finds reports by analysis, and the end of its delay.
"""
