"""Settings of own registrations, beside those that every service has."""

from pathlib import Path

from shared.settings import ServiceSettings


class OwnRegistrationSettings(ServiceSettings):
    """What own registrations need."""

    own_registrations_key_file: Path
    """32 random bytes: the key that wraps the patients' keys. Losing it is losing every registration."""
