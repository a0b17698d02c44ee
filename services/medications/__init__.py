"""Medicines: prescriptions, dispensings, what sources say is in use, and the patient's medication list.

Source: the prescription register's feed (SYSTEM) for prescriptions and dispensings; other sources' orders and
statements by import. The list is sent by doctors; others propose changes to it. Clinicians and citizens read.
"""
