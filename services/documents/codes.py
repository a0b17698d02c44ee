"""Code lists of documents.

Volven 9602 (types of document) as in HL7 Norway's no-basis-R4, value set NoBasisDocumentReferenceType. Volven 9603
(restriction and refusal) stands in shared/register/restriction.py.
"""

VOLVEN_9602 = "urn:oid:2.16.578.1.12.4.1.1.9602"

DOCUMENT_CLASSES = {
    "A00-1": "Epikriser og sammenfatninger",
    "B00-1": "Kontinuerlig/løpende journal",
    "C00-1": "Prøvesvar, vev og væsker",
    "D00-1": "Organfunksjon",
    "E00-1": "Bildediagnostikk og andre medisinske bilder",
    "F00-1": "Kurve, observasjon og behandling",
    "I00-1": "Korrespondanse",
    "J00-1": "Attester, melding og erklæringer",
    "S00-1": "Test og scoring",
}
"""Class level of Volven 9602. The first letter of a type is that of its class."""

DOCUMENT_TYPES = {
    "A01-2": "Kriseplan",
    "A02-2": "Individuell plan",
    "A03-2": "Epikrise",
    "A04-2": "Sykepleiesammenfatning",
    "A05-2": "Fysioterapisammenfatning",
    "A06-2": "Ergoterapisammenfatning",
    "A07-2": "Psykologsammenfatning",
    "A08-2": "Sosionomsammenfatning",
    "A09-2": "Ernæringsfysiologsammenfatning",
    "A10-2": "Annet fagpersonell sammenfatning",
    "A11-2": "Tverrfaglig sammenfatning",
    "A12-2": "Utskrivings-/Pasientorientering",
    "A13-2": "Poliklinisk epikrise",
    "B01-2": "Tverrfaglig behandlingsplan",
    "B02-2": "Journalnotat",
    "B03-2": "Poliklinisk notat",
    "C01-2": "Medisinsk biokjemi",
    "C02-2": "Blodbank og immunologi",
    "C03-2": "Mikrobiologi, virologi og serologi",
    "C04-2": "Patologi, histologi og cytologi",
    "C05-2": "Klinisk farmakologi",
    "C06-2": "Medisinsk genetikk",
    "C07-2": "Allergiutredning",
    "D01-2": "Hjerte og kretsløp",
    "D02-2": "Lunge",
    "D03-2": "Fordøyelse",
    "D04-2": "Urinveier",
    "D05-2": "Gyn/Reproduksjon",
    "D06-2": "Nervesystemet",
    "D07-2": "Ledd/ ben/ skjelett",
    "D08-2": "ØNH",
    "D09-2": "Øye",
    "D10-2": "Hud",
    "D11-2": "Endokrinologi",
    "D12-2": "Metabolisme",
    "D13-2": "Beinmargsutstryk",
    "E01-2": "Diagnostiske bilder",
    "F01-2": "Kurve",
    "F02-2": "Anestesi- og opr. Rapporter",
    "F03-2": "Intensiv/postoperativ observasjon",
    "F04-2": "Svangerskap og fødsel",
    "F05-2": "Diabetes/ endokrinologi",
    "F06-2": "Onkologi/ hematologi",
    "F07-2": "Nyre/ dialyse",
    "F08-2": "Smertebehandling",
    "F09-2": "Ambulansejournal",
    "F10-2": "Transplantasjon",
    "I01-2": "Henvisninger",
    "I02-2": "Brev",
    "J01-2": "Sykmeldinger og trygdesaker",
    "J02-2": "Legeerklæring om dødsfall",
    "S01-2": "Tester",
    "S02-2": "Systematiserte diagnostiske intervju",
    "S03-2": "Voldsrisikovurdering",
}
"""Type level of Volven 9602."""
