"""Which substances a medicine holds, in ATC codes: its own, and those that the loaded knowledge says it is or holds.

Methotrexate has two codes, acetylsalicylic acid has two, and a combination has the codes of its parts besides its own.
Without knowledge a medicine is what its own codes say. Pure, but for the holder of the knowledge in force.
"""

from collections.abc import Iterable

from kjernejournal.common.v1.common_pb2 import Coding
from kjernejournal.medications.v1 import knowledge_pb2
from kjernejournal.medications.v1 import medications_pb2 as pb
from services.medications.knowledge.repository import KnowledgeRepository
from shared.codes import atc, meanings
from shared.codes.systems import canonical
from shared.medicines import substances

_LONGEST_NAME = 3
"""Words of the longest name that is looked for."""


class SubstanceTable:
    """A version of the table, as far as it says what is in a medicine."""

    def __init__(self, table: knowledge_pb2.DrugKnowledge | None = None) -> None:
        self._parts: dict[str, frozenset[str]] = {}
        self._coded: dict[tuple[str, str], frozenset[str]] = {}
        self._named: dict[str, frozenset[str]] = {}
        for row in table.substances if table is not None else ():
            if atc.is_atc(row.coding.system):
                self._parts[atc.substance(row.coding.code)] = frozenset(row.atc)
            elif row.coding.system:
                self._coded[canonical(row.coding.system), row.coding.code] = frozenset(row.atc)
            else:
                self._named[" ".join(row.coding.code.casefold().split())] = frozenset(row.atc)

    @property
    def says_anything(self) -> bool:
        """Whether it ties any code to another; where no knowledge was loaded, it does not."""
        return bool(self._parts)

    def of(self, medication: pb.Medication) -> frozenset[str]:
        """Returns the whole codes of what is in a medicine, by its codes and by the name that its words begin with;
        empty: none is known. A group is no substance."""
        codings = [medication.atc, *medication.code.codings]
        for part in medication.ingredients:
            if not part.HasField("active") or part.active:
                codings += part.substance.codings
        codes = {code for coding in codings for code in self._codes(coding)} | self._in_words(medication.code.text)
        codes = set(substances.with_parts(codes, lambda code: self._parts.get(code, ())))
        return frozenset(filter(atc.is_whole, codes))

    def _in_words(self, text: str) -> frozenset[str]:
        """Returns what the first words are the name of, the most words first: "Marevan 2,5 mg", "Paralgin forte"."""
        words = text.casefold().split()[:_LONGEST_NAME]
        for length in range(len(words), 0, -1):
            name = " ".join(words[:length]).rstrip(".,")
            if codes := self._named.get(name) or meanings.named(name):
                return codes
        return frozenset()

    def _codes(self, coding: Coding) -> Iterable[str]:
        if atc.is_atc(coding.system):
            return substances.meant(coding)
        return self._coded.get((canonical(coding.system), coding.code), ())


class KnownSubstances:
    """The table in force, read again when another load has come."""

    def __init__(self, repository: KnowledgeRepository) -> None:
        self._repository = repository
        self._load = 0
        self._table = SubstanceTable()

    async def table(self) -> SubstanceTable:
        """Returns the table in force; an empty one where no knowledge was loaded."""
        found = await self._repository.newest(self._load)
        if found is not None and found.number != self._load:
            self._table = SubstanceTable(knowledge_pb2.DrugKnowledge.FromString(found.content))
            self._load = found.number
        return self._table
