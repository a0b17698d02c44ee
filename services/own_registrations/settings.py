"""Settings of own registrations, beside those that every service has."""

from pathlib import Path

from shared.settings import ServiceSettings


class OwnRegistrationSettings(ServiceSettings):
    """What own registrations need."""

    own_registrations_key_file: Path
    """The keys that wrap the patients' keys, as `shared/sealing.py` says. Losing them is losing every registration."""
