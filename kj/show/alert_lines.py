"""Prints alerts of the safety checks: the most serious first, with what was not checked below them."""

from collections.abc import Iterable, Iterator

from rich.console import Console

from kj.show.columns import line
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
_UNDER = 6
"""Cells before what stands below a finding."""
_EVERY = set(pb.CheckKind.values()) - {pb.CHECK_KIND_UNSPECIFIED, pb.CHECK_KIND_LABORATORY}
"""What can be checked at all."""


def show(found: Alerts | pb.CheckMedicationResponse, console: Console) -> None:
    """Prints each alert with its advice, then what was not checked."""
    for finding in found.findings:
        severity = words(pb.Severity, finding.severity).upper()
        doubt = "USIKKERT OM DET ER I BRUK: " if finding.doubtful else ""
        what = finding.text.text or finding.text.code
        line(f"{severity}: {doubt}{what}", console, _STYLES.get(finding.severity, "bold red"))
        if finding.advice.text:
            line(finding.advice.text, console, indent=_UNDER)
        line(f"{words(pb.CheckKind, finding.kind)}; {finding.knowledge_source}", console, "dim", indent=_UNDER)
    if found.findings_left_out:
        line(f"... og {found.findings_left_out} mindre alvorlige", console, "yellow")
    if found.checked and not found.findings:
        line("ingen funn i det som er kontrollert", console, "dim")
    for cause in _not_checked(found.not_checked):
        line(f"IKKE KONTROLLERT: {cause}", console, "yellow")
    if found.HasField("interaction_coverage"):
        line(_coverage(found.interaction_coverage), console, "dim")
    version = found.knowledge_version
    line(f"kunnskap {version}" if version else "uten legemiddelkunnskap", console, "dim")


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
    names = ", ".join(_named(each) for each in coverage.medicines_without_pairs)
    more = f" og {coverage.medicines_left_out} til" if coverage.medicines_left_out else ""
    return f"{said}; ikke for: {names}{more}" if names else said


def _named(concept: common_pb2.CodeableConcept) -> str:
    """Returns the medicine by the first name that its source gave it."""
    named = [concept.text, *(coding.display or coding.code for coding in concept.codings)]
    return next((each for each in named if each), "et legemiddel uten navn")
