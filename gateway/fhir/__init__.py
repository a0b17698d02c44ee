"""FHIR R4: bundles of other systems into the messages of our registers.

Pure functions from JSON to messages, one file a family of resource types: no network, no database, no clock but the one
handed in. A file is mapped and checked whole before anything of it is sent. What no register holds is counted with its
reason, never dropped in silence. Codes stay as the source wrote them; nothing is translated and nothing is guessed.
"""
