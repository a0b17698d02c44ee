"""A summary in the terminal: every state and completeness, and nothing unknown that reads as none."""

import io
import re
from typing import Any

import pytest
from rich.console import Console

from gateway.registers.sources import SOURCES
from kj.show.lab_rows import MOST_RESULTS
from kj.show.norwegian import words
from kj.show.summary_text import MOST_ROWS, render
from kjernejournal.common.v1 import common_pb2
from kjernejournal.common.v1.common_pb2 import (
    CodeableConcept,
    CodedText,
    Coding,
    EventTime,
    ListWindow,
    PartialDate,
    Quantity,
)
from kjernejournal.critical_info.v1 import critical_info_pb2 as ki
from kjernejournal.documents.v1 import documents_pb2
from kjernejournal.labs.v1 import labs_pb2
from kjernejournal.medications.v1 import medications_pb2
from kjernejournal.own_registrations.v1 import own_registrations_pb2 as own
from kjernejournal.patients.v1 import patients_pb2
from kjernejournal.summary.v1 import summary_pb2
from kjernejournal.summary.v1.summary_pb2 import GetPatientSummaryResponse, SummarySection
from kjernejournal.vaccinations.v1 import vaccinations_pb2
from kjernejournal.visits.v1 import visits_pb2

SECTIONS = [source.section for source in SOURCES]
READS_AS_NONE = re.compile(r"\bingen\b|\bingenting\b|\bintet\b|\bikke noe\b|\btomt?\b", re.IGNORECASE)
SAID_TO_BE_UNKNOWN = re.compile(r"ukjent, ikke ingen|ikke: pasienten har ingen")


def shown(*sections: SummarySection, completeness: Any = summary_pb2.COMPLETENESS_COMPLETE, width: int = 120) -> str:
    out = io.StringIO()
    render(GetPatientSummaryResponse(completeness=completeness, sections=sections), Console(file=out, width=width))
    return out.getvalue()


def only(section: Any, state: Any, **fields: Any) -> str:
    return " ".join(shown(SummarySection(section=section, state=state, **fields)).split())


@pytest.mark.parametrize(
    "value, text",
    [
        (summary_pb2.COMPLETENESS_COMPLETE, "FULLSTENDIG"),
        (summary_pb2.COMPLETENESS_PARTIAL, "UFULLSTENDIG: en del mangler"),
        (summary_pb2.COMPLETENESS_CRITICAL_MISSING, "KRITISK INFORMASJON ELLER LEGEMIDLER MANGLER"),
        (summary_pb2.COMPLETENESS_CRITICAL_WITHHELD, "KRITISK INFORMASJON ELLER LEGEMIDLER ER SPERRET AV PASIENTEN"),
        (summary_pb2.COMPLETENESS_UNSPECIFIED, "UKJENT OM SAMMENDRAGET ER FULLSTENDIG"),
        (77, "UKJENT OM SAMMENDRAGET ER FULLSTENDIG"),
    ],
)
def test_completeness_stands_first(value: Any, text: str) -> None:
    assert shown(completeness=value).strip().splitlines()[0].strip() == text


STATES = {
    summary_pb2.SECTION_STATE_NONE_RECORDED: "ingenting er registrert her (ikke: pasienten har ingen)",
    summary_pb2.SECTION_STATE_NIL_KNOWN: "ingen kjente, har helsepersonell oppgitt",
    summary_pb2.SECTION_STATE_NOT_ASKED: "ingen har spurt",
    summary_pb2.SECTION_STATE_WITHHELD: "SPERRET AV PASIENTEN",
    summary_pb2.SECTION_STATE_NOT_AUTHORIZED: "IKKE TILGJENGELIG FOR DENNE BRUKEREN",
    summary_pb2.SECTION_STATE_UNAVAILABLE: "ukjent, ikke ingen",
    summary_pb2.SECTION_STATE_OLDER_ONLY: "BARE ELDRE OPPLYSNINGER",
    summary_pb2.SECTION_STATE_UNSPECIFIED: "UKJENT TILSTAND",
}


