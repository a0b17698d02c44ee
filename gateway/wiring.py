"""Puts the gateway together: every part is made here, for the process and for the tests alike."""

from dataclasses import dataclass

from gateway import contract
from gateway.access.jwks import JwksSource
from gateway.access.tokens import TokenVerifier
from gateway.admission import Admission
from gateway.changes.handlers import Changes
from gateway.forwarding.handlers import Forwarding
from gateway.forwarding.hidden_entries import HiddenEntries
from gateway.front_door import IDLE, RESTRICTIONS_HEADER, FrontDoor
from gateway.quota import Quota
from gateway.reconstruction import Reconstruction
from gateway.recorder import Recorder
from gateway.registers.backends import Backend, open_backends
from gateway.registers.patient_lookup import PatientLookup
from gateway.registers.section_reader import SectionReader
from gateway.restricted_entries import RestrictedEntries
from gateway.safety.knowledge_cache import KnowledgeCache
from gateway.settings import GatewaySettings
from gateway.steps import LOOK_AGAIN, Steps
from gateway.summary.check_medication import MedicationSafety
from gateway.summary.fanout import Fanout
from gateway.summary.handlers import Summary
from gateway.summary.indicator import Indicator
from gateway.sweeps import Sweeps


@dataclass(frozen=True)
class Gateway:
    """A gateway that is put together: the door, and the parts that live as long as the process."""

    front_door: FrontDoor
    backends: dict[str, Backend]
    recorder: Recorder
    fanout: Fanout
    knowledge_cache: KnowledgeCache
    forwarding: Forwarding
    changes: Changes

    async def finish(self, seconds: float) -> None:
        """Waits for writes and records whose callers have gone, each for so long at most; then closes the channels."""
        await self.knowledge_cache.end()
        await self.forwarding.finish(seconds)
        await self.recorder.finish(seconds)
        for backend in self.backends.values():
            await backend.close()


def wire(settings: GatewaySettings, *, idle: float = IDLE, look_again: float = LOOK_AGAIN) -> Gateway:
    """Makes every part, each with those that it needs. Nothing is asked of anybody yet."""
    production = settings.production
    verifier = TokenVerifier(
        JwksSource(settings.jwks),
        issuer=settings.issuer,
        audience=settings.audience,
        production=production,
        address=settings.address,
        bearer=settings.bearer == "allowed",
    )
    backends = open_backends(settings.services, settings)
    recorder, section_reader = Recorder(backends["audit"]), SectionReader(backends)
    steps = Steps(
        verifier,
        PatientLookup(backends["patients"]),
        recorder,
        RestrictedEntries(section_reader),
        production=production,
        hides=settings.hides,
    )
    fanout, knowledge_cache = Fanout(section_reader, hides=settings.hides), KnowledgeCache(backends["medications"])
    quotas = settings.registered_clients().quotas
    quota = Quota(settings.indicator_quota, quotas)
    sweeps = Sweeps(settings.indicator_quota, quotas, recorder)
    indicator = Indicator(steps, section_reader, quota, sweeps, hides=settings.hides)
    summary = Summary(steps, recorder, fanout, knowledge_cache, hides=settings.hides)
    methods = contract.methods()
    hidden_entries = HiddenEntries(methods, backends)
    forwarding = Forwarding(
        steps, recorder, backends, hidden_entries, quota, sweeps, idle=idle, look_again=look_again, hides=settings.hides
    )
    safety = MedicationSafety(steps, recorder, fanout, knowledge_cache, forwarding, methods)
    reconstruction = Reconstruction(steps, recorder, forwarding, section_reader, hides=settings.hides)
    changes = Changes(steps, recorder, backends, settings.resume_keys(), look_again=look_again)
    front_door = FrontDoor(
        methods,
        {
            **forwarding.handlers(methods),
            # What the gateway serves itself comes last, and so in place of what is forwarded.
            **safety.handlers(),
            **reconstruction.handlers(),
            **summary.handlers(),
            **indicator.handlers(),
            **changes.handlers(),
        },
        Admission(max_calls=settings.max_calls, max_streams=settings.max_streams),
        verifier,
        clients=settings.registered_clients(),
        idle=idle,
        largest_message=settings.max_message_bytes,
        says=((RESTRICTIONS_HEADER, "may-be-hidden"),) if settings.hides else (),
    )
    return Gateway(front_door, backends, recorder, fanout, knowledge_cache, forwarding, changes)
