"""Texts of a reconciliation: where a medicine is, what differs, what is in doubt, what the draft makes of it, and what
was not compared: Norwegian, English.

Names of sides and of what is compared are those of ReconciliationSource and ComparedField, as they stand in a sentence.
"""

_SIDES = {
    "RECONCILIATION_SOURCE_MEDICATION_LIST": ("på legemiddellisten", "on the medication list"),
    "RECONCILIATION_SOURCE_OTHER_LIST": (
        "på en annen legemiddelliste for pasienten",
        "on another medication list of the patient",
    ),
    "RECONCILIATION_SOURCE_INCOMING": ("på den medbrakte listen", "on the list brought along"),
    "RECONCILIATION_SOURCE_PRESCRIBED": ("forskrevet", "prescribed"),
    "RECONCILIATION_SOURCE_STATEMENT": ("oppgitt å være i bruk", "stated to be in use"),
    "RECONCILIATION_SOURCE_DISPENSED": ("utlevert", "dispensed"),
}
_FIELDS = {
    "COMPARED_FIELD_SUBSTANCE": ("virkestoff", "substance"),
    "COMPARED_FIELD_STRENGTH": ("styrke", "strength"),
    "COMPARED_FIELD_FORM": ("legemiddelform", "form"),
    "COMPARED_FIELD_DOSE": ("dose", "dose"),
    "COMPARED_FIELD_STATUS": ("om det er i bruk", "whether it is in use"),
    "COMPARED_FIELD_ROUTE": ("administrasjonsvei", "way into the body"),
    "COMPARED_FIELD_SITE": ("sted på kroppen", "place on the body"),
    "COMPARED_FIELD_INSTRUCTIONS": ("instruksjoner", "instructions"),
}
_DOUBTS = {
    "DOUBT_SEVERAL_FIT": (
        "Usikkert: flere oppføringer passer like godt.",
        "Doubtful: several entries fit equally well.",
    ),
    "DOUBT_NAME_ALONE": (
        "Usikkert: bare navnet sier at det er det samme.",
        "Doubtful: only the name says that it is the same.",
    ),
    "DOUBT_OTHER_SUBSTANCE": (
        "Usikkert: virkestoffet er ikke det samme.",
        "Doubtful: the substance is not the same.",
    ),
    "DOUBT_DISCONTINUED_UNDER_ANOTHER_CODE": (
        "Usikkert: listen har seponert samme virkestoff under en annen kode.",
        "Doubtful: the list has discontinued the same substance under another code.",
    ),
    "DOUBT_ONE_SUBSTANCE": (
        "Usikkert: en annen oppføring her inneholder samme virkestoff.",
        "Doubtful: another entry here holds the same substance.",
    ),
    "DOUBT_DISCONTINUED_AND_IN_USE": (
        "Usikkert: én kilde sier at det er seponert, en annen at det er i bruk.",
        "Doubtful: one side says that it is discontinued, another that it is in use.",
    ),
    "DOUBT_TWO_LISTS_DIFFER": (
        "Usikkert: to av pasientens legemiddellister sier forskjellige ting.",
        "Doubtful: two lists of the patient say different things.",
    ),
    "DOUBT_NOT_COMPARABLE": (
        "Usikkert: dette kan ikke sammenlignes: {fields:and}.",
        "Doubtful: this cannot be compared: {fields:and}.",
    ),
    "DOUBT_USE_NOT_KNOWN": (
        "Usikkert: ingen kilde vet om det er i bruk.",
        "Doubtful: no source knows whether it is in use.",
    ),
    "DOUBT_DISPENSED_AND_RECALLED": (
        "Usikkert: det er utlevert, og resepten er tilbakekalt fordi det ble seponert.",
        "Doubtful: it was dispensed, and its prescription was recalled since it was discontinued.",
    ),
    "DOUBT_SUPPLY_NOT_KNOWN": (
        "Usikkert: det er utlevert, og ingen kilde sier hvor lenge det varer.",
        "Doubtful: it was dispensed, and no source says how long it lasts.",
    ),
    "DOUBT_WORDS_ALONE": (
        "Usikkert: virkestoffet er bare oppgitt i ord, uten kode.",
        "Doubtful: nothing but words says what substance it is.",
    ),
    "DOUBT_CODED_OTHERWISE": (
        "Usikkert: virkestoffet er kodet på en annen måte enn i oppføringer det kan være det samme som.",
        "Doubtful: its substance is coded in another way than that of entries it may be the same as.",
    ),
}
_DRAFT = {
    "DRAFT_KEPT": ("Utkastet har det som det sto.", "The draft has it as it stood."),
    "DRAFT_KEPT_OTHER_CONTRADICTS_ITSELF": (
        "Utkastet har det som det sto: den andre dosen motsier seg selv, i tekst og i struktur.",
        "The draft has it as it stood: the other dose contradicts itself, in words and in structure.",
    ),
    "DRAFT_RECALLS": (
        "Utkastet har det som seponert. Når det sendes, blir det som er forskrevet av det, tilbakekalt.",
        "The draft has it as discontinued, and sending it recalls what is prescribed of it.",
    ),
    "DRAFT_WITHOUT": ("Det er ikke med i utkastet.", "It is not in the draft."),
    "DRAFT_WITHOUT_GOODS": (
        "Det er ikke med i utkastet: vaksiner, næringsmidler og forbruksmateriell står ikke på en legemiddelliste.",
        "It is not in the draft: vaccines, nutrition and consumables are not on a medication list.",
    ),
    "DRAFT_WITHOUT_OLDER": (
        "Det er ikke med i utkastet: listen ble bekreftet etter dette, uten det.",
        "It is not in the draft: the list was confirmed after this, without it.",
    ),
    "DRAFT_WITHOUT_CONTRADICTORY": (
        "Det er ikke med i utkastet: dosen i tekst og dosen i struktur motsier hverandre.",
        "It is not in the draft: its dose in words and the one in structure contradict each other.",
    ),
    "DRAFT_WITHOUT_LONG_DISCONTINUED": (
        "Det er ikke med i utkastet: det ble seponert for mer enn 90 dager siden.",
        "It is not in the draft: it was discontinued more than 90 days ago.",
    ),
}
_NOT_COMPARED = {
    "NOT_COMPARED_LOCKED": ("Låst av pasienten.", "Locked by the patient."),
    "NOT_COMPARED_PRESCRIBED": (
        "Resepter og rekvisisjoner som ikke er gyldige.",
        "Prescriptions and orders that are not in force.",
    ),
    "NOT_COMPARED_DISPENSED": (
        "Tidligere utleveringer, og de som er brukt opp.",
        "Earlier dispensings, and those whose supply is over.",
    ),
    "NOT_COMPARED_STATED": (
        "Opplysninger om det som ikke er i bruk, eller ikke lenger er det, og som ikke gjelder ett legemiddel.",
        "Statements about what is not, or no longer, in use, and about no single medicine.",
    ),
    "NOT_COMPARED_NO_LIST": (
        "Det finnes ingen legemiddelliste: det som er forskrevet, utlevert og i bruk, er sammenlignet.",
        "There is no medication list: what is prescribed, dispensed and in use is compared.",
    ),
    "NOT_COMPARED_NOTHING_BROUGHT": ("Ingen liste er brakt med.", "No list was brought along."),
    "NOT_COMPARED_NO_KNOWLEDGE": (
        "Uten legemiddelkunnskap: at to koder er, eller inneholder, samme virkestoff, er ikke undersøkt.",
        "Without drug knowledge: whether two codes are, or hold, one substance was not looked into.",
    ),
}
TEXTS: dict[str, tuple[str, str]] = {
    "RECONCILED_ON": ("{sides:And}.", "{sides:And}."),
    "RECONCILED_NOT_ON": ("Ikke {sides:or}.", "Not {sides:or}."),
    "RECONCILED_DIFFERS": ("{side:And}, med avvik: {fields:and}.", "{side:And}, differing: {fields:and}."),
    "RECONCILED_PAUSED": ("{side:And}: på pause.", "{side:And}: paused."),
    "RECONCILED_DISCONTINUED": ("{side:And}: seponert.", "{side:And}: discontinued."),
    "DANGER_WEEKLY_AND_DAILY": (
        "FARLIG: ukentlig i én kilde og daglig i en annen.",
        "DANGEROUS: weekly on one side and daily on another.",
    ),
    **_SIDES,
    **_FIELDS,
    **_DOUBTS,
    **_DRAFT,
    **_NOT_COMPARED,
}