@pytest.mark.parametrize("section", SECTIONS)
def test_every_state_has_words_of_its_own(section: Any) -> None:
    texts = {state: only(section, state) for state in STATES}
    assert all(words in texts[state] for state, words in STATES.items())
    assert len(set(texts.values())) == len(STATES)


@pytest.mark.parametrize("section", [*SECTIONS, common_pb2.SECTION_PRIVACY, 0, 99])
@pytest.mark.parametrize("state", [*summary_pb2.SectionState.values(), 99])
@pytest.mark.parametrize("reason", [*common_pb2.UnavailableReason.values(), 99])
def test_nothing_unknown_reads_as_none(section: Any, state: Any, reason: Any) -> None:
    """All combinations, those that no server of today sends too; and none of them raises."""
    text = only(section, state, unavailable_reason=reason)
    said = {
        summary_pb2.SECTION_STATE_NONE_RECORDED,
        summary_pb2.SECTION_STATE_NIL_KNOWN,
        summary_pb2.SECTION_STATE_NOT_ASKED,
    }
    if state not in said:
        assert not READS_AS_NONE.search(SAID_TO_BE_UNKNOWN.sub("", text)), text


@pytest.mark.parametrize("reason", common_pb2.UnavailableReason.values()[1:])
def test_an_unavailable_section_says_why(reason: Any) -> None:
    name = words(common_pb2.UnavailableReason, reason)
    text = only(common_pb2.SECTION_MEDICATIONS, summary_pb2.SECTION_STATE_UNAVAILABLE, unavailable_reason=reason)
    assert f"IKKE TILGJENGELIG ({name}): ukjent, ikke ingen" in text


def test_data_without_content_is_not_an_empty_list() -> None:
    text = only(common_pb2.SECTION_VISITS, summary_pb2.SECTION_STATE_DATA)
    assert "ukjent, ikke ingen" in text


def concept(display: str) -> CodeableConcept:
    return CodeableConcept(codings=[Coding(code="c", display=display)])


def test_critical_information() -> None:
    entries = [
        ki.CriticalInfo(
            category=ki.CATEGORY_DRUG_REACTION,
            status=ki.STATUS_ACTIVE,
            code=concept("Penicillin"),
            event_time=EventTime(date=PartialDate(year=2019, month=4)),
        ),
        ki.CriticalInfo(category=99, status=99, specification="noe annet", event_time=EventTime(age_years=7)),  # type: ignore[arg-type]  # unknown on purpose
    ]
    text = only(
        common_pb2.SECTION_CRITICAL_INFO,
        summary_pb2.SECTION_STATE_DATA,
        critical_info=ki.CriticalInfoSection(critical_info=entries, window=ListWindow(returned=2, total=2)),
    )
    assert "legemiddelreaksjon Penicillin 2019-04" in text
    assert "ukjent (99) UKJENT (99): noe annet 7 år gammel" in text


def test_medicines_without_a_confirmed_list_say_so() -> None:
    medicine = medications_pb2.Medication(code=concept("Lipitor"), strength="20 mg", atc=Coding(code="C10AA05"))
    content = medications_pb2.MedicationsSection(prescriptions=[medications_pb2.Prescription(medication=medicine)])
    text = only(common_pb2.SECTION_MEDICATIONS, summary_pb2.SECTION_STATE_DATA, medications=content)
    assert "bare resepter: ingen legemiddelliste er bekreftet" in text
    assert "Lipitor 20 mg (C10AA05)" in text
    content.medication_list.entries.add(medication=medicine, status=medications_pb2.ENTRY_STATUS_ACTIVE)
    text = only(common_pb2.SECTION_MEDICATIONS, summary_pb2.SECTION_STATE_DATA, medications=content)
    assert "bare resepter" not in text
    assert "i bruk Lipitor" in text


