"""Settings of the documents service, beside those that every service has."""

from pathlib import Path

from pydantic import Field, field_validator

from shared.sealing import KeyFileError, keys_of
from shared.settings import ReadableFile, ServiceSettings


class DocumentSettings(ServiceSettings):
    """What documents need."""

    document_key_file: ReadableFile
    """The keys that wrap the patients' keys, as `shared/sealing.py` says. Losing them is losing every document."""
    document_max_bytes: int = Field(default=100 * 1024 * 1024, ge=1)
    """The largest document that is taken."""

    @field_validator("document_key_file")
    @classmethod
    def _holds_keys(cls, file: Path) -> Path:
        try:
            keys_of(file)
        except KeyFileError as error:
            raise ValueError(str(error)) from None
        return file
