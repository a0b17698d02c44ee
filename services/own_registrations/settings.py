"""Settings of own registrations, beside those that every service has."""

from shared.settings import ReadableFile, ServiceSettings


class OwnRegistrationSettings(ServiceSettings):
    """What own registrations need."""

    own_registrations_key_file: ReadableFile
    """The keys that wrap the patients' keys, as `shared/sealing.py` says. Losing them is losing every registration."""
