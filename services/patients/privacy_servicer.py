"""Serves the rpcs of privacy settings."""
# ruff: noqa: N802  # gRPC calls handlers by the rpc's own name

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime

from kjernejournal.patients.v1 import patients_pb2 as pb
from kjernejournal.patients.v1.patients_pb2_grpc import PrivacyServiceServicer
from services.patients import convert, privacy
from services.patients.privacy import Change, Settings
from services.patients.repository import Repository
from shared.block_promise import BLOCK_HOLDS_WITHIN
from shared.errors import Invalid
from shared.handling import Context, caller
from shared.register.convert import provenance


class PrivacyServicer(PrivacyServiceServicer):
    """What patients have decided about their record. Whether the caller may ask is the gateway's decision."""

    def __init__(self, repository: Repository, *, production: bool) -> None:
        self._repository = repository
        self._production = production

    async def GetPrivacySettings(
        self, request: pb.GetPrivacySettingsRequest, context: Context
    ) -> pb.GetPrivacySettingsResponse:
        stored = await self._repository.settings(caller.patient_refs())
        return pb.GetPrivacySettingsResponse(settings=convert.settings(*stored))

    async def SetReservation(self, request: pb.SetReservationRequest, context: Context) -> pb.SetReservationResponse:
        if not request.HasField("record") and not request.HasField("portal"):
            raise Invalid("record", "needs record or portal to be set")
        change = privacy.reserve(
            record=request.record if request.HasField("record") else None,
            portal=request.portal if request.HasField("portal") else None,
        )
        settings = await self._change(request, change)
        await asyncio.sleep(BLOCK_HOLDS_WITHIN)
        return pb.SetReservationResponse(settings=settings)

    async def RestrictSections(
        self, request: pb.RestrictSectionsRequest, context: Context
    ) -> pb.RestrictSectionsResponse:
        change = privacy.restrict(request.restricted_sections, request.sections_with_restricted_entries)
        expected = request.expected_version if request.HasField("expected_version") else None
        settings = await self._change(request, change, expected_version=expected)
        await asyncio.sleep(BLOCK_HOLDS_WITHIN)
        return pb.RestrictSectionsResponse(settings=settings)

    async def BlockPersonnel(self, request: pb.BlockPersonnelRequest, context: Context) -> pb.BlockPersonnelResponse:
        privacy.check_personnel(request.personnel, "personnel")
        source = provenance(caller.current(), datetime.now(UTC))
        blocked = [pb.BlockedPersonnel(practitioner=one, provenance=source) for one in request.personnel]
        settings = await self._change(request, privacy.block(blocked))
        await asyncio.sleep(BLOCK_HOLDS_WITHIN)
        return pb.BlockPersonnelResponse(settings=settings)

    async def UnblockPersonnel(
        self, request: pb.UnblockPersonnelRequest, context: Context
    ) -> pb.UnblockPersonnelResponse:
        return pb.UnblockPersonnelResponse(settings=await self._change(request, privacy.unblock(request.hpr_numbers)))

    async def GrantProxy(self, request: pb.GrantProxyRequest, context: Context) -> pb.GrantProxyResponse:
        try:
            privacy.check_proxy(request.proxy, production=self._production)
        except Invalid as error:
            raise error.inside("proxy") from None
        refs = await self._repository.ref_of(request.proxy.national_id)
        if not set(refs).isdisjoint(caller.patient_refs()):
            raise Invalid("proxy.national_id", "is the patient's own")
        source = provenance(caller.current(), datetime.now(UTC))
        proxy = convert.new_proxy(request.proxy, convert.grant_id(request.request_id), source)
        settings = await self._change(request, privacy.grant(proxy, refs[0], refs))
        return pb.GrantProxyResponse(settings=settings, proxy_id=proxy.id)

    async def RevokeProxy(self, request: pb.RevokeProxyRequest, context: Context) -> pb.RevokeProxyResponse:
        proxy_id = request.id.lower()
        settings = await self._change(request, privacy.revoke(proxy_id), granted=proxy_id)
        return pb.RevokeProxyResponse(settings=settings)

    async def _change(
        self,
        request: "_ChangeRequest",
        change: Change,
        *,
        expected_version: int | None = None,
        granted: str | None = None,
    ) -> pb.PrivacySettings:
        asking = caller.current()

        def plan(settings: Sequence[Settings]) -> None:
            held = privacy.effective(settings)
            privacy.check_not_blocked(held, asking.practitioner.hpr_number)
            if granted is not None:
                privacy.check_granted(held, granted)
            before = privacy.closed(held)
            for position, own in enumerate(settings):
                change(own, position == 0)
            loosens = not before <= privacy.closed(privacy.effective(settings))
            privacy.check_may_loosen(asking, loosens=loosens)

        stored = await self._repository.change_settings(
            caller.patient_refs()[0],
            plan,
            request.request_id,
            convert.sent(request),
            provenance(asking, datetime.now(UTC)),
            expected_version,
        )
        return convert.settings(*stored)


_ChangeRequest = (
    pb.SetReservationRequest
    | pb.RestrictSectionsRequest
    | pb.BlockPersonnelRequest
    | pb.UnblockPersonnelRequest
    | pb.GrantProxyRequest
    | pb.RevokeProxyRequest
)
