"""The rules of documents."""

from datetime import UTC, datetime

import pytest

from kjernejournal.common.v1.common_pb2 import CodeableConcept, Coding, Period
from kjernejournal.documents.v1 import documents_pb2 as pb
from services.documents import model
from shared.codes import closed_lists, document_types
from shared.codes.systems import DOCUMENT_TYPES
from shared.convert import timestamp
from shared.errors import Invalid
from shared.register import restriction
from tests.services.documents.calls import document

NOW = datetime(2026, 1, 1, tzinfo=UTC)
HL7 = "urn:oid:2.16.840.1.113883.5.25"


def at(year: int) -> Period:
    return Period(start=timestamp(datetime(year, 1, 1, tzinfo=UTC)))


@pytest.mark.parametrize(
    "field, wrong",
    [
        ("mime_type", document(mime_type="pdf")),
        ("mime_type", document(mime_type="text/plain\r\nx: y")),
        ("language", document(language="norsk bokmål")),
        ("sha256", document(sha256=b"x")),
        ("size", document(size=-1)),
        ("type", document(type=CodeableConcept())),
        ("type.codings[0]", document(type=CodeableConcept(codings=[Coding(code="A03-2")]))),
        ("type.codings[0].code", document(type=CodeableConcept(codings=[Coding(system=DOCUMENT_TYPES, code="A99-2")]))),
        ("class_code.system", document(class_code=Coding(system="urn:x", code="A00-1"))),
        ("class_code.code", document(class_code=Coding(system=DOCUMENT_TYPES, code="A03-2"))),
        ("class_code.code", document(class_code=Coding(system=DOCUMENT_TYPES, code="B00-1"))),
        ("confidentiality[0].system", document(confidentiality=[Coding(system="urn:x", code="R")])),
        ("confidentiality[0].code", document("NORX")),
        ("confidentiality[1].code", document("N", "")),
        ("service_period.start", document(service_period=at(1800))),
        ("service_period.start", document(service_period=at(2027))),
        ("service_period.end", document(service_period=Period(start=at(2020).start, end=at(2019).start))),
        ("creation_time", document(creation_time=at(2027).start)),
        ("relations[0].kind", document(relations=[pb.DocumentRelation(document_id="x")])),
    ],
)
def test_metadata_that_breaks_a_rule_is_refused_by_field(field: str, wrong: pb.Document) -> None:
    with pytest.raises(Invalid) as refused:
        model.check(wrong, NOW)
    assert refused.value.field == field


def test_media_types_with_parameters_and_source_codings_beside_9602_are_taken() -> None:
    both = document(mime_type="text/plain; charset=utf-8")
    both.type.codings.add(system="http://loinc.org", code="18842-5")
    model.check(both, NOW)
    model.complete(both)
    assert both.class_code.code == "A00-1"
    assert [coding.code for coding in both.type.codings] == ["A03-2", "18842-5"]


@pytest.mark.parametrize("code", closed_lists.RESTRICTIONS)
def test_class_marks_and_status_stand_side_by_side(code: str) -> None:
    for class_code in document_types.CLASSES:
        status = pb.AVAILABILITY_STATUS_DEPRECATED
        sent = document(code, availability_status=status, type=CodeableConcept(text="noe"))
        sent.class_code.CopyFrom(Coding(system=DOCUMENT_TYPES, code=class_code))
        kind = model.kind_of(sent)
        assert kind & model.DEPRECATED
        assert kind & sum(restriction.Mark) == restriction.marks_of(sent.confidentiality)
        assert model.CLASSES[kind >> model.CLASS_SHIFT & model.CLASS_BITS] == class_code
        assert kind < 2**15


def test_every_type_has_a_class_that_exists() -> None:
    for code in document_types.TYPES:
        assert f"{code[0]}00-1" in document_types.CLASSES
    assert len(document_types.TYPES) + len(document_types.CLASSES) == 63


@pytest.mark.parametrize("kind", [pb.RELATION_KIND_REPLACES, pb.RELATION_KIND_TRANSFORMS_AND_REPLACES])
def test_an_upload_does_not_replace(kind: pb.RelationKind.ValueType) -> None:
    with pytest.raises(Invalid):
        model.check_new(document(relations=[pb.DocumentRelation(kind=kind)]), feed=True)