def test_a_cut_list_says_how_many_there_are() -> None:
    content = visits_pb2.VisitsSection(
        visits=[visits_pb2.Visit()] * (MOST_ROWS + 3),
        window=ListWindow(returned=MOST_ROWS + 3, total=40, older_exist=True, withheld=2),
    )
    text = only(common_pb2.SECTION_VISITS, summary_pb2.SECTION_STATE_DATA, visits=content)
    assert "... og 3 til her" in text
    assert f"{MOST_ROWS + 3} av 40: det finnes eldre" in text
    assert "2 SPERRET AV PASIENTEN" in text


def test_a_list_that_is_older_than_its_window_is_not_empty() -> None:
    content = documents_pb2.DocumentsSection(window=ListWindow(returned=0, total=4, older_exist=True))
    text = only(common_pb2.SECTION_DOCUMENTS, summary_pb2.SECTION_STATE_DATA, documents=content)
    assert "0 av 4: det finnes eldre" in text


def test_a_dead_patient_is_said_to_be_dead_before_anything_else() -> None:
    section = SummarySection(
        section=common_pb2.SECTION_PATIENT,
        state=summary_pb2.SECTION_STATE_DATA,
        patient=patients_pb2.PatientSection(death=patients_pb2.Death(date=PartialDate(year=2026, month=1, day=2))),
    )
    out = io.StringIO()
    notices = [CodedText(code="NOTICE_DECEASED", text="Pasienten er død.")]
    render(GetPatientSummaryResponse(sections=[section], notices=notices), Console(file=out, width=80))
    assert "Pasienten er død. 2026-01-02" in out.getvalue().splitlines()[1]


def test_about_the_patient() -> None:
    content = patients_pb2.PatientSection(
        version=1,
        name=patients_pb2.HumanName(given="Kari", family="Nordmann"),
        death=patients_pb2.Death(date=PartialDate(year=2026, month=1, day=2)),
    )
    text = only(common_pb2.SECTION_PATIENT, summary_pb2.SECTION_STATE_DATA, patient=content)
    assert "navn Kari Nordmann" in text
    assert "født ikke kjent" in text
    assert "død 2026-01-02" in text
    assert "fastlege ikke registrert" in text


def test_laboratory_answers_say_how_far_they_have_come_and_what_is_outside_its_limits() -> None:
    results = [
        labs_pb2.Result(code=concept("Hematologi")),
        labs_pb2.Result(code=concept("Hb"), quantity=Quantity(value="13.2", unit="g/dL")),
        labs_pb2.Result(code=concept("CRP"), quantity=Quantity(value="5", unit="mg/L", comparator=1)),  # type: ignore[arg-type]  # LESS
        labs_pb2.Result(code=concept("K"), quantity=Quantity(value="6.1"), deviation=labs_pb2.DEVIATION_ABOVE),
        labs_pb2.Result(code=concept("Na"), absent_reason=CodeableConcept(text="hemolyse")),
    ]
    report = labs_pb2.LabReport(
        status=labs_pb2.RESULT_STATUS_PRELIMINARY,
        code=concept("Medisinsk biokjemi"),
        effective=EventTime(date=PartialDate(year=2026, month=3, day=1)),
        results=results,
    )
    content = labs_pb2.LabsSection(reports=[report], window=ListWindow(returned=1, total=1))
    text = only(common_pb2.SECTION_LABS, summary_pb2.SECTION_STATE_DATA, labs=content)
    for said in ("2026-03-01 Medisinsk biokjemi FORELØPIG K 6.1 (over)", "Hb 13.2 g/dL", "CRP <5 mg/L"):
        assert said in text
    assert "Na ukjent: hemolyse" in text
    assert "Hematologi" not in text, "a heading has no value of its own"


