"""Settings of the documents service, beside those that every service has."""

from pydantic import Field

from shared.settings import ReadableFile, ServiceSettings


class DocumentSettings(ServiceSettings):
    """What documents need."""

    document_key_file: ReadableFile
    """The keys that wrap the patients' keys, as `shared/sealing.py` says. Losing them is losing every document."""
    document_max_bytes: int = Field(default=100 * 1024 * 1024, ge=1)
    """The largest document that is taken."""
