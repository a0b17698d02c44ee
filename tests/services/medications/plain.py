"""A plain register of prescriptions, the medication list and proposals: what the real one is compared with.

It keeps what stands now, in dictionaries, and knows nothing of versions in a database, retries or other writers.
"""

from collections import Counter
from dataclasses import dataclass, field, replace
from typing import NamedTuple

OK, INVALID, NOT_FOUND, CONFLICT, BEHIND, DENIED = (
    "OK",
    "INVALID_ARGUMENT",
    "NOT_FOUND",
    "FAILED_PRECONDITION",
    "ABORTED",
    "PERMISSION_DENIED",
)
STEPS = {None: "EURT", "E": "EURT", "U": "EURT", "R": "R", "T": "T"}
"""Which state follows which: Volven 7408."""


class Fed(NamedTuple):
    """The feed sends a prescription, by itself or in a stream. `mark` makes it another one than before."""

    name: str
    state: str
    mark: int
    stream: bool


class Recall(NamedTuple):
    name: str


class Dispense(NamedTuple):
    name: str
    mark: int
    finishes: bool


class Edit(NamedTuple):
    """What a doctor does to one entry before the list is sent."""

    entry: int
    what: str
    text: str
    on: str


class Answer(NamedTuple):
    proposal: int
    accepted: bool


class Send(NamedTuple):
    edits: tuple[Edit, ...]
    answers: tuple[Answer, ...]
    off: int


class Propose(NamedTuple):
    who: str
    action: str
    entry: int


class Withdraw(NamedTuple):
    who: str
    proposal: int


Operation = Fed | Recall | Dispense | Send | Propose | Withdraw


@dataclass(frozen=True)
class Entry:
    status: str
    text: str
    on: str
    changed: int
    """The version that changed it last."""
    registered: int


@dataclass(frozen=True)
class Held:
    state: str
    mark: int
    fed: str
    recalled: bool = False
    dispensed: int = 0


@dataclass(frozen=True)
class Proposal:
    who: str
    action: str
    entry: int
    state: str = "open"


