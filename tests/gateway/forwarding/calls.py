"""A read and a write as the tests of forwarding send them."""

from typing import Any
from uuid import uuid4

from kjernejournal.common.v1.common_pb2 import EntryHeader, PatientIdentifier
from kjernejournal.critical_info.v1 import critical_info_pb2 as ki
from kjernejournal.visits.v1 import visits_pb2
from tests.support.client import Refusal, method, refusal
from tests.support.gateway import Front

LIST = method("ListVisits").path
CREATE = method("CreateCriticalInfo").path
SECRET = "asyncpg.exceptions.DataError in /srv/app.py"


def asked(national_id: str) -> visits_pb2.ListVisitsRequest:
    return visits_pb2.ListVisitsRequest(patient=PatientIdentifier(national_id=national_id), page_size=7)


def creation(national_id: str, request_id: str = "") -> ki.CreateCriticalInfoRequest:
    return ki.CreateCriticalInfoRequest(
        patient=PatientIdentifier(national_id=national_id), request_id=request_id or str(uuid4())
    )


def visit(entry_id: str) -> visits_pb2.Visit:
    return visits_pb2.Visit(header=EntryHeader(id=entry_id, version=4))


async def refused(front: Front, request: Any, rpc: str = "ListVisits", **caller: Any) -> Refusal:
    return await refusal(front.client.call(rpc, request, **caller))
