"""Looks for single entries that came restricted from their source, which the patient's own settings do not name."""

import asyncio
from collections.abc import Iterable

import grpc
from google.protobuf.message import DecodeError

from gateway.access.facts import SectionValue
from gateway.decided_call import DecidedCall
from gateway.registers.section_reader import SectionReader
from gateway.registers.sources import BY_SECTION, Source
from kjernejournal.common.v1.common_pb2 import SectionQuery
from shared import deadline
from shared.register.sections import ENTRIES_RESTRICTED_AT_SOURCE


class RestrictedEntries:
    """Asks the registers whether there is something for an elevated basis to open."""

    def __init__(self, section_reader: SectionReader) -> None:
        self._section_reader = section_reader

    async def among(self, decided: DecidedCall, sections: Iterable[SectionValue]) -> frozenset[SectionValue]:
        """Returns those of the sections in which a register holds back entries, for want of an elevated basis.

        A register that does not answer counts: that nothing is restricted there is not known.
        """
        asked = sorted(ENTRIES_RESTRICTED_AT_SOURCE & set(sections))
        found = await asyncio.gather(*(self._holds_back(BY_SECTION[each], decided) for each in asked))
        return frozenset(section for section, holds in zip(asked, found, strict=True) if holds)

    async def _holds_back(self, source: Source, decided: DecidedCall) -> bool:
        query = SectionQuery(access_id=decided.access_id, caller=decided.context(source.section), max_entries=0)
        try:
            answers = await self._section_reader.read(source, [query], deadline.inside(source.budget))
        except (grpc.aio.AioRpcError, DecodeError):
            return True
        answer = answers.get(decided.access_id)
        return answer is None or not answer.HasField("section") or bool(answer.section.window.withheld)
