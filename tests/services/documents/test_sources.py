"""Machines that speak for one source, and the documents of another."""

import grpc
import pytest

from kjernejournal.common.v1.common_pb2 import CallerContext
from tests.services.documents.calls import Documents, document, new_ref
from tests.support.service import FEED, details_of, reason_of


def speaking_for(*systems: str) -> CallerContext:
    feed = CallerContext()
    feed.CopyFrom(FEED)
    feed.source_systems[:] = systems
    return feed


async def test_a_machine_replaces_no_document_of_another_source(documents: Documents) -> None:
    ref = new_ref()
    await documents.feed(ref, b"first", document(source_id="d"))
    [old] = (await documents.listed(ref)).documents
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await documents.replace(ref, old, b"second", by=speaking_for("another hospital"))
    assert reason_of(caught.value) == "SOURCE_SYSTEM_REFUSED"
    assert details_of(caught.value)["field"] == "replaced_id"
    await documents.replace(ref, old, b"second", by=speaking_for("dips"))


async def test_the_machine_that_sent_a_document_stands_in_it(documents: Documents) -> None:
    ref = new_ref()
    await documents.feed(ref, b"first", document(source_id="d"))
    [found] = (await documents.listed(ref)).documents
    assert found.header.provenance.sent_by == FEED.machine