@dataclass
class Plain:
    """One patient."""

    version: int = 0
    entries: dict[int, Entry] = field(default_factory=dict)
    registered: dict[int, int] = field(default_factory=dict)
    """The version that first had an entry, also of those that have left."""
    left: set[int] = field(default_factory=set)
    """The entries that the last version took off as registered in error: named once more, they say nothing."""
    held: dict[str, Held] = field(default_factory=dict)
    given: Counter[str] = field(default_factory=Counter)
    proposals: list[Proposal] = field(default_factory=list)

    fed: dict[tuple[str, str, int], int] = field(default_factory=dict)
    """What was taken from the feed, and in which minute it was so at its source."""

    def minute(self, sent: Fed) -> int:
        """Returns in which minute it is so at its source: each that is new is later than all before."""
        return self.fed.get((sent.name, sent.state, sent.mark), len(self.fed) + 1)

    def do(self, operation: Operation) -> set[str]:
        """Does it, and says OK; or does nothing, and says which refusals are right."""
        match operation:
            case Fed():
                return self._fed(operation)
            case Recall():
                return self._recall(operation.name)
            case Dispense():
                return self._dispense(operation)
            case Send():
                return self._send(operation)
            case Propose():
                return self._propose(operation)
            case Withdraw():
                return self._withdraw(operation)

    def _fed(self, sent: Fed) -> set[str]:
        before = self.held.get(sent.name)
        if (sent.name, sent.state, sent.mark) in self.fed:
            return {OK}  # known: the latest once more, or an older one that comes late
        if sent.state not in STEPS[before.state if before else None]:
            return {INVALID if sent.stream else CONFLICT}
        recalled = sent.state == "T" or (before is not None and before.recalled)
        state = "T" if sent.state == "E" and recalled else sent.state
        dispensed = self.given[sent.name]
        self.fed[sent.name, sent.state, sent.mark] = self.minute(sent)
        self.held[sent.name] = Held(state, sent.mark, sent.state, recalled, dispensed)
        return {OK}

    def _recall(self, name: str) -> set[str]:
        before = self.held.get(name)
        if before is None:
            return {NOT_FOUND}
        if before.state not in "EU" or before.recalled:
            return {CONFLICT}
        self.held[name] = replace(before, recalled=True, state="T" if before.state == "E" else "U")
        return {OK}

    def _dispense(self, given: Dispense) -> set[str]:
        before = self.held.get(given.name)
        self.given[given.name] += 1  # also before its prescription comes
        if before is not None:
            state = before.state
            if state in "EU":
                state = "R" if given.finishes else "T" if before.recalled else "E"
            self.held[given.name] = replace(before, state=state, dispensed=before.dispensed + 1)
        return {OK}

    def _send(self, sent: Send) -> set[str]:
        if sent.off:
            return {BEHIND}
        after, refusals = edited(self.entries, sent.edits), set()
        errors = {each for each in errors_of(sent.edits) if each in self.entries or each not in self.left}
        if errors - self.entries.keys():
            refusals.add(NOT_FOUND)
        if self.entries.keys() - after.keys() - errors or errors & after.keys():
            refusals.add(INVALID)
        in_use = [entry.on for entry in after.values() if entry.status != "ended" and entry.on]
        if len(in_use) > len(set(in_use)):
            refusals.add(INVALID)
        refusals |= self._answers(sent.answers, after)
        if refusals:
            return refusals
        self.version += 1
        for number, entry in after.items():
            before = self.entries.get(number)
            same = before is not None and (before.status, before.text, before.on) == entry_of(entry)
            changed = before.changed if before is not None and same else self.version
            first = self.registered.setdefault(number, self.version)
            after[number] = replace(entry, changed=changed, registered=first)
            if entry.status == "ended" and (before is None or before.status != "ended") and entry.on not in in_use:
                self._recall(entry.on)
        self.entries, self.left = after, errors
        for answer in sent.answers:
            state = "accepted" if answer.accepted else "declined"
            self.proposals[answer.proposal] = replace(self.proposals[answer.proposal], state=state)
        return {OK}

    def _answers(self, answers: tuple[Answer, ...], after: dict[int, Entry]) -> set[str]:
        refusals = set()
        for answer in answers:
            proposal = self.proposals[answer.proposal]
            entry = after.get(proposal.entry)
            undone = entry is None or (proposal.action == "end" and entry.status != "ended")
            if proposal.state != "open":
                refusals.add(CONFLICT)
            elif answer.accepted and proposal.action != "add" and undone:
                refusals.add(INVALID)
        if len({answer.proposal for answer in answers}) < len(answers):
            refusals.add(INVALID)
        return refusals

    def _propose(self, sent: Propose) -> set[str]:
        there = self.entries.get(sent.entry)
        if sent.action == "add" and there is not None:
            return {CONFLICT}
        if sent.action != "add" and there is None:
            return {NOT_FOUND}
        if sent.action == "end" and there is not None and there.status == "ended":
            return {CONFLICT}
        self.proposals.append(Proposal(sent.who, sent.action, sent.entry))
        return {OK}

    def _withdraw(self, sent: Withdraw) -> set[str]:
        proposal = self.proposals[sent.proposal]
        if proposal.who != sent.who:
            return {DENIED}
        if proposal.state != "open":
            return {CONFLICT}
        self.proposals[sent.proposal] = replace(proposal, state="withdrawn")
        return {OK}


def edited(entries: dict[int, Entry], edits: tuple[Edit, ...]) -> dict[int, Entry]:
    """Returns the entries that are sent after the doctor's edits."""
    after = dict(entries)
    for edit in edits:
        if edit.what in ("drop", "error"):
            after.pop(edit.entry, None)
        elif edit.what == "put":
            after[edit.entry] = Entry("active", edit.text, edit.on, 0, 0)
        elif edit.entry in after:
            after[edit.entry] = replace(after[edit.entry], status=edit.what)
    return after


def errors_of(edits: tuple[Edit, ...]) -> set[int]:
    """Returns the entries that are named as registered in error."""
    return {edit.entry for edit in edits if edit.what == "error"}


def entry_of(entry: Entry) -> tuple[str, str, str]:
    return entry.status, entry.text, entry.on
