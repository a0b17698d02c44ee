"""Critical information of one patient, as plainly as it can be said: what the register is compared with."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple, TypeAlias

ACTIVE, REFUTED, EXPIRED, DELETED = "active", "refuted", "expired", "deleted"
LIFE, DECISION, IMPLANT = "8", "11", "7"
PAIR = {LIFE, DECISION}

Key: TypeAlias = tuple[str, int]
"""Of an entry: ("request", number of the request that created it) or ("name", number of it at the source)."""
Outcome: TypeAlias = tuple[object, ...]


class Create(NamedTuple):
    request: int
    who: str
    category: str
    status: str
    text: str
    over: bool
    """Its last day is past."""


class Change(NamedTuple):
    """`status`, `text` and `over` None: left as they are."""

    request: int
    who: str
    key: Key
    version: int
    status: str | None
    text: str | None
    comment: str | None
    over: bool | None


class Verify(NamedTuple):
    request: int
    who: str
    key: Key
    version: int
    comment: str | None


class Delete(NamedTuple):
    request: int
    who: str
    key: Key
    version: int


class Import(NamedTuple):
    name: int
    category: str
    status: str
    text: str


Request: TypeAlias = Create | Change | Verify | Delete
Operation: TypeAlias = Request | Import


@dataclass
class Entry:
    category: str
    status: str
    text: str
    over: bool
    version: int
    first: str
    author: str
    comment: str = ""
    verified: str = ""
    sent: Import | None = None
    """What the feed sent last, if it is a feed's."""
    here: bool = False
    """Somebody has changed here what the feed sent: newer than anything it sends, all of which is of one time."""
    before: tuple[Import, ...] = ()
    """What the feed sent before that."""

    @property
    def shown(self) -> str:
        expires = self.over and self.category != LIFE
        return EXPIRED if self.status == ACTIVE and expires else self.status

    def told(self) -> Outcome:
        """Returns what a reader is shown of the latest version."""
        if self.status == DELETED:
            return (self.category, DELETED, self.version, self.first)
        return (self.category, self.shown, self.version, self.first, self.text, self.comment, self.verified)


@dataclass
class Plain:
    entries: dict[Key, Entry] = field(default_factory=dict)
    answered: dict[int, tuple[Request, Outcome, Key]] = field(default_factory=dict)

    def do(self, operation: Operation) -> Outcome:
        """Returns what the operation answers: ("stored", ...) or the reason of its refusal."""
        if isinstance(operation, Import):
            return self._load(operation)
        earlier = self.answered.get(operation.request)
        if earlier is not None:
            asked, outcome, key = earlier
            if asked._replace(who=operation.who) != operation:  # tuples of another kind have another length
                return ("REQUEST_ID_REUSED",)
            return (DELETED,) if self.entries[key].status == DELETED else outcome
        key = ("request", operation.request) if isinstance(operation, Create) else operation.key
        refused = self._create(operation) if isinstance(operation, Create) else self._follow(operation)
        if refused is not None:
            return refused
        outcome = (DELETED,) if isinstance(operation, Delete) else ("stored", *self.entries[key].told())
        self.answered[operation.request] = (operation, outcome, key)
        return outcome

    def _create(self, sent: Create) -> Outcome | None:
        entry = Entry(sent.category, sent.status, sent.text, sent.over, 1, sent.who, sent.who)
        if self._stands_in_the_way(entry):
            return ("STATE_CONFLICT",)
        self.entries["request", sent.request] = entry
        return None

    def _follow(self, asked: Change | Verify | Delete) -> Outcome | None:
        entry = self.entries[asked.key]
        if entry.status == DELETED:
            return ("STATE_CONFLICT",)
        if entry.version != asked.version:
            return ("VERSION_BEHIND", entry.version)
        entry.here, here = True, entry.here
        if isinstance(asked, Delete):
            entry.status = DELETED
        elif isinstance(asked, Verify):
            if entry.shown != ACTIVE or entry.author == asked.who:
                entry.here = here
                return ("STATE_CONFLICT",)
            entry.verified = asked.who
            entry.comment = entry.comment if asked.comment is None else asked.comment
        elif (refused := self._change(entry, asked)) is not None:
            entry.here = here
            return refused
        entry.version += 1
        return None

    def _change(self, entry: Entry, asked: Change) -> Outcome | None:
        before = (entry.status, entry.text, entry.over)
        after = (
            asked.status or entry.status,
            asked.text or entry.text,
            entry.over if asked.over is None else asked.over,
        )
        new = Entry(entry.category, *after, entry.version, entry.first, entry.author)
        if entry.shown != ACTIVE and self._stands_in_the_way(new):
            return ("STATE_CONFLICT",)
        entry.status, entry.text, entry.over = after
        entry.comment = entry.comment if asked.comment is None else asked.comment
        if before != after:
            entry.author = asked.who
        if (asked.status, asked.text, asked.over) != (None, None, None):
            entry.verified = ""
        return None

    def _load(self, sent: Import) -> Outcome:
        entry = self.entries.get(("name", sent.name))
        if entry is not None and entry.sent == sent:
            return ("unchanged",)
        if entry is not None and (entry.here or sent in entry.before):
            return ("outdated",)
        if entry is not None and entry.sent is not None and (entry.sent.status, sent.status) == (ACTIVE, REFUTED):
            return ("outdated",)  # all of one time: what may hold is not taken back
        new = Entry(sent.category, sent.status, sent.text, False, 1, "feed", "feed", sent=sent)
        already = entry is not None and (entry.category, entry.shown) == (sent.category, ACTIVE)
        if not already and self._stands_in_the_way(new, besides=("name", sent.name)):
            return ("STATE_CONFLICT",)
        if entry is not None:
            new.version = entry.version + 1
            new.before = (*entry.before, *([entry.sent] if entry.sent else []))
            same = (entry.status, entry.text, entry.over) == (new.status, new.text, new.over)
            new.author = entry.author if same else "feed"
        self.entries["name", sent.name] = new
        return ("created" if entry is None else "updated",)

    def _stands_in_the_way(self, new: Entry, besides: Key | None = None) -> bool:
        if new.category not in PAIR or new.shown != ACTIVE:
            return False
        [other] = PAIR - {new.category}
        others = [each for key, each in self.entries.items() if key != besides]
        return any(each.category == other and each.shown == ACTIVE for each in others)
