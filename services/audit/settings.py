"""Settings of the access log."""

from shared.settings import ServiceSettings


class AuditSettings(ServiceSettings):
    """A service's settings, and whose auditors see everything."""

    data_controller: str = "983544622"
    """Organisation number of the data controller: Helsedirektoratet."""
