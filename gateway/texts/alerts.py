"""Texts of alerts: what was found, why it is not sure, what was not checked: Norwegian, English.

A rule's own words come with the knowledge, under its codes. `medicine` and `other` bring their doubt along.
"""

_ALLERGY = {
    "ALERT_ALLERGY": (
        "{medicine}: {certainty} mot {allergen}.",
        "{medicine}: {certainty} to {allergen}.",
    ),
    "ALERT_ALLERGY_TO_ITS_GROUP": (
        "{medicine}: {certainty} mot {allergen}, som det er en av.",
        "{medicine}: {certainty} to {allergen}, of which it is one.",
    ),
    "ALERT_ALLERGY_THAT_CROSSES": (
        "{medicine}: {certainty} mot {allergen}. {reason}",
        "{medicine}: {certainty} to {allergen}. {reason}",
    ),
    "ALERT_EXCIPIENT": (
        "{medicine}: reaksjon på et hjelpestoff i et legemiddel med dette virkestoffet ({allergen}). Bytt merke.",
        "{medicine}: reaction to an excipient of a medicine with this substance ({allergen}). Change the brand.",
    ),
}
_NOT_CHECKED = {
    "NOT_CHECKED_SECTION_UNAVAILABLE": (
        "Ikke kontrollert: opplysningene kunne ikke hentes.",
        "Not checked: what it needs could not be fetched.",
    ),
    "NOT_CHECKED_SECTION_WITHHELD": (
        "Ikke kontrollert: opplysninger er sperret av pasienten.",
        "Not checked: what it needs is restricted by the patient.",
    ),
    "NOT_CHECKED_SECTION_NOT_AUTHORIZED": (
        "Ikke kontrollert: opplysningene er ikke tilgjengelige for denne brukeren.",
        "Not checked: what it needs is not for this caller.",
    ),
    "NOT_CHECKED_SUBSTANCE_UNKNOWN": (
        "Ikke kontrollert: virkestoffet er ukjent.",
        "Not checked: the substance is not known.",
    ),
    "NOT_CHECKED_NO_KNOWLEDGE": (
        "Ikke kontrollert: kunnskapsgrunnlaget har ingenting om dette.",
        "Not checked: the knowledge has nothing about this.",
    ),
    "NOT_CHECKED_SECTION_INCOMPLETE": (
        "Bare delvis kontrollert: ikke alle opplysninger er med.",
        "Checked in part: not all of what it needs is there.",
    ),
    "NOT_CHECKED_SECTION_NOT_ASKED": (
        "Ikke kontrollert: opplysningene ble det ikke bedt om.",
        "Not checked: what it needs was not asked for.",
    ),
    "NOT_CHECKED_KNOWLEDGE_UNAVAILABLE": (
        "Ikke kontrollert: det finnes ikke noe kunnskapsgrunnlag.",
        "Not checked: there is no knowledge of medicines.",
    ),
    "NOT_CHECKED_NOT_LOOKED_AT": (
        "Blir ikke kontrollert: laboratoriesvar blir ikke sett på, heller ikke nyrefunksjon, kalium og INR.",
        "Never checked: laboratory answers are not looked at, nor are kidney function, potassium and INR.",
    ),
}
TEXTS: dict[str, tuple[str, str]] = {
    "ALERT_INTERACTION": ("{medicine} sammen med {other}: {reason}", "{medicine} with {other}: {reason}"),
    "ALERT_CONDITION": ("{medicine} ved {other}: {reason}", "{medicine} with {other}: {reason}"),
    "ALERT_DUPLICATE": ("{medicine} og {other}: {reason}", "{medicine} and {other}: {reason}"),
    "ALERT_DUPLICATE_OF_ONE": ("{medicine}: {reason}", "{medicine}: {reason}"),
    **_ALLERGY,
    "CERTAINTY_CONFIRMED": ("bekreftet allergi eller intoleranse", "confirmed allergy or intolerance"),
    "CERTAINTY_NOT_CONFIRMED": ("allergi eller intoleranse", "allergy or intolerance"),
    "MEDICINE_WITHOUT_NAME": ("et legemiddel uten navn", "a medicine without a name"),
    "USE_DISCONTINUED": ("seponert", "discontinued"),
    "USE_PAUSED": ("pause", "paused"),
    "USE_ON_OTHER_LIST": ("bare på en annen liste etter sammenslåing", "on another list alone, after a merge"),
    "USE_PAST_PLANNED_END": ("over planlagt slutt", "past its planned end"),
    "USE_NOT_KNOWN": ("ikke kjent om i bruk", "not known whether in use"),
    "USE_PREPARED": ("klargjort, ikke kjent om utlevert", "prepared, not known whether handed over"),
    "USE_SUPPLY_OVER": ("kanskje brukt opp", "perhaps used up"),
    "RULE_SAME_SUBSTANCE_TWICE": ("samme virkestoff to ganger.", "the same substance twice."),
    "RULE_SAME_SUBSTANCE_IN_TWO_STRENGTHS": (
        "samme virkestoff i ulike styrker eller former, noe som kan være ment.",
        "the same substance in different strengths or forms, which may be meant.",
    ),
    "RULE_HAS_IT_ALREADY": ("pasienten har dette virkestoffet fra før.", "the patient has this substance already."),
    "RULE_SUBSTANCE_IN_BOTH": ("begge inneholder samme virkestoff.", "they hold the same substance."),
    "ADVICE_ADD_UP_THE_DOSES": (
        "Finn ut om begge er ment, og legg sammen dosene.",
        "Find out whether both are meant, and add up the doses.",
    ),
    "ADVICE_LOOK_INTO_THE_REACTION": (
        "Gi det ikke før reaksjonen er utredet; velg et annet virkestoff.",
        "Do not give it before the reaction has been looked into; choose another substance.",
    ),
    "ADVICE_COMPARE_EXCIPIENTS": ("Sammenlign hjelpestoffene i merkene.", "Compare the excipients of the brands."),
    "INTERACTIONS_ARE_A_SAMPLE": (
        "Interaksjoner er kontrollert mot et utvalg på {pairs} par. Et par uten funn er ikke dermed trygt.",
        "Interactions are checked against a sample of {pairs} pairs. A pair without a finding is not thereby safe.",
    ),
    **_NOT_CHECKED,
}
