"""Outboxes that hold what a test puts there, behind the scripted registers."""

from collections import Counter
from typing import Any
from uuid import uuid4

import grpc
from google.rpc import error_details_pb2

from gateway.changes.outbox_reader import PATH
from kjernejournal.common.v1.outbox_pb2 import (
    CHANGE_KIND_UPDATED,
    ListChangesRequest,
    ListChangesResponse,
    OutboxPosition,
    RegisterChange,
)
from tests.support.gateway import Front
from tests.support.scripted.services import refusing

PAGE = 50
"""Rows that one call looks at."""


class Outboxes:
    """What every register has to report."""

    def __init__(self, front: Front) -> None:
        self.front = front
        self.rows: dict[str, list[RegisterChange]] = {name: [] for name in front.registers}
        self.reads: Counter[tuple[str, bool]] = Counter()
        """Calls by register, and whether they were for everybody."""
        for name in front.registers:
            self.restore(name)

    def restore(self, name: str) -> None:
        """Lets the register answer."""

        async def answer(data: bytes, _: Any) -> bytes:
            request = ListChangesRequest.FromString(data)
            self.reads[name, request.everybody] += 1
            return self._answer(name, request).SerializeToString()

        self.front.registers[name].unary(PATH, answer)

    def refuse(self, name: str, reason: str = "", code: grpc.StatusCode = grpc.StatusCode.UNAVAILABLE) -> None:
        """Lets the register refuse."""
        info = error_details_pb2.ErrorInfo(reason=reason, domain="kjernejournal") if reason else None
        self.front.registers[name].unary(PATH, refusing(code, "", info))

    def add(self, name: str, ref: str, entry_id: str = "", version: int = 1) -> str:
        """Adds one change, and returns the entry's id."""
        if not entry_id and name != "patients":
            entry_id = str(uuid4())
        number = len(self.rows[name]) + 1
        self.rows[name].append(
            RegisterChange(
                patient_ref=ref,
                entry_id=entry_id,
                version=version if entry_id else 0,
                kind=CHANGE_KIND_UPDATED,
                position=OutboxPosition(transaction=700 + number // 3, sequence=number),
            )
        )
        return entry_id

    def _answer(self, name: str, request: ListChangesRequest) -> ListChangesResponse:
        rows = self.rows[name]
        if not request.HasField("after"):
            return ListChangesResponse(position=rows[-1].position if rows else OutboxPosition())
        start = request.after.sequence
        scanned = rows[start : start + PAGE]
        wanted = [each for each in scanned if request.everybody or each.patient_ref in request.patient_refs]
        position = scanned[-1].position if scanned else request.after
        return ListChangesResponse(changes=wanted, position=position, more=len(scanned) == PAGE)
