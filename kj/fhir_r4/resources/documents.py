"""DocumentReference -> documents, with their content."""

import base64
import binascii
import re
from contextlib import suppress

from kj.fhir_r4.bundle.node import Node
from kj.fhir_r4.bundle.refusals import BadField, NotPlaced
from kj.fhir_r4.bundle.times import AHEAD, EARLIEST, When, period, when
from kj.fhir_r4.reading import security_labels
from kj.fhir_r4.reading.context import Context
from kj.fhir_r4.reading.datatypes import coding, complete, concept
from kjernejournal.common.v1.common_pb2 import CodeableConcept, Coding, Period
from kjernejournal.documents.v1.documents_pb2 import (
    AVAILABILITY_STATUS_APPROVED,
    AVAILABILITY_STATUS_DEPRECATED,
    Document,
    ImportedDocument,
)
from shared.codes.systems import DOCUMENT_TYPES, canonical
from shared.convert import moment

LARGEST = 20 * 1024 * 1024
"""Bytes of content in one message of an import."""

TYPES = frozenset(
    f"{letter}{number:02}-2"
    for letter, most in (("A", 13), ("B", 3), ("C", 7), ("D", 13), ("E", 1), ("F", 10), ("I", 2), ("J", 2), ("S", 3))
    for number in range(1, most + 1)
)
"""Types of document (Volven 9602), which are numbered without gaps in each class."""
CLASSES = frozenset(f"{letter}00-1" for letter in "ABCDEFIJS")

_MIME_TYPE = re.compile(r"[A-Za-z0-9!#$&^_.+-]+/[A-Za-z0-9!#$&^_.+-]+( *; *[A-Za-z0-9_.-]+=[\x20-\x7e]+)?")
_LANGUAGE = re.compile(r"[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*")
_SPACE = re.compile(r"\s")
_UNKNOWN = "application/octet-stream"


def map_document(context: Context) -> ImportedDocument:
    """Returns the document in its first form that is in the bundle; its other forms are counted as left out.

    One that is entered in error is withdrawn, of which nothing is kept. Raises NotPlaced for a document whose content
    is elsewhere, or that carries a restriction which is not understood and so could not be kept.
    """
    node = context.node
    if "entered-in-error" in (node.text("status"), node.text("docStatus")):
        return _withdrawn(context, context.recorded("date"))
    each = node.children("content")
    attachment, form, content = _content(context, [(one.child("attachment"), one.child("format")) for one in each])
    about = node.child("context")
    made = when(attachment, "creation") or context.recorded("date")
    span = period(about.child("period")) if about else None
    _check_times(context, made, span)
    node.count("relatesTo of documents: their status alone says what is replaced", len(node.children("relatesTo")))
    authors = node.children("author")
    author = next(filter(None, map(context.practitioner, authors)), None)
    institution = next(filter(None, map(context.organisation, [node.child("custodian"), *authors])), None)
    title = node.text("description") or attachment.text("title")
    kind = _type(node, title, "type", "category")
    return ImportedDocument(
        document=Document(
            header=context.header(context.recorded("date") or made, recorder=author, organisation=institution),
            availability_status=AVAILABILITY_STATUS_DEPRECATED
            if node.text("status") == "superseded"
            else AVAILABILITY_STATUS_APPROVED,
            class_code=_class(node, kind),
            type=kind,
            format=coding(form) if form else None,
            mime_type=media_type(attachment.text("contentType")),
            title=node.cut(title, 250, "title"),
            author_institution=institution,
            author=author,
            legal_authenticator=context.practitioner(node.child("authenticator")),
            service_period=span,
            creation_time=made.stamp() if made else None,
            language=_language(attachment) or _language(node),
            confidentiality=_confidentiality(context),
            facility_type=_first(about, "facilityType"),
            practice_setting=_first(about, "practiceSetting"),
        ),
        content=content,
    )


def map_presented_form(context: Context) -> ImportedDocument:
    """Returns as a document what a source wrote as a report: a PDF of its results, or a note."""
    node = context.node
    if node.text("status") == "entered-in-error":
        return _withdrawn(context, when(node, "issued", "effectiveDateTime"))
    attachment, _, content = _content(context, [(each, None) for each in node.children("presentedForm")])
    made = when(node, "issued", "effectiveDateTime") or when(attachment, "creation")
    _check_times(context, made, None)
    performers = [*node.children("resultsInterpreter"), *node.children("performer")]
    author = next(filter(None, map(context.practitioner, performers)), None)
    institution = next(filter(None, map(context.organisation, performers)), None)
    title = attachment.text("title")
    return ImportedDocument(
        document=Document(
            header=context.header(made, recorder=author, organisation=institution),
            availability_status=AVAILABILITY_STATUS_APPROVED,
            type=_type(node, title, "code", "category"),
            mime_type=media_type(attachment.text("contentType")),
            title=node.cut(title, 250, "title"),
            author_institution=institution,
            author=author,
            creation_time=made.stamp() if made else None,
            language=_language(attachment) or _language(node),
            confidentiality=_confidentiality(context),
        ),
        content=content,
    )


