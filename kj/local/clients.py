"""The local issuer's machines, as an operator's table of clients registers them: one client a feed."""

import json
from typing import Any

from kj.synthetic.people.cast import PLACES, REGISTERS

PREFIX = "kj-local-"
"""Before each name here, in the client ids of tokens."""
IMPORT = "import"
"""Moves records from elsewhere: every register, from whatever sources the files name. Who people are it never says."""
PATIENTS = "patients"
"""Says who people are, with their doctors and settings."""
EHR = "ehr"
"""An organisation's own system: follows its patients and shows an icon for them, and feeds nothing."""

_SOURCES = {
    "critical_info": ["Kjernejournal portal"],
    "medications": ["Reseptformidleren", "Fastlegens journal"],
    "visits": ["Norsk pasientregister"],
    "documents": ["Dokumentdeling"],
    "labs": ["Laboratoriesystem"],
    "vaccinations": ["SYSVAK"],
    "own_registrations": ["Helsenorge"],
}
"""Whose entries the synthetic population's feeds send, by register."""

ROWS: dict[str, dict[str, Any]] = {
    **{name: {"feeds": [name], "source_systems": sources} for name, sources in _SOURCES.items()},
    PATIENTS: {"rights": ["population", "general_practitioners", "privacy_settings"]},
    "population": {"rights": ["population"]},
    "general-practitioners": {"rights": ["general_practitioners"]},
    "merges": {"rights": ["merges"]},
    "knowledge": {"rights": ["drug_knowledge"]},
    "operator": {"rights": ["organisations", "log_proofs"]},
    IMPORT: {"feeds": list(_SOURCES), "source_systems": ["*"]},
    EHR: {"rights": ["follow", "indicator"]},
}
"""What each client may do, by its name."""


def table() -> str:
    """Returns the table for KJ_CLIENTS."""
    everywhere = sorted({REGISTERS, *(place.legal_entity for place in PLACES.values())})
    rows = [
        {"client_id": PREFIX + name, "organisation": organisation} | row
        for name, row in ROWS.items()
        for organisation in (everywhere if name == EHR else [REGISTERS])
    ]
    return json.dumps({"clients": rows, "indicator_quotas": dict.fromkeys(everywhere, 600)}, indent=2) + "\n"
