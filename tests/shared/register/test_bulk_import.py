"""What an imported entry is known by."""

from datetime import UTC, datetime

import pytest

from kjernejournal.common.v1.common_pb2 import EntryHeader, Provenance
from shared.convert import timestamp
from shared.errors import Invalid
from shared.register.bulk_import import entry_id

REF = "4b3d7a52-4f6e-4a0e-8a43-6b0f6f1f5c11"
NOW = timestamp(datetime(2026, 3, 1, tzinfo=UTC))


def header(**stated: str) -> EntryHeader:
    return EntryHeader(provenance=Provenance(recorded_at=NOW, **stated))  # type: ignore[arg-type]  # two text fields


@pytest.mark.parametrize(
    "stated, field",
    [({"source_system": "lab A"}, "source_id"), ({"source_id": "1"}, "source_system")],
)
def test_an_entry_is_known_by_its_source_and_its_identifier_there(stated: dict[str, str], field: str) -> None:
    with pytest.raises(Invalid) as refused:
        entry_id(REF, header(**stated), "patients[0].entries[3]")
    assert refused.value.field == f"patients[0].entries[3].header.provenance.{field}"


def test_two_sources_may_use_the_same_identifier() -> None:
    ids = {entry_id(REF, header(source_system=each, source_id="1"), "") for each in ("lab A", "lab B")}
    assert len(ids) == 2
