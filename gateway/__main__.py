"""Serves the front door and the summary."""

import asyncio

from gateway import contract
from gateway.access.jwks import JwksSource
from gateway.access.tokens import TokenVerifier
from gateway.admission import Admission
from gateway.changes.handlers import Changes
from gateway.forwarding.handlers import Forwarding
from gateway.front_door import FrontDoor
from gateway.recorder import Recorder
from gateway.registers.backends import open_backends
from gateway.registers.patient_lookup import PatientLookup
from gateway.registers.section_reader import SectionReader
from gateway.restricted_entries import RestrictedEntries
from gateway.safety.knowledge_cache import KnowledgeCache
from gateway.settings import GatewaySettings
from gateway.steps import Steps
from gateway.summary.check_medication import MedicationSafety
from gateway.summary.fanout import Fanout
from gateway.summary.handlers import Summary
from gateway.summary.indicator import Indicator, Quota
from shared.server import new_server, observed, serve


async def main() -> None:
    """Settings, telemetry, backends, steps, handlers, serve."""
    settings = GatewaySettings()
    with observed("gateway", settings):
        backends = open_backends(settings.services, settings)
        verifier = TokenVerifier(
            JwksSource(settings.jwks),
            issuer=settings.issuer,
            audience=settings.audience,
            production=settings.production,
        )
        recorder = Recorder(backends["audit"])
        reader = SectionReader(backends)
        steps = Steps(verifier, PatientLookup(backends["patients"]), recorder, RestrictedEntries(reader))
        indicator = Indicator(steps, reader, Quota(settings.indicator_quota), production=settings.production)
        fanout, knowledge_cache = Fanout(reader), KnowledgeCache(backends["medications"])
        summary = Summary(steps, recorder, fanout, indicator, knowledge_cache, production=settings.production)
        forwarding = Forwarding(steps, recorder, backends, production=settings.production)
        medication_safety = MedicationSafety(
            steps, recorder, fanout, knowledge_cache, forwarding, production=settings.production
        )
        changes = Changes(steps, recorder, backends, production=settings.production)
        own: dict[str, Summary | Changes] = {contract.SUMMARY: summary, contract.CHANGES: changes}
        server = new_server(settings)
        front_door = FrontDoor(
            contract.methods(),
            lambda method: (
                own[method.service].handlers(method)
                if method.service in own
                else medication_safety.handlers(method) or forwarding.handlers(method)
            ),
            Admission(verifier, max_calls=settings.max_calls, max_streams=settings.max_streams),
        )
        server.add_generic_rpc_handlers((front_door,))
        knowledge_cache.begin()
        await serve(server, settings, contract.service_names(), ready=_always, front_door=True, draining=changes.close)
        await knowledge_cache.end()
        await forwarding.finish(settings.drain_seconds)
        await recorder.finish(settings.drain_seconds)
        for backend in backends.values():
            await backend.close()


async def _always() -> bool:
    """The gateway holds nothing: it serves, and says UNAVAILABLE for what it cannot reach."""
    return True


if __name__ == "__main__":
    asyncio.run(main())
