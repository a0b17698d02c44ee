"""Names of the claims and scopes in the national identity provider's tokens (HelseID, trust framework v1.1).

The clinicians' scope is Kjernejournal's own; the other three kinds of caller have tokens of our own, so their scopes
are ours.
"""

PID = "helseid://claims/identity/pid"
SECURITY_LEVEL = "helseid://claims/identity/security_level"
HPR_NUMBER = "helseid://claims/hpr/hpr_number"
HPR_DETAILS = "helseid://claims/hpr/hpr_details"
ORGNR_PARENT = "helseid://claims/client/claims/orgnr_parent"
ORGNR_CHILD = "helseid://claims/client/claims/orgnr_child"
CLIENT_ID = "client_id"
CLIENT_NAME = "helseid://claims/client/client_name"
ATTEST = "nhn:tillitsrammeverk:parameters"

SCOPE_CLINICIAN = "nhn:kjernejournal/api"
SCOPE_CITIZEN = "kjernejournal/citizen"
SCOPE_SYSTEM = "kjernejournal/system"
SCOPE_AUDITOR = "kjernejournal/auditor"
SCOPE_CONTROLLER = "kjernejournal/controller"

PURPOSE_OF_USE = "urn:oid:2.16.840.1.113883.1.11.20448"
"""The code system of the purpose in an attest: HL7's PurposeOfUse."""