def test_results_that_do_not_fit_are_counted() -> None:
    results = [labs_pb2.Result(code=concept(f"a{number}"), text="x" * 1000) for number in range(MOST_RESULTS + 4)]
    content = labs_pb2.LabsSection(reports=[labs_pb2.LabReport(results=results)])
    text = only(common_pb2.SECTION_LABS, summary_pb2.SECTION_STATE_DATA, labs=content)
    assert "og 4 til" in text
    assert "[...]" in text


@pytest.mark.parametrize("form", [field.name for field in labs_pb2.Result.DESCRIPTOR.oneofs_by_name["value"].fields])
def test_every_form_of_a_value_can_be_shown(form: str) -> None:
    result = labs_pb2.Result(code=concept("Analyse"))
    if form in {"text", "boolean"}:
        setattr(result, form, {"text": "Påvist", "boolean": False}[form])
    else:
        getattr(result, form).SetInParent()
    content = labs_pb2.LabsSection(reports=[labs_pb2.LabReport(results=[result])])
    text = only(common_pb2.SECTION_LABS, summary_pb2.SECTION_STATE_DATA, labs=content)
    assert "Analyse" in text
    assert "ukjent: " not in text


def test_a_vaccine_that_was_not_given_is_loud() -> None:
    given = vaccinations_pb2.Vaccination(
        status=vaccinations_pb2.VACCINATION_STATUS_COMPLETED, vaccine=concept("MMR"), country="PL", dose_number=2
    )
    refused = vaccinations_pb2.Vaccination(
        status=vaccinations_pb2.VACCINATION_STATUS_NOT_DONE, vaccine=concept("BCG"), country="NO"
    )
    content = vaccinations_pb2.VaccinationsSection(vaccinations=[given, refused])
    text = only(common_pb2.SECTION_VACCINATIONS, summary_pb2.SECTION_STATE_DATA, vaccinations=content)
    assert "MMR dose 2, gitt i PL" in text
    assert "BCG IKKE GITT" in text


def test_who_must_not_be_contacted_stands_first() -> None:
    entries = [own.OwnRegistration(illness=own.Illness(condition=concept("Astma")))] * MOST_ROWS
    entries.append(own.OwnRegistration(contact=own.Contact(name="Ola", roles=[own.CONTACT_ROLE_NEXT_OF_KIN])))
    entries.append(own.OwnRegistration(contact=own.Contact(name="Per", not_to_be_contacted=True)))
    content = own.OwnRegistrationsSection(registrations=entries)
    text = only(common_pb2.SECTION_OWN_REGISTRATIONS, summary_pb2.SECTION_STATE_DATA, own_registrations=content)
    assert text.index("SKAL IKKE KONTAKTES Per") < text.index("Astma")


def test_what_a_patient_has_registered() -> None:
    kari = own.Contact(name="Kari", roles=[own.CONTACT_ROLE_NEXT_OF_KIN], relation=concept("Barn"))
    kari.contact_points.add(system=own.ContactPoint.SYSTEM_PHONE, value="+4710000000")
    language = own.CommunicationNeed(kind=own.COMMUNICATION_KIND_LANGUAGE, language="so", interpreter=True)
    card = own.DonorCard(decision=own.DONOR_DECISION_UNWILLING)
    content = own.OwnRegistrationsSection(
        registrations=[
            own.OwnRegistration(contact=kari),
            own.OwnRegistration(communication_need=language),
            own.OwnRegistration(donor_card=card),
            own.OwnRegistration(),
        ]
    )
    text = only(common_pb2.SECTION_OWN_REGISTRATIONS, summary_pb2.SECTION_STATE_DATA, own_registrations=content)
    assert "pårørende Kari (Barn) +4710000000" in text
    assert "kommunikasjon språk so tolk trengs" in text
    assert "donorkort nei til å donere" in text
    assert "registrert noe som ikke kan vises her" in text


