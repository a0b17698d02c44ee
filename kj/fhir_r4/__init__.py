"""FHIR R4: bundles of other systems into the messages of our registers.

Functions from JSON to messages, one file a family of resource types: no network, no database, no clock but the one
handed in. A file is read, mapped and checked whole before anything of it is sent: `unpacking` and `json_window` take it
entry by entry within limits, `bundle` keeps the entries in a temporary file and finds what references mean, `mapping`
places or explains each resource, and `message_spool` keeps the messages in a temporary file until they are sent. Memory
grows by some fifty bytes an entry, not with what the entries hold.

What no register holds is counted with its reason, never dropped in silence. Codes stay as the source wrote them;
nothing is translated and nothing is guessed. A restriction that a register cannot keep leaves the resource outside.
"""
