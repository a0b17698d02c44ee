"""Prints alerts of the safety checks: the most serious first, with what was not checked below them."""

from collections.abc import Iterable, Iterator

from rich.console import Console
from rich.text import Text

from kj.show.norwegian import words
from kjernejournal.common.v1 import common_pb2
from kjernejournal.medications.v1 import medications_pb2 as pb
from kjernejournal.summary.v1.summary_pb2 import Alerts

_STYLES = {
    pb.SEVERITY_CONTRAINDICATED: "bold white on red",
    pb.SEVERITY_AVOID: "bold red",
    pb.SEVERITY_CAUTION: "yellow",
    pb.SEVERITY_INFORMATION: "cyan",
}
_EVERY = set(pb.CheckKind.values()) - {pb.CHECK_KIND_UNSPECIFIED, pb.CHECK_KIND_LABORATORY}
"""What can be checked at all."""


def show(found: Alerts | pb.CheckMedicationResponse, console: Console) -> None:
    """Prints each alert with its advice, then what was not checked."""
    for finding in found.findings:
        severity = words(pb.Severity, finding.severity).upper()
        line = Text("  ")
        line.append(f" {severity} ", style=_STYLES.get(finding.severity, "bold red"))
        line.append(f" {_plain(finding.text.text)}")
        if finding.doubtful:
            line.append("  USIKKERT: det er ikke sikkert i bruk", style="yellow")
        console.print(line)
        if finding.advice.text:
            console.print(Text(f"      {_plain(finding.advice.text)}"))
        console.print(
            Text(f"      {words(pb.CheckKind, finding.kind)}; {_plain(finding.knowledge_source)}", style="dim")
        )
    if found.findings_left_out:
        console.print(Text(f"  ... og {found.findings_left_out} mindre alvorlige", style="yellow"))
    if found.checked and not found.findings:
        console.print(Text("  ingen funn i det som er kontrollert", style="dim"))
    for cause in _not_checked(found.not_checked):
        console.print(Text(f"  IKKE KONTROLLERT: {_plain(cause)}", style="yellow"))
    if found.HasField("interaction_coverage"):
        console.print(Text(f"  {_coverage(found.interaction_coverage)}", style="dim"))
    version = found.knowledge_version
    console.print(Text(f"  kunnskap {version}" if version else "  uten legemiddelkunnskap", style="dim"))


def _not_checked(each: Iterable[pb.NotChecked]) -> Iterator[str]:
    """Yields one line for each cause, with the checks that it prevented."""
    causes: dict[tuple[int, int, str], set[int]] = {}
    for one in each:
        about = _named(one.medication) if one.HasField("medication") else ""
        causes.setdefault((one.reason, one.section, about), set()).add(one.kind)
    for (reason, section, about), kinds in causes.items():
        which = "alt" if kinds >= _EVERY else ", ".join(words(pb.CheckKind, kind) for kind in sorted(kinds))
        why = words(pb.NotCheckedReason, reason)
        where = f" ({words(common_pb2.Section, section)})" if section and not about else ""
        yield f"{about + ': ' if about else ''}{which}: {why}{where}"


def _coverage(coverage: pb.InteractionCoverage) -> str:
    """Returns in one line what the interactions were checked against."""
    said = f"interaksjoner: kontrollert mot et utvalg på {coverage.pairs} par"
    names = ", ".join(_plain(_named(each)) for each in coverage.medicines_without_pairs)
    more = f" og {coverage.medicines_left_out} til" if coverage.medicines_left_out else ""
    return f"{said}; ikke for: {names}{more}" if names else said


def _named(concept: common_pb2.CodeableConcept) -> str:
    """Returns the medicine by the first name that its source gave it."""
    named = [concept.text, *(coding.display or coding.code for coding in concept.codings)]
    return next((each for each in named if each), "et legemiddel uten navn")


def _plain(text: str) -> str:
    """Replaces control characters, so that a source's text cannot move the cursor."""
    return "".join(char if char.isprintable() else " " for char in text)