def test_escape_sequences_of_a_source_do_not_reach_the_terminal() -> None:
    content = documents_pb2.DocumentsSection(
        documents=[documents_pb2.Document(title="[bold]a[/bold]\x1b]0;eid\x07\x1b[2J")], window=ListWindow(total=1)
    )
    text = only(common_pb2.SECTION_DOCUMENTS, summary_pb2.SECTION_STATE_DATA, documents=content)
    assert "\x1b" not in text
    assert "\x07" not in text
    assert "[bold]a[/bold]" in text, "markup of a source is text"


def alerts(**fields: Any) -> str:
    out = io.StringIO()
    found = summary_pb2.Alerts(**fields)
    render(GetPatientSummaryResponse(alerts=found), Console(file=out, width=200))
    return " ".join(out.getvalue().split())


def test_a_summary_without_alerts_was_not_checked() -> None:
    assert "LEGEMIDLENE ER IKKE KONTROLLERT" in shown()


def test_a_finding_says_how_serious_it_is_what_to_do_and_where_that_is_known_from() -> None:
    finding = medications_pb2.Finding(
        kind=medications_pb2.CHECK_KIND_INTERACTION,
        severity=medications_pb2.SEVERITY_AVOID,
        text=CodedText(text="Warfarin with Ibuprofen: bleeding."),
        advice=CodedText(text="Use paracetamol."),
        knowledge_source="SPC Marevan 4.5",
    )
    text = alerts(findings=[finding], checked=[medications_pb2.CHECK_KIND_INTERACTION], knowledge_version="2026.1")
    assert "BØR UNNGÅS: Warfarin with Ibuprofen: bleeding. Use paracetamol. interaksjon; SPC Marevan 4.5" in text
    assert "kunnskap 2026.1" in text


def test_what_was_not_checked_is_told_once_for_each_cause() -> None:
    reason = medications_pb2.NOT_CHECKED_REASON_SECTION_UNAVAILABLE
    every = [
        medications_pb2.NotChecked(kind=kind, reason=reason, section=common_pb2.SECTION_MEDICATIONS)
        for kind in medications_pb2.CheckKind.values()[1:]
    ]
    text = alerts(not_checked=every)
    assert "IKKE KONTROLLERT: alt: ikke tilgjengelig (legemidler)" in text
    assert "ingen funn" not in text
    assert "uten legemiddelkunnskap" in text


def test_a_substance_that_is_not_known_is_named() -> None:
    unknown = medications_pb2.NotChecked(
        kind=medications_pb2.CHECK_KIND_ALLERGY,
        reason=medications_pb2.NOT_CHECKED_REASON_SUBSTANCE_UNKNOWN,
        medication=CodeableConcept(text="Urtete"),
    )
    text = alerts(not_checked=[unknown], checked=[medications_pb2.CHECK_KIND_ALLERGY])
    assert "IKKE KONTROLLERT: Urtete: allergi: ukjent virkestoff" in text


def test_what_interactions_were_checked_against_is_one_line() -> None:
    coverage = medications_pb2.InteractionCoverage(
        pairs=1200, medicines_without_pairs=[CodeableConcept(text="Metformin"), CodeableConcept(text="Timolol")]
    )
    text = alerts(interaction_coverage=coverage, checked=[medications_pb2.CHECK_KIND_INTERACTION])
    assert "kontrollert mot et utvalg på 1200 par; ikke for: Metformin, Timolol" in text


def test_laboratory_answers_that_are_not_looked_at_are_a_line_of_their_own() -> None:
    line = medications_pb2.NotChecked(
        kind=medications_pb2.CHECK_KIND_LABORATORY,
        reason=medications_pb2.NOT_CHECKED_REASON_NOT_LOOKED_AT,
        section=common_pb2.SECTION_LABS,
    )
    assert "IKKE KONTROLLERT: prøvesvar: blir ikke sett på (prøvesvar)" in alerts(not_checked=[line])
