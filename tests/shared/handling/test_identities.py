"""National ids stay out of every string that is not meant for one."""

import pytest

from kjernejournal.common.v1.common_pb2 import Coding, EntryHeader, PatientIdentifier, Provenance
from kjernejournal.critical_info.v1 import critical_info_pb2 as ki
from shared.errors import Invalid
from shared.handling import decoding, identities
from shared.redaction import redact
from tests.services.patients.people import new_id


def split(value: str, between: str) -> str:
    return f"{value[:6]}{between}{value[6:]}"


@pytest.mark.parametrize("between", ["", " ", "-", "."])
def test_in_what_a_feed_sends_a_national_id_is_replaced_and_counted(between: str) -> None:
    value = split(new_id(), between)
    entry = ki.CriticalInfo(comment=f"Se {value}, og ({value}).")
    identities.clean(entry, people=False)
    assert entry.comment == f"Se {identities.MARK}, og ({identities.MARK})."
    assert identities.replaced() == 2


@pytest.mark.parametrize(
    "written",
    [
        "{0} {1} {2} {3}{4}",
        "{0}.{1}.{2}-{3}{4}",
        "{0}{1}{2} {3} {4}",
        "{0}{1}{2}  {3}{4}",
        "{0}{1}{2} - {3}{4}",
        "{0}{1}{2}\u2013{3}{4}",
        "{0}{1}{2}\u00a0{3}{4}",
        "{0}{1}{2}\n{3}{4}",
        "{0}{1}{2}\u200b{3}{4}",
        "urn:oid:2.16.578.1.12.4.1.4.1.{0}{1}{2}{3}{4}",
        "https://ehr.example/?fnr%20{0}{1}{2}{3}{4}",
    ],
)
def test_a_national_id_is_found_however_it_is_written(written: str) -> None:
    value = new_id()
    parts = value[:2], value[2:4], value[4:6], value[6:9], value[9:]
    others = "".join(chr(0xFF10 + int(digit)) for digit in value)
    for text in (written.format(*parts), " ".join(value), "-".join(value), others):
        with pytest.raises(Invalid):
            decoding.validate(Provenance(source_id=text))
        entry = ki.CriticalInfo(comment=text)
        identities.clean(entry, people=False)
        assert entry.comment.endswith(identities.MARK)
        assert "[id]" in redact(f"fra {text}.")


def test_what_the_contract_does_not_have_is_not_kept() -> None:
    value = new_id().encode()
    entry = ki.CriticalInfo(comment="ingen")
    entry.header.provenance.MergeFromString(b"\xa2\x38" + bytes([len(value)]) + value)  # a string in field 900
    assert value in entry.SerializeToString()
    identities.clean(entry, people=False)
    assert value not in entry.SerializeToString()


def test_a_message_without_any_counts_none() -> None:
    identities.clean(ki.CriticalInfo(comment=new_id()), people=False)
    identities.clean(ki.CriticalInfo(comment="ingen"), people=False)
    assert identities.replaced() == 0


def test_people_are_told_the_field() -> None:
    request = ki.CreateCriticalInfoRequest(critical_info=ki.CriticalInfo(comment=f"mor: {new_id()}"))
    with pytest.raises(Invalid) as refused:
        identities.clean(request, people=True)
    assert refused.value.field == "critical_info.comment"


@pytest.mark.parametrize(
    "text",
    [
        "12345678901",  # no such day
        "tlf. 22 00 00 00 og 4722000000",
        "0f8fad5b-d9cb-469f-a165-70867728950e",
        "1.12057900499",
        "112057900499",
        "01.12.2026 08:30, 1-0-1-0, 120/80 og 37.5",
        "(+47) 22 85 30 06 eller 974 589 095",
        "2.16.578.1.12.4.1.1.9060",
    ],
)
def test_what_is_no_national_id_stays(text: str) -> None:
    entry = ki.CriticalInfo(comment=text)
    identities.clean(entry, people=True)
    assert entry.comment == text


@pytest.mark.parametrize("name", ["source_id", "source_system"])
@pytest.mark.parametrize("around", ["{}", "pasient-{}", "urn:oid:2.16.578.1.12.4.1.4.1:{}"])
def test_in_an_identifier_it_is_refused_to_feeds_too(name: str, around: str) -> None:
    header = EntryHeader(provenance=Provenance(**{name: around.format(new_id())}))  # type: ignore[arg-type]  # one of two
    with pytest.raises(Invalid) as refused:
        decoding.validate(header)
    assert refused.value.field == f"provenance.{name}"


def test_a_national_id_is_no_code() -> None:
    with pytest.raises(Invalid) as refused:
        decoding.validate(Coding(system="http://snomed.info/sct", code=new_id()))
    assert refused.value.field == "code"


def test_where_a_person_is_named_it_stays() -> None:
    patient = PatientIdentifier(national_id=new_id())
    decoding.validate(patient)
    identities.clean(patient, people=True)
    assert patient.national_id
