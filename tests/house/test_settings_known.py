"""The list of variables that processes know is that of their classes of settings, and of what else reads them."""

import re
from pathlib import Path

from gateway.settings import GatewaySettings
from services.audit.settings import AuditSettings
from services.documents.settings import DocumentSettings
from services.own_registrations.settings import OwnRegistrationSettings
from services.witness.settings import WitnessSettings
from shared.environment import KNOWN, PREFIX
from shared.settings import ServiceSettings

ROOT = Path(__file__).resolve().parents[2]
CLASSES = (GatewaySettings, ServiceSettings, AuditSettings, DocumentSettings, OwnRegistrationSettings, WitnessSettings)
ELSEWHERE = {"KJ_DATABASE_OWNER_URL", "KJ_DATA_DIR", "KJ_PORT"}
"""Read by Jobs and by the command line."""


def test_every_setting_is_known_and_nothing_else() -> None:
    fields = {PREFIX + name.upper() for each in CLASSES for name, field in each.model_fields.items() if not field.alias}
    assert fields - {"KJ_OTLP_ENDPOINT"} | ELSEWHERE == KNOWN, "write it into shared/environment.py"


def test_every_class_of_settings_is_among_them() -> None:
    defined = {
        name
        for folder in ("gateway", "services")
        for path in (ROOT / folder).rglob("*.py")
        for name in re.findall(r"class (\w+)\(\w*Settings\):", path.read_text())
    }
    assert defined <= {each.__name__ for each in CLASSES}


def test_every_setting_is_explained_to_who_installs() -> None:
    explained = (ROOT / "k8s" / "README.md").read_text()
    assert {name for name in KNOWN - ELSEWHERE if name not in explained} == set()
