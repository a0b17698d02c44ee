"""A finding as the rules make it, before it becomes a message; and which one to keep where several rules apply."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from gateway.safety.knowledge import Rule
from gateway.safety.substances import Entry
from gateway.safety.wording import Phrase, coded_text, of_catalogue
from gateway.texts.languages import Language
from kjernejournal.medications.v1 import medications_pb2 as pb

CheckValue: TypeAlias = "pb.CheckKind.ValueType"

MOST_EVIDENCE = 50
"""Entries that a finding names, at most."""


@dataclass(frozen=True, slots=True)
class Found:
    """One conflict."""

    kind: CheckValue
    rule: Rule
    code: str
    """Of the text of ours that says it."""
    values: dict[str, Phrase]
    """What the text names."""
    entries: Sequence[Entry]
    doubtful: bool = False
    """A medicine in it may be in use, and is not surely."""

    @property
    def order(self) -> tuple[int, int, str]:
        """The most serious first."""
        return (-self.rule.severity, self.kind, of_catalogue(self.code, **self.values).english)

    def message(self, version: str, language: Language) -> pb.Finding:
        """Returns it as a reply has it."""
        return pb.Finding(
            kind=self.kind,
            severity=self.rule.severity,
            text=coded_text(self.code, self.values, language),
            advice=self.rule.advice.message(language) if self.rule.advice else None,
            reason=self.rule.text.message(language) if self.rule.text else None,
            evidence=[entry.evidence() for entry in self.entries[:MOST_EVIDENCE]],
            knowledge_source=self.rule.source.said(language),
            knowledge_version=version,
            doubtful=self.doubtful,
        )


def gravest(numbers: Iterable[int], rules: Sequence[Rule]) -> Rule:
    """Returns the most serious of some rules; of equals the one that stands first in the table."""
    return rules[min(numbers, key=_by_severity(rules))]


def _by_severity(rules: Sequence[Rule]) -> Callable[[int], tuple[int, int]]:
    return lambda number: (-rules[number].severity, number)
