"""Recognises a note that comes both as a DiagnosticReport and as a DocumentReference: it is one document."""

import hashlib
from collections.abc import Iterable
from contextlib import suppress

from kj.fhir_r4.bundle.bundle import Bundle
from kj.fhir_r4.bundle.name_index import NameIndex
from kj.fhir_r4.bundle.node import Node
from kj.fhir_r4.bundle.refusals import BadField
from kj.fhir_r4.bundle.resource import Resource
from kj.fhir_r4.reading.modifiers import of_resource


class Notes:
    """What the DocumentReferences of a bundle are also known as."""

    def __init__(self, bundle: Bundle) -> None:
        self._names, self._contents = NameIndex(), NameIndex()
        self._related: set[int] = set()
        if not bundle.count("DiagnosticReport"):
            return
        for document in bundle.of_type("DocumentReference"):
            if of_resource(document):
                continue
            with suppress(BadField):  # such a document is not placed, and so stands for no note
                self._take(bundle, document)

    def _take(self, bundle: Bundle, document: Resource) -> None:
        node = document.node
        names = [each.text("value") for each in node.children("identifier")]
        attachments = (each.child("attachment") for each in node.children("content"))
        digests = _digests(each for each in attachments if each is not None)
        about = node.child("context")
        related = [bundle.resolve(each, document) for each in (about.children("related") if about else [])]
        for name in names:
            self._names.add(name, document.position)
        for digest in digests:
            self._contents.add(digest, document.position)
        self._related |= {each.position for each in related if each is not None and each.type == "DiagnosticReport"}

    def hold(self, report: Resource) -> bool:
        """Whether a document holds this DiagnosticReport too.

        It does if it names the report, by identifier or relation, or has the same bytes.
        """
        names = {report.full_url} if report.full_url else set()
        if report.id:
            names |= {f"urn:uuid:{report.id}", f"DiagnosticReport/{report.id}"}
        if report.position in self._related or any(name in self._names for name in names):
            return True
        return self.hold_content(report.node.children("presentedForm"))

    def hold_content(self, attachments: Iterable[Node]) -> bool:
        """Whether a document has the same bytes as one of these."""
        return any(each in self._contents for each in _digests(attachments))


def _digests(attachments: Iterable[Node]) -> set[str]:
    """Returns the SHA-256 of each content that is in the bundle."""
    return {hashlib.sha256(each.text("data").encode()).hexdigest() for each in attachments if each.text("data")}
