"""DocumentReference becomes a document with its bytes, or is not placed, with the reason."""

import base64
from typing import Any

import pytest

from kj.fhir_r4.resources import documents
from kj.fhir_r4.resources.documents import media_type
from kjernejournal.documents.v1 import documents_pb2 as pb
from shared.codes import document_types
from tests.kj.fhir_r4.bundles import bundle, coded, document, mapped, patient, reasons, record_of, resource

NOTE = "the same note as a DocumentReference: one document"


def made(**fields: Any) -> pb.ImportedDocument:
    [entry] = record_of(document(**fields)).documents.documents
    return entry


def content(data: bytes, **fields: Any) -> list[dict[str, Any]]:
    return [{"attachment": {"contentType": "application/pdf", "data": base64.b64encode(data).decode(), **fields}}]


def test_a_document_comes_with_its_bytes() -> None:
    entry = made(content=content(b"\x00\xff" * 1000, title="Epikrise", language="nb-NO"))
    assert entry.content == b"\x00\xff" * 1000
    assert (entry.document.mime_type, entry.document.title, entry.document.language) == (
        "application/pdf",
        "Epikrise",
        "nb-NO",
    )
    assert entry.document.type.codings[0].code == "34117-2"


@pytest.mark.parametrize(
    "status, availability",
    [("current", pb.AVAILABILITY_STATUS_APPROVED), ("superseded", pb.AVAILABILITY_STATUS_DEPRECATED)],
)
def test_the_status(status: str, availability: int) -> None:
    assert made(status=status).document.availability_status == availability


def test_content_may_be_a_binary_of_the_bundle() -> None:
    binary = {"resourceType": "Binary", "id": "b", "contentType": "text/plain", "data": "aGVp"}
    record = record_of(document(content=[{"attachment": {"url": "Binary/b"}}]), binary)
    assert record.documents.documents[0].content == b"hei"


def test_of_several_forms_the_first_is_kept_and_the_others_counted() -> None:
    value = mapped(bundle(patient(), document(content=[*content(b"a"), *content(b"b")])))
    assert value.records[0].documents.documents[0].content == b"a"
    assert value.cuts["further forms of one document"] == 1


@pytest.mark.parametrize(
    "fields, reason",
    [
        ({"content": []}, "has no content in the bundle"),
        ({"content": [{"attachment": {"url": "http://x.example/1"}}]}, "has no content in the bundle"),
        ({"status": "entered-in-error"}, "is entered in error: withdrawn in the register too"),
        ({"docStatus": "entered-in-error"}, "is entered in error: withdrawn in the register too"),
        ({"date": "2031-01-01T00:00:00Z"}, "is dated before 1900 or in the future"),
        (
            {"securityLabel": [coded("TOPSECRET", "", "http://x.example")]},
            "carries a restriction that is not understood",
        ),
        (
            {"securityLabel": [coded("Q", "", "http://terminology.hl7.org/CodeSystem/v3-Confidentiality")]},
            "carries a restriction that is not understood",
        ),
    ],
)
def test_what_is_not_placed_has_its_reason(fields: dict[str, Any], reason: str) -> None:
    assert reasons(document(**fields)) == {reason: 1}


def test_a_restriction_that_is_understood_is_kept() -> None:
    entry = made(securityLabel=[coded("NORS", "Sperret", "urn:oid:2.16.578.1.12.4.1.1.9603")])
    assert entry.document.confidentiality[0].code == "NORS"


@pytest.mark.parametrize("data", ["abc", "a b=", "æ", "aGVp=aGVp"])
def test_bytes_that_are_not_base64_keep_the_document_out(data: str) -> None:
    assert reasons(document(content=[{"attachment": {"data": data}}])) == {
        "entry[1].resource.content[0].attachment.data: is not base64": 1
    }


@pytest.mark.parametrize(
    "written, taken",
    [
        ("text/plain; charset=utf-8", "text/plain; charset=utf-8"),
        ("text/plain;charset=utf-8;format=flowed\x01", "text/plain"),
        ("", "application/octet-stream"),
        ("PDF", "application/octet-stream"),
    ],
)
def test_the_media_type(written: str, taken: str) -> None:
    assert media_type(written) == taken


def note_report(**fields: Any) -> dict[str, Any]:
    return resource("DiagnosticReport", "rep", status="final", **fields)


@pytest.mark.parametrize(
    "note, twin",
    [
        (document(identifier=[{"system": "urn:ietf:rfc:3986", "value": "urn:uuid:rep"}]), note_report()),
        (document(context={"related": [{"reference": "DiagnosticReport/rep"}]}), note_report()),
        (document(), note_report(presentedForm=[{"data": "aGVp"}])),
    ],
)
def test_a_note_that_comes_twice_is_one_document(note: dict[str, Any], twin: dict[str, Any]) -> None:
    value = mapped(bundle(patient(), twin, note))
    assert len(value.records[0].documents.documents) == 1
    assert value.tally.rows["DiagnosticReport"].not_placed == {NOTE: 1}


def test_another_report_is_not_that_note() -> None:
    value = mapped(bundle(patient(), document(), note_report(presentedForm=[{"data": "bmVp"}])))
    assert NOTE not in value.tally.rows["DiagnosticReport"].not_placed


def test_norwegian_types_and_classes_stand_in_their_own_fields() -> None:
    volven = "urn:oid:2.16.578.1.12.4.1.1.9602"
    entry = made(type=coded("A03-2", "Epikrise", volven), category=[coded("A00-1", "Epikriser", volven)])
    assert (entry.document.type.codings[0].code, entry.document.class_code.code) == ("A03-2", "A00-1")
    assert reasons(document(type=coded("A99-2", "", volven))) == {"is of a type that Volven 9602 does not have": 1}


def test_the_code_lists_are_those_of_the_register() -> None:
    assert set(document_types.TYPES) == documents.TYPES
    assert set(document_types.CLASSES) == documents.CLASSES
