"""A note that comes as a DiagnosticReport and a DocumentReference is one document."""

import hashlib
from collections.abc import Iterable

from gateway.fhir.bundle import Bundle, Resource
from gateway.fhir.node import Node


class Notes:
    """What the DocumentReferences of a bundle are also known as."""

    def __init__(self, bundle: Bundle) -> None:
        self._names: set[str] = set()
        self._related: set[int] = set()
        self._contents: set[bytes] = set()
        for document in bundle.of_type("DocumentReference"):
            node = document.node
            self._names.update(each.text("value") for each in node.children("identifier"))
            attachments = (each.child("attachment") for each in node.children("content"))
            self._contents |= _digests(each for each in attachments if each is not None)
            about = node.child("context")
            for reference in about.children("related") if about else []:
                self._related.add(id(bundle.resolve(reference, document)))

    def hold(self, report: Resource) -> bool:
        """Whether a DiagnosticReport is one of them: a document names it, by identifier or relation, or has the same
        bytes."""
        names = {report.full_url} if report.full_url else set()
        if report.id:
            names |= {f"urn:uuid:{report.id}", f"DiagnosticReport/{report.id}"}
        if not names.isdisjoint(self._names) or id(report) in self._related:
            return True
        return not _digests(report.node.children("presentedForm")).isdisjoint(self._contents)


def _digests(attachments: Iterable[Node]) -> set[bytes]:
    """SHA-256 of each content that is in the bundle."""
    return {hashlib.sha256(each.text("data").encode()).digest() for each in attachments if each.text("data")}