def _withdrawn(context: Context, made: When | None) -> ImportedDocument:
    context.labels.clear()  # nothing of it is shown that could be restricted
    return ImportedDocument(document=Document(header=context.header(made), withdrawn=True))


def media_type(written: str) -> str:
    """Returns the media type with at most one parameter, as the register takes it; unknown where there is none."""
    if _MIME_TYPE.fullmatch(written) and len(written) <= 127:
        return written
    bare = written.partition(";")[0].strip()
    return bare if _MIME_TYPE.fullmatch(bare) and len(bare) <= 127 else _UNKNOWN


def _content(context: Context, attachments: list[tuple[Node | None, Node | None]]) -> tuple[Node, Node | None, bytes]:
    """Returns the attachment whose bytes are in the bundle, its format, and the bytes."""
    forms = [
        (attachment, form, content)
        for attachment, form in attachments
        if attachment is not None and (content := _bytes(context, attachment)) is not None
    ]
    if not forms:
        raise NotPlaced("has no content in the bundle")
    if len(forms) > 1:
        context.node.cuts["further forms of one document"] += len(forms) - 1
    return forms[0]


def _bytes(context: Context, attachment: Node) -> bytes | None:
    """Returns the content, inline or of a Binary in the bundle; None: it is elsewhere, or empty."""
    holder, data = attachment, attachment.text("data")
    if not data and attachment.text("url"):
        reference = Node({"reference": attachment.text("url")}, attachment.at("url"), attachment.cuts)
        found = context.find(reference)
        if found is not None and found.type == "Binary":
            holder, data = found.node, found.node.text("data")
    if not data:
        return None
    if len(data) > LARGEST // 3 * 4 + LARGEST // 16:
        raise NotPlaced(f"has more than {LARGEST} bytes of content")
    content = _decoded(data)
    if content is None:
        raise BadField(holder.at("data"), "is not base64")
    if len(content) > LARGEST:
        raise NotPlaced(f"has more than {LARGEST} bytes of content")
    return content or None


def _decoded(data: str) -> bytes | None:
    """Returns the bytes; None: it is not base64.

    White space is taken out only where there is some: that saves most contents a copy.
    """
    for written in (data, "".join(data.split()) if _SPACE.search(data) else None):
        if written is not None:
            with suppress(binascii.Error, ValueError):
                return base64.b64decode(written, validate=True)
    return None


def _type(node: Node, title: str, name: str, further: str) -> CodeableConcept:
    """Returns the type; the first category where there is none; else the title as text."""
    for each in (node.child(name), *node.children(further)):
        made = concept(each)
        whole = complete(made, node) if made is not None else CodeableConcept()
        types = [coding for coding in whole.codings if not _is_class(coding)]
        if any(canonical(coding.system) == DOCUMENT_TYPES and coding.code not in TYPES for coding in types):
            raise NotPlaced("is of a type that Volven 9602 does not have")
        if types or whole.text:
            return CodeableConcept(codings=types, text=whole.text)
    return CodeableConcept(text=node.cut(title, 2000, "title") or "not stated")


def _class(node: Node, of: CodeableConcept) -> Coding | None:
    """Returns the class, where the source states one and the type belongs to it."""
    letters = {each.code[0] for each in of.codings if canonical(each.system) == DOCUMENT_TYPES}
    for each in (*node.children("category"), node.child("type")):
        for found in (concept(each) or CodeableConcept()).codings:
            if _is_class(found) and letters <= {found.code[0]}:
                return found
    return None


def _is_class(found: Coding) -> bool:
    return canonical(found.system) == DOCUMENT_TYPES and found.code in CLASSES


def _confidentiality(context: Context) -> list[Coding]:
    """Returns the document's own labels, and the restrictions of every resource that it was made from."""
    labels = [coding(each) for label in context.node.children("securityLabel") for each in label.children("coding")]
    return security_labels.carried([*labels, *context.labels])


def _check_times(context: Context, made: When | None, span: Period | None) -> None:
    times = [made.first()] if made else []
    times += [moment(span.start)] if span and span.HasField("start") else []
    if not all(EARLIEST <= each <= context.now + AHEAD for each in times):
        raise NotPlaced("is dated before 1900 or in the future")


def _language(node: Node) -> str:
    language = node.text("language")
    return language if _LANGUAGE.fullmatch(language) and len(language) <= 35 else ""


def _first(about: Node | None, name: str) -> Coding | None:
    made = concept(about.child(name)) if about else None
    return made.codings[0] if made and made.codings else None
