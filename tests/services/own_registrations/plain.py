"""Own registrations as plainly as they can be modelled: one patient, dictionaries, one operation after the other."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple, TypeAlias

CARD, CONTACT = "donor_card", "contact"
Key: TypeAlias = tuple[str, int]
"""What made an entry: a request ("request", 3), or a feed's name ("name", 1)."""
Outcome: TypeAlias = tuple[object, ...]

SAVED = 50
"""When people save, on the clock of the feed's days: after most of them."""


class Save(NamedTuple):
    """A registration that is saved; `key` None: a new one."""

    request: int
    key: Key | None
    version: int
    kind: str
    text: str


class Delete(NamedTuple):
    """A deletion; `version` 0: whichever it is."""

    request: int
    key: Key
    version: int


class Import(NamedTuple):
    """What a feed sends under a name, recorded on a day."""

    name: int
    kind: str
    text: str
    day: int


Operation: TypeAlias = Save | Delete | Import


@dataclass
class Entry:
    """An entry's latest version."""

    kind: str
    text: str
    version: int
    recorded: float
    sent: Operation
    """What made this version."""
    before: tuple[Operation, ...] = ()
    """What a feed sent before that."""


@dataclass
class Plain:
    """The register."""

    entries: dict[Key, Entry] = field(default_factory=dict)
    names: dict[int, Key | None] = field(default_factory=dict)
    """None: deleted, and never to come back."""
    requests: dict[int, tuple[Operation, Outcome]] = field(default_factory=dict)
    """Every request that had an effect, with its answer."""

    def do(self, operation: Operation) -> Outcome:
        """Returns what the operation is answered, after doing it."""
        if isinstance(operation, Import):
            return self._import(operation)
        before = self.requests.get(operation.request)
        if before is not None:
            made, answer = before
            if answer == ("gone",) and isinstance(operation, Save):
                return ("ENTRY_NOT_FOUND",)
            return answer if made == operation and answer != ("gone",) else ("REQUEST_ID_REUSED",)
        answer = self._save(operation) if isinstance(operation, Save) else self._delete(operation)
        if answer[0] in ("saved", "deleted"):
            self.requests[operation.request] = (operation, answer)
        return answer

    def _save(self, asked: Save) -> Outcome:
        if asked.key is None:
            if asked.kind == CARD and self._card() is not None:
                return ("STATE_CONFLICT",)
            key: Key = ("request", asked.request)
            self.entries[key] = Entry(asked.kind, asked.text, 1, SAVED, asked)
            return ("saved", key, 1, asked.text)
        entry = self.entries.get(asked.key)
        if entry is None:
            return ("ENTRY_NOT_FOUND",)
        if entry.version != asked.version:
            return ("VERSION_BEHIND", entry.version)
        if entry.kind != asked.kind:
            return ("INVALID_FIELD",)
        recorded = max(SAVED, entry.recorded + 0.001)
        self.entries[asked.key] = Entry(entry.kind, asked.text, entry.version + 1, recorded, asked)
        return ("saved", asked.key, entry.version + 1, asked.text)

    def _delete(self, asked: Delete) -> Outcome:
        entry = self.entries.get(asked.key)
        if entry is None:
            return ("ENTRY_NOT_FOUND",)
        if asked.version not in (0, entry.version):
            return ("VERSION_BEHIND", entry.version)
        del self.entries[asked.key]
        for name, key in self.names.items():
            if key == asked.key:
                self.names[name] = None
        for request, (made, answer) in self.requests.items():
            if answer[0] == "saved" and answer[1] == asked.key:
                self.requests[request] = (made, ("gone",))
        return ("deleted",)

    def _import(self, sent: Import) -> Outcome:
        if sent.name not in self.names:
            self.names[sent.name] = (self._card() if sent.kind == CARD else None) or ("name", sent.name)
        key = self.names[sent.name]
        if key is None:
            return ("unchanged",)
        entry = self.entries.get(key)
        if entry is None:
            self.entries[key] = Entry(sent.kind, sent.text, 1, sent.day, sent)
            return ("created",)
        its_own = isinstance(entry.sent, Import) and key == ("name", sent.name)
        corrects = its_own and sent.day == entry.recorded and sent not in entry.before
        if entry.sent == sent or not (sent.day > entry.recorded or corrects):
            return ("unchanged",)
        before = (*entry.before, *([entry.sent] if isinstance(entry.sent, Import) else []))
        self.entries[key] = Entry(sent.kind, sent.text, entry.version + 1, sent.day, sent, before)
        return ("updated",)

    def _card(self) -> Key | None:
        return next((key for key, entry in self.entries.items() if entry.kind == CARD), None)
